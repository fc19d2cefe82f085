"""``muxi link-tokens``, ``muxi verify id-token``, and visitors: proofs that are a token."""

from __future__ import annotations

import sys
from datetime import timedelta
from typing import Annotated

import typer

from muxi.cli import output
from muxi.cli.options import As, Ident, Json, Type, identifier
from muxi.cli.place import Place, placed
from muxi.cli.users import User, changed, day

app = typer.Typer(help="Signed tokens of an identifier, for links that are sent there.", no_args_is_help=True)

ExpiresIn = Annotated[
    int | None,
    typer.Option("--expires-in", metavar="SECONDS", help="How long it works.", min=1, show_default=False),
]
Merge = Annotated[
    bool, typer.Option("--merge", help="Make them one user if it is another user's, too.", show_default=False)
]
Verified = Annotated[bool, typer.Option("--verified", help="You have made sure that it is theirs.", show_default=False)]
Token = Annotated[
    str, typer.Argument(metavar="TOKEN", help="- for standard input: what is written here, other processes can see.")
]


@app.command()
@placed
def create(place: Place, ident: Ident, expires_in: ExpiresIn = None, type: Type = None, json: Json = False) -> None:
    """Make a token of an identifier: whoever brings it back reads what is sent there."""
    with place.open() as access:
        made = access.proofs.create_token(identifier(ident, type), _span(expires_in))
    if json:
        output.as_json(made)
        return
    output.done(made["token"])
    output.note(f"It works once, until {day(made['expires_at'])} (UTC).")


@app.command()
@placed
def redeem(place: Place, token: Token, who: As, merge: Merge = False, json: Json = False) -> None:
    """Link a token's identifier to a user."""
    with place.open() as access:
        user = access.proofs.redeem_token(_written(token), identifier(who), merge)
    changed(user, json)


@placed
def id_token(place: Place, token: Token, user: User = None, merge: Merge = False, json: Json = False) -> None:
    """Link the account that an OpenID Connect ID token is about, and its e-mail address if that was verified.

    Without --user: to whoever has proven one of them, else to somebody new.
    """
    with place.open() as access:
        found = access.proofs.associate_id_token(_written(token), identifier(user) if user else None, merge)
    changed(found, json)


@placed
def anonymous(place: Place, expires_in: ExpiresIn = None, json: Json = False) -> None:
    """Make a visitor, who is known by a token until they sign in or it ends."""
    with place.open() as access:
        visitor = access.proofs.visit(_span(expires_in))
    if json:
        output.as_json(visitor)
        return
    output.done(visitor["token"])
    output.note(f"It is {visitor['muxi_user_id']}, until {day(visitor['expires_at'])} (UTC).")


@placed
def sign_in(
    place: Place, token: Token, ident: Ident, verified: Verified = False, type: Type = None, json: Json = False
) -> None:
    """A visitor turns out to be somebody: what they said goes along, and the token ends."""
    with place.open() as access:
        user = access.proofs.sign_in(_written(token), identifier(ident, type), verified)
    changed(user, json)


def _span(seconds: int | None) -> timedelta | None:
    return None if seconds is None else timedelta(seconds=seconds)


def _written(token: str) -> str:
    return sys.stdin.read().strip() if token == "-" else token
