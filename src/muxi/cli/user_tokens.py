"""``muxi tokens``: short-lived tokens of users."""

from __future__ import annotations

from typing import Annotated

import typer

from muxi.cli import output
from muxi.cli.options import Ident, Json, Type, identifier
from muxi.cli.place import Place, placed
from muxi.cli.spans import span
from muxi.cli.users import day

app = typer.Typer(help="Short-lived tokens of users.", no_args_is_help=True)


@app.command()
@placed
def create(
    place: Place,
    ident: Ident,
    expires_in: Annotated[str, typer.Option("--expires-in", metavar="SPAN", help="1s to 7d.")] = "1h",
    type: Type = None,
    json: Json = False,
) -> None:
    """A token with which its holder acts for this user, and for nobody else."""
    lifetime = span(expires_in, "--expires-in")
    with place.open() as access:
        made = access.doors.create_token(identifier(ident, type), lifetime)
    if json:
        output.as_json(made)
    else:
        output.done(made["token"])
        output.note(f"{made['jti']} of {made['muxi_user_id']}, until {day(made['expires_at'])}")


@app.command()
@placed
def revoke(
    place: Place,
    jti: Annotated[str | None, typer.Argument(metavar="[JTI]", help="Of the token, as create tells it.")] = None,
    user: Annotated[
        str | None, typer.Option("--user", metavar="IDENT", help="Every token of this user.", show_default=False)
    ] = None,
) -> None:
    """Take a token back, or every token of a user."""
    if (jti is None) == (user is None):
        raise typer.BadParameter("Name the jti of a token, or --user.")
    with place.open() as access:
        if jti is not None:
            access.doors.revoke_token(jti)
        elif user is not None:
            access.doors.revoke_tokens(identifier(user))
    output.done("It is worth nothing any more." if jti else f"No token of {user} is worth anything any more.")


@app.command("rotate-key")
@placed
def rotate_key(place: Place) -> None:
    """Sign with a new key from now on. What was signed before works until it ends."""
    with place.open() as access:
        kid = access.doors.rotate_signing_key()
    output.done(f"Tokens are signed with the key {kid} now.")
