"""``muxi credentials``: users' secrets for outside services, and the master keys that open them."""

from __future__ import annotations

import json as json_text
import os
import secrets
import sys
from contextlib import closing
from importlib import import_module
from pathlib import Path
from typing import Annotated

import typer

from muxi.cli import output
from muxi.cli.access import SecretDraft, Shape
from muxi.cli.options import As, Json, identifier
from muxi.cli.place import Place, placed, placed_in_store
from muxi.cli.spans import span
from muxi.cli.users import day
from muxi.errors import NotFoundError, SettingsError

ACTOR = "command line"

app = typer.Typer(help="Users' secrets for outside services.", no_args_is_help=True)

Service = Annotated[str, typer.Argument(help="Small letters, digits, dots, - and _: github.")]
Name = Annotated[str, typer.Option("--name", help="Which of several.")]
Which = Annotated[
    str | None,
    typer.Option("--id", metavar="CREDENTIAL", help="crd_...: which of several of a name.", show_default=False),
]


@app.command("set")
@placed
def set_secret(
    place: Place,
    service: Service,
    who: As,
    name: Name = "default",
    metadata: Annotated[str, typer.Option(help="A JSON object, kept with it in clear.")] = "{}",
    expires_in: Annotated[
        str | None, typer.Option("--expires-in", metavar="SPAN", help="Like 12h or 30d.", show_default=False)
    ] = None,
    which: Which = None,
    json: Json = False,
) -> None:
    """Store a secret: of standard input, or asked for. It is never an argument, which other processes can see."""
    draft = SecretDraft(service, name, _asked_for(), _object(metadata), span(expires_in, "--expires-in"), which)
    with place.open() as access:
        stored = access.credentials.put(identifier(who), draft)
    if json:
        output.as_json(stored)
    else:
        output.done(f"{stored['service']}/{stored['name']} is stored: {stored['preview']}")


@app.command("list")
@placed
def list_secrets(
    place: Place, who: As, service: Annotated[str, typer.Argument(help="Only of this one.")] = "", json: Json = False
) -> None:
    """A user's credentials, without the secrets."""
    with place.open() as access:
        answer = access.credentials.list(identifier(who), service)
    if json:
        output.as_json(answer)
        return
    rows = (
        (one["credential_id"], one["service"], one["name"], one["preview"], _day(one["last_used_at"]), _end(one))
        for one in answer["credentials"]
    )
    columns = ("credential", "service", "name", "secret", "last used", "until")
    output.table(columns, rows, empty="There are no credentials.")


@app.command()
@placed
def show(
    place: Place,
    service: Service,
    who: As,
    name: Name = "default",
    which: Which = None,
    reveal: Annotated[bool, typer.Option("--reveal", help="The secret itself.", show_default=False)] = False,
    json: Json = False,
) -> None:
    """What is kept of a secret; with --reveal the secret itself, which the audit records."""
    with place.open() as access:
        if reveal:
            answer = access.credentials.reveal(identifier(who), service, name, which)
        else:
            answer = _one(access.credentials.list(identifier(who), service)["credentials"], service, name, which)
    if json:
        output.as_json(answer)
    elif reveal:
        # As it is, with nothing of a terminal's about it: it is piped.
        sys.stdout.write(answer["secret"] + "\n")
    else:
        output.table(("of", "is"), ((key, value) for key, value in answer.items() if value is not None), empty="")


@app.command()
@placed
def delete(place: Place, service: Service, who: As, name: Name = "default", which: Which = None) -> None:
    """Remove a secret."""
    with place.open() as access:
        gone = access.credentials.delete(identifier(who), service, name, which)
    output.done(f"{gone['service']}/{gone['name']} is gone.")


@app.command("new-key")
def make_key(
    file: Annotated[
        Path | None,
        typer.Option(help="Put it before the others of this file, which is made if missing.", show_default=False),
    ] = None,
) -> None:
    """Make a master key, for credentials.master_key; or, with --file, for the file of credentials.master_key_file."""
    envelope = import_module("muxi.core.credentials.envelope")
    written: str = envelope.new_master_key()
    if file is None:
        output.answers.print(written, soft_wrap=True)
        output.note("Keep it apart from the database, and a copy of it: without it no credential opens.")
        return
    _put_before(file, written)
    output.done(f"{file} has a new master key: {envelope.read_master_key(written).id}")
    output.note("Keep a copy of it. `muxi credentials rotate` has it wrap what older keys have wrapped.")


@app.command()
@placed_in_store
def rotate(place: Place, json: Json = False) -> None:
    """Wrap every data key by the newest master key of the settings. Others read and write meanwhile."""
    with closing(place.formation()) as formation:
        done = formation.credentials.rotate(actor=ACTOR)
    if json:
        output.as_json({"master_key": done.key_id, "rewrapped": done.rewrapped, "left": done.left})
        return
    output.done(f"The master key {done.key_id} wraps everything: {done.rewrapped} data keys anew.")
    if done.left:
        output.note(f"But for {done.left}, which need a key that is not set, or do not open. Keep the older keys.")


def _asked_for() -> str:
    if sys.stdin.isatty():
        asked: str = typer.prompt("Secret", hide_input=True, err=True)
        return asked
    # The line's end is the pipe's; a secret of several lines keeps those inside.
    return sys.stdin.read().removesuffix("\n").removesuffix("\r")


def _object(written: str) -> Shape:
    try:
        read = json_text.loads(written)
    except ValueError:
        read = None
    if not isinstance(read, dict):
        raise typer.BadParameter('--metadata is a JSON object, like {"scopes": ["repo"]}.')
    return read


def _one(found: list[Shape], service: str, name: str, which: str | None) -> Shape:
    for one in found:
        if one["name"] == name and which in (None, one["credential_id"]):
            return one
    raise NotFoundError(f"There is no credential {service}/{name}.")


def _put_before(file: Path, written: str) -> None:
    """Whole or not at all, and at no moment readable by others: who serves reads it at any time."""
    try:
        held = file.read_text(encoding="ascii") if file.exists() else ""
        fresh = file.with_name(f"{file.name}.{secrets.token_hex(8)}")
        number = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with open(number, "w", encoding="ascii") as opened:
            opened.write(f"{written}\n{held}")
            opened.flush()
            os.fsync(number)
        fresh.replace(file)
    except (OSError, UnicodeDecodeError):
        raise SettingsError(f"{file} cannot be read or written. Name a file in a folder that is yours.") from None


def _day(moment: str | None) -> str:
    return day(moment) if moment else "never"


def _end(one: Shape) -> str:
    return day(one["expires_at"]) if one["expires_at"] else "-"
