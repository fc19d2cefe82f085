"""``muxi keys`` and ``muxi roles``: who may do what."""

from __future__ import annotations

from typing import Annotated

import typer

from muxi.cli import output
from muxi.cli.access import Shape
from muxi.cli.access_doors import KeyDraft
from muxi.cli.options import Cursor, Json, Limit, identifier
from muxi.cli.place import Place, placed
from muxi.cli.spans import span
from muxi.cli.users import day

app = typer.Typer(help="Keys of applications.", no_args_is_help=True)
roles_app = typer.Typer(help="What keys may do.", no_args_is_help=True)

KeyId = Annotated[str, typer.Argument(metavar="KEY", help="key_..., as list shows it; never the key itself.")]
ExpiresIn = Annotated[
    str | None, typer.Option("--expires-in", metavar="SPAN", help="Like 12h or 30d.", show_default=False)
]


@app.command()
@placed
def create(
    place: Place,
    name: Annotated[str, typer.Argument(help="What it is for.")] = "",
    role: Annotated[str, typer.Option(help="owner, admin, support, developer, user, or your own.")] = "developer",
    scope: Annotated[
        list[str] | None,
        typer.Option("--scope", help="Narrows the role: memories:read, memories:* ...; repeat it.", show_default=False),
    ] = None,
    user: Annotated[
        str | None,
        typer.Option("--user", metavar="IDENT", help="It acts for this user only.", show_default=False),
    ] = None,
    owner: Annotated[str, typer.Option(help="Who answers for it.", show_default=False)] = "",
    expires_in: ExpiresIn = None,
    json: Json = False,
) -> None:
    """Make a key. It is shown this once."""
    lifetime = span(expires_in, "--expires-in")
    who = identifier(user) if user else None
    with place.open() as access:
        made = access.doors.create_key(KeyDraft(name, role, owner, scope, who, lifetime))
    _shown(made, json)


@app.command("list")
@placed
def list_keys(place: Place, limit: Limit = 50, cursor: Cursor = None, json: Json = False) -> None:
    """Every key that was made, newest first, without what opens."""
    with place.open() as access:
        page = access.doors.keys(limit, cursor)
    if json:
        output.as_json(page)
        return
    rows = (
        (
            one["key_id"],
            one["name"] or "-",
            _may(one),
            one["muxi_user_id"] or "all",
            _state(one),
            _used(one),
        )
        for one in page["keys"]
    )
    output.table(("key", "name", "role", "user", "state", "last used"), rows, empty="No keys were made.")
    output.more(page)


@app.command()
@placed
def rotate(
    place: Place,
    key: KeyId,
    overlap: Annotated[
        str, typer.Option(metavar="SPAN", help="How long the old one still works; 0s: not at all.")
    ] = "1d",
    json: Json = False,
) -> None:
    """A new key in the place of one, which still works for a while."""
    kept = span(overlap, "--overlap")
    with place.open() as access:
        made = access.doors.rotate_key(key, kept)
    _shown(made, json)


@app.command()
@placed
def revoke(place: Place, key: KeyId, json: Json = False) -> None:
    """End a key, at once and in every process."""
    with place.open() as access:
        revoked = access.doors.revoke_key(key)
    if json:
        output.as_json(revoked)
    else:
        output.done(f"{revoked['key_id']} opens nothing any more.")


@roles_app.command("list")
@placed
def list_roles(place: Place, json: Json = False) -> None:
    """Every role, and what it may do."""
    with place.open() as access:
        answer = access.doors.roles()
    if json:
        output.as_json(answer)
        return
    rows = ((one["name"], one["description"], "\n".join(one["permissions"])) for one in answer["roles"])
    output.table(("role", "means", "permissions"), rows, empty="")


@roles_app.command("set")
@placed
def set_role(
    place: Place,
    name: Annotated[str, typer.Argument(help="Small letters, digits, _ and -.")],
    permissions: Annotated[list[str], typer.Argument(metavar="PERMISSION...", help="memories:read, memories:* ...")],
    description: Annotated[str, typer.Option(help="For people.", show_default=False)] = "",
    json: Json = False,
) -> None:
    """Make a role, or change it: keys that have it may do then what it says."""
    with place.open() as access:
        role = access.doors.put_role(name, permissions, description)
    if json:
        output.as_json(role)
    else:
        output.done(f"{role['name']} may do: {', '.join(role['permissions'])}")


@roles_app.command()
@placed
def remove(place: Place, name: Annotated[str, typer.Argument(help="Of the role.")]) -> None:
    """Remove a role that no key has."""
    with place.open() as access:
        access.doors.remove_role(name)
    output.done(f"The role {name} is gone.")


def _shown(made: Shape, json: bool) -> None:
    if json:
        output.as_json(made)
        return
    output.done(made["key"])
    output.note(f"{made['record']['key_id']}, {_may(made['record'])}. Keep it now: it is not shown again.")


def _may(key: Shape) -> str:
    scopes = key["scopes"]
    return str(key["role"]) if scopes is None else f"{key['role']}: {', '.join(scopes)}"


def _state(key: Shape) -> str:
    if key["revoked_at"]:
        return f"revoked {day(key['revoked_at'])}"
    if key["rotated_to"]:
        return f"replaced, until {day(key['expires_at'])}"
    return f"until {day(key['expires_at'])}" if key["expires_at"] else "works"


def _used(key: Shape) -> str:
    return day(key["last_used_at"]) if key["last_used_at"] else "never"
