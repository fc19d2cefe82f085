"""``muxi users``, ``muxi link`` and ``muxi unlink``: who an identifier means."""

from __future__ import annotations

from typing import Annotated

import typer

from muxi.cli import output
from muxi.cli.access import Shape
from muxi.cli.options import Ident, Json, Type, identifier
from muxi.cli.place import Place, placed

app = typer.Typer(help="Who an identifier means.", no_args_is_help=True)

User = Annotated[
    str | None,
    typer.Option("--user", metavar="IDENT", help="The user, by any identifier or usr_ id.", show_default=False),
]


@app.command()
@placed
def resolve(
    place: Place,
    ident: Ident,
    type: Type = None,
    json: Json = False,
) -> None:
    """The user an identifier means; an identifier that nobody has makes a new user."""
    with place.open() as access:
        user = access.resolve(identifier(ident, type))
    if json:
        output.as_json(user)
    else:
        output.done(f"{user['muxi_user_id']}{' (new)' if user['created'] else ''}")


@app.command()
@placed
def show(
    place: Place,
    ident: Ident,
    details: Annotated[
        bool,
        typer.Option(
            "--details", help="Also what they have, and their merges; of disabled users, too.", show_default=False
        ),
    ] = False,
    type: Type = None,
    json: Json = False,
) -> None:
    """A user and the identifiers they are known by."""
    who = identifier(ident, type)
    with place.open() as access:
        user = access.users.details(who) if details else access.show(who)
    if json:
        output.as_json(user)
    elif details:
        details_tables(user)
    else:
        output.done(f"{user['muxi_user_id']}, since {day(user['created_at'])}")
        identifier_table(user)


@app.command()
@placed
def identifiers(
    place: Place,
    ident: Ident,
    type: Type = None,
    json: Json = False,
) -> None:
    """Every identifier of a user, in the order they were linked."""
    with place.open() as access:
        user = access.show(identifier(ident, type))
    if json:
        output.as_json(user["identifiers"])
    else:
        identifier_table(user)


@placed
def link(
    place: Place,
    idents: Annotated[list[str], typer.Argument(metavar="IDENT...", help="All of them become one user's.")],
    user: User = None,
    merge: Annotated[
        bool, typer.Option("--merge", help="Make them one user if they belong to several.", show_default=False)
    ] = False,
    verified: Annotated[
        bool, typer.Option("--verified", help="You have made sure that they are the user's.", show_default=False)
    ] = False,
    type: Type = None,
    json: Json = False,
) -> None:
    """Link identifiers to one user: all of them, or none and an error."""
    if type is not None and len(idents) > 1:
        raise typer.BadParameter("--type goes with one identifier. Write type:value for each instead.")
    with place.open() as access:
        raws = [identifier(one, type) for one in idents]
        linked = access.link(raws, identifier(user) if user else None, merge, verified)
    changed(linked, json)


@placed
def unlink(
    place: Place,
    ident: Ident,
    user: User = None,
    force: Annotated[bool, typer.Option("--force", help="Also a user's last identifier.", show_default=False)] = False,
    type: Type = None,
    json: Json = False,
) -> None:
    """Take an identifier from its user. Seen again, it is a new user's."""
    with place.open() as access:
        owner = access.unlink(identifier(ident, type), identifier(user) if user else None, force)
    changed(owner, json)


def changed(user: Shape, json: bool) -> None:
    """What a user's identifiers are now."""
    if json:
        output.as_json(user)
    else:
        output.done(f"{user['muxi_user_id']}{' (new)' if user.get('created') else ''}")
        identifier_table(user)


def details_tables(user: Shape) -> None:
    """A user, what they have, and their merges."""
    since = f", disabled since {day(user['disabled_at'])}" if user["disabled_at"] else ""
    output.done(f"{user['muxi_user_id']}, since {day(user['created_at'])}{since}")
    identifier_table(user)
    output.table(("has", "number"), user["holdings"].items(), empty="")
    standing = [one for one in user["merges"] if not one["split_at"]]
    rows = ((one["merge_id"], "\n".join(one["merged"]), day(one["merged_at"])) for one in standing)
    if standing:
        output.table(("merge", "merged", "when"), rows, empty="")


def identifier_table(user: Shape, title: str | None = None) -> None:
    """A user's identifiers as a table."""
    output.table(
        ("type", "identifier", "linked", "by", "proven"),
        (
            (
                one["type"] or "-",
                one["identifier"],
                day(one["linked_at"]),
                one["linked_by"],
                day(one["verified_at"]) if one["verified_at"] else "-",
            )
            for one in user["identifiers"]
        ),
        empty="No identifiers.",
        title=title,
    )


def day(moment: str) -> str:
    """A time for a person: to the minute, in UTC."""
    return moment[:16].replace("T", " ")
