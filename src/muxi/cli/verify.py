"""``muxi verify start`` and ``confirm``: that an identifier is a user's own."""

from __future__ import annotations

from typing import Annotated

import typer

from muxi.cli import output
from muxi.cli.options import As, Json, Type, identifier
from muxi.cli.place import Place, placed
from muxi.cli.users import changed, day

app = typer.Typer(help="Prove that an identifier is a user's own.", no_args_is_help=True)


@app.command()
@placed
def start(
    place: Place,
    who: As,
    ident: Annotated[
        str | None,
        typer.Argument(
            metavar="IDENT",
            help="What is to be proven; without it, whichever identifier the code comes back from.",
            show_default=False,
        ),
    ] = None,
    type: Type = None,
    json: Json = False,
) -> None:
    """Make a one-time code, to be sent where only the owner of the identifier reads it."""
    if ident is None and type is not None:
        raise typer.BadParameter("--type goes with an IDENT.")
    with place.open() as access:
        started = access.proofs.start(identifier(who), identifier(ident, type) if ident is not None else None)
    if json:
        output.as_json(started)
        return
    proves = started["identifier"] or "whichever identifier it comes back from"
    output.done(started["code"])
    output.note(f"It proves {proves}, once, until {day(started['expires_at'])} (UTC).")


@app.command()
@placed
def confirm(
    place: Place,
    code: Annotated[str, typer.Argument(help="As it came back.")],
    ident: Annotated[
        str | None,
        typer.Argument(metavar="IDENT", help="Where it came from, if it was made without one.", show_default=False),
    ] = None,
    merge: Annotated[
        bool,
        typer.Option("--merge", help="Make them one user if it is another user's, too.", show_default=False),
    ] = False,
    type: Type = None,
    json: Json = False,
) -> None:
    """Link the identifier that a code proves."""
    if ident is None and type is not None:
        raise typer.BadParameter("--type goes with an IDENT.")
    with place.open() as access:
        user = access.proofs.confirm(code, identifier(ident, type) if ident is not None else None, merge)
    changed(user, json)
