"""``muxi users export``, ``restore``, ``erase`` and ``expire``: what is known of a user, out, in again, and gone."""

from __future__ import annotations

import os
import secrets
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Annotated, Literal

import typer

from muxi.cli import output
from muxi.cli.access import Shape
from muxi.cli.options import Ident, Json, Type, Who, identifier
from muxi.cli.place import Place, placed
from muxi.cli.users import details_tables
from muxi.errors import InvalidImportError, InvalidInputError

#: How a time may be written.
TIMES = ["%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"]
File = Annotated[Path, typer.Argument(metavar="FILE", help="An export; - for standard input.", show_default=False)]


@placed
def export(
    place: Place,
    ident: Ident,
    to: Annotated[
        Path | None, typer.Option("--output", "-o", help="A new file; standard output if not told.", show_default=False)
    ] = None,
    format: Annotated[
        Literal["json", "jsonl"], typer.Option(help="One document, or a line for each row: for users who said much.")
    ] = "json",
    type: Type = None,
) -> None:
    """Everything that is stored of a user, as JSON or JSON Lines."""
    who = identifier(ident, type)
    with place.open() as access:
        parts = access.users.export(who, format)
        if to is None:
            sys.stdout.writelines(parts)
            return
        with _new_file(to) as file:
            file.writelines(parts)
    output.done(f"Written to {to}, which only you can read.")


@placed
def restore(place: Place, file: File, json: Json = False) -> None:
    """Bring an exported user back, ids and all, where nobody knows them."""
    with place.open() as access, _opened(file) as read:
        restored = access.users.restore(read)
    if json:
        output.as_json(restored)
        return
    output.done(f"{restored['muxi_user_id']} is back.")
    _count_table("restored", restored["counts"])
    if any(restored["skipped"].values()):
        _count_table("left out", restored["skipped"])


@placed
def erase(
    place: Place,
    ident: Ident,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.", show_default=False)] = False,
    type: Type = None,
    json: Json = False,
) -> None:
    """Erase a user, and everyone who was merged into them, for good. Asks first."""
    if json and not yes:
        raise typer.BadParameter("--json cannot ask: say --yes, too.")
    with place.open() as access:
        who: Who = identifier(ident, type)
        if not yes:
            user = access.users.details(who)
            details_tables(user)
            if not typer.confirm(f"Erase {user['muxi_user_id']} for good?", err=True):
                output.note("Nothing was erased.")
                raise typer.Exit(1)
            who = user["muxi_user_id"]
        erased = access.users.erase(who)
    if json:
        output.as_json(erased)
        return
    output.done(f"{erased['muxi_user_id']} is erased. The receipt is row {erased['receipt']} of the audit.")
    _count_table("erased", erased["counts"])


@placed
def delete_data(
    place: Place,
    ident: Ident,
    before: Annotated[
        datetime | None,
        typer.Option(help="Only what is older than this time, in UTC.", formats=TIMES, show_default=False),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.", show_default=False)] = False,
    type: Type = None,
    json: Json = False,
) -> None:
    """Delete what a user said and what is remembered of them, for good; the user stays. Asks first."""
    if json and not yes:
        raise typer.BadParameter("--json cannot ask: say --yes, too.")
    until = None if before is None else before.replace(tzinfo=UTC)
    with place.open() as access:
        who: Who = identifier(ident, type)
        if not yes:
            user = access.users.details(who)
            details_tables(user)
            older = f" older than {until:%Y-%m-%d %H:%M} UTC" if until else ""
            if not typer.confirm(f"Delete everything{older} that {user['muxi_user_id']} said, for good?", err=True):
                output.note("Nothing was deleted.")
                raise typer.Exit(1)
            who = user["muxi_user_id"]
        deleted = access.users.delete_data(who, until)
    if json:
        output.as_json(deleted)
        return
    output.done(f"Deleted. {deleted['muxi_user_id']} stays. The receipt is row {deleted['receipt']} of the audit.")
    _count_table("deleted", deleted["counts"])


@placed
def expire(place: Place, json: Json = False) -> None:
    """Erase visitors whose token has ended and who never signed in. Run it once a day."""
    with place.open() as access:
        answer = access.users.expire()
    if json:
        output.as_json(answer)
    else:
        output.done(f"Visitors erased: {answer['erased']}.")


def _count_table(what: str, counts: Shape) -> None:
    rows = ((table, count) for table, count in counts.items() if count)
    output.table(("table", what), rows, empty="No rows.")


@contextmanager
def _opened(file: Path) -> Iterator[IO[str]]:
    if str(file) == "-":
        yield sys.stdin
        return
    try:
        opened = file.open(encoding="utf-8")
    except OSError as error:
        raise InvalidInputError(f"{file} cannot be read ({error.strerror}).") from error
    try:
        with opened:
            yield opened
    except UnicodeDecodeError as error:
        raise InvalidImportError(f"{file} is not text in UTF-8. Nothing was changed.") from error


@contextmanager
def _new_file(path: Path) -> Iterator[IO[str]]:
    """Whole or not at all, and at no moment readable by others: what people said is their own."""
    fresh = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    try:
        number = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with open(number, "w", encoding="utf-8") as file:
                yield file
            fresh.replace(path)
        finally:
            fresh.unlink(missing_ok=True)
    except OSError as error:
        raise InvalidInputError(f"{path} cannot be written ({error.strerror}).") from error
