"""Reading a file of users' identifiers: CSV or JSON Lines, line by line, with a line's number for every fault."""

from __future__ import annotations

import csv
import hashlib
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any, BinaryIO, Literal, NamedTuple

from muxi.core.identity.bulk_types import Group
from muxi.core.identity.types import IdentifierInput
from muxi.errors import InvalidImportError
from muxi.ids import is_id

Format = Literal["csv", "jsonl"]

COLUMNS = ("user", "identifier", "type")
MEMBERS = {"user", "identifier", "identifiers", "type"}
#: The longest line, in bytes. A line without an end would fill the memory.
MAX_LINE = 1024 * 1024
BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class _Columns(NamedTuple):
    """How many there are, and the places of those that are known."""

    in_all: int
    identifier: int
    user: int | None
    type: int | None


class BadLineError(ValueError):
    """What is wrong with one line."""


class ImportFile:
    """An open file of identifiers.

    Args:
        file: open for reading, at its beginning.
        format: CSV or JSON Lines.
    """

    def __init__(self, file: IO[bytes], format: Format) -> None:
        self._file = file
        self._rows = _csv if format == "csv" else _json_lines
        self.size = file.seek(0, os.SEEK_END)
        file.seek(0)
        #: SHA-256 of the file, once `groups` was read to its end.
        self.digest = ""

    def groups(self, told: Callable[[int], None]) -> Iterator[tuple[int, Group | BadLineError]]:
        """Each line's number, from 1, and what it says, or what is wrong with it.

        Args:
            told: is told how many bytes were read, now and then.

        Raises:
            InvalidImportError: the file is empty, or cannot be read any further.
        """
        if not self.size:
            raise InvalidImportError("The file is empty: it says nothing about anybody. Nothing was changed.")
        sha = hashlib.sha256()
        yield from self._rows(_lines(self._file, sha.update, told))
        self.digest = sha.hexdigest()


def format_of(path: Path) -> Format:
    """The format that a file's name tells.

    Raises:
        InvalidImportError: it tells none.
    """
    suffix = path.suffix.lower()
    if suffix not in (".csv", ".jsonl", ".ndjson"):
        raise InvalidImportError(f"{path.name!r} does not say what it is. Name it .csv, or .jsonl (JSON Lines).")
    return "csv" if suffix == ".csv" else "jsonl"


def opened(path: Path) -> BinaryIO:
    """The file, open for reading.

    Raises:
        InvalidImportError: it is not a file that can be read.
    """
    if not path.is_file():
        raise InvalidImportError(f"{path} is not a file. Name a .csv or .jsonl file.")
    try:
        return path.open("rb")
    except OSError as error:
        raise InvalidImportError(f"{path} cannot be read. Give this process the right to read it.") from error


def _lines(file: IO[bytes], feed: Callable[[bytes], None], told: Callable[[int], None]) -> Iterator[str]:
    read = 0
    for number, line in enumerate(iter(lambda: file.readline(MAX_LINE + 1), b""), 1):
        if len(line) > MAX_LINE:
            raise InvalidImportError(
                f"Line {number} has more than {MAX_LINE} bytes. Nothing was changed.",
                lines=[{"line": number, "message": f"It has more than {MAX_LINE} bytes."}],
            )
        feed(line)
        read += len(line)
        if number % 1000 == 0:
            told(read)
        # What is not UTF-8 becomes characters that no identifier may have: its line is refused, and the rest is read.
        yield (line.removeprefix(BYTE_ORDER_MARK) if number == 1 else line).decode(errors="surrogateescape")
    told(read)


def _csv(lines: Iterator[str]) -> Iterator[tuple[int, Group | BadLineError]]:
    reader = csv.reader(lines)
    columns: _Columns | None = None
    while True:
        try:
            row = next(reader, None)
        except csv.Error:
            raise InvalidImportError(
                f"Line {reader.line_num} is not CSV. Nothing was changed.",
                lines=[{"line": reader.line_num, "message": "It is not CSV."}],
            ) from None
        if row is None:
            return
        if columns is None:
            columns = _columns(row)
        elif row:
            yield reader.line_num, _of_row(columns, row)


def _columns(header: list[str]) -> _Columns:
    columns = [name.strip().lower() for name in header]
    if "identifier" not in columns or len(set(columns)) < len(columns) or not set(columns) <= set(COLUMNS):
        raise InvalidImportError(
            f"The first line has to name the columns: {', '.join(COLUMNS)}; user and type may be missing. "
            "Nothing was changed.",
            lines=[{"line": 1, "message": "It does not name the columns."}],
        )
    user, type = ((columns.index(name) if name in columns else None) for name in ("user", "type"))
    return _Columns(len(columns), columns.index("identifier"), user, type)


def _of_row(columns: _Columns, row: list[str]) -> Group | BadLineError:
    in_all, identifier, user, type = columns
    if len(row) != in_all:
        return BadLineError(f"It has {len(row)} columns; the first line has {in_all}.")
    written = (row[identifier], row[type] if type is not None else None)
    return _group(row[user].strip() if user is not None else "", [written])


def _json_lines(lines: Iterator[str]) -> Iterator[tuple[int, Group | BadLineError]]:
    for number, line in enumerate(lines, 1):
        if line.strip():
            yield number, _of_json(line)


def _of_json(line: str) -> Group | BadLineError:
    try:
        read = json.loads(line)
    except (ValueError, RecursionError):
        return BadLineError("It is not JSON.")
    if not isinstance(read, dict) or not set(read) <= MEMBERS or ("identifier" in read) == ("identifiers" in read):
        return BadLineError('It is not {"user":, "identifiers": [...]} or {"user":, "identifier":, "type":}.')
    if "identifiers" in read and ("type" in read or not isinstance(read["identifiers"], list)):
        return BadLineError('"identifiers" is a list, and each of them has its own type.')
    identifiers = read["identifiers"] if "identifiers" in read else [(read["identifier"], read.get("type"))]
    user = "" if read.get("user") is None else read["user"]
    if isinstance(user, bool) or not isinstance(user, str | int):
        return BadLineError('"user" is a usr_ id, or your own name of the user.')
    return _group(str(user).strip(), [_pair(one) for one in identifiers])


def _pair(one: Any) -> Any:
    """JSON has no tuples."""
    return tuple(one) if isinstance(one, list) else one


def _group(user: str, identifiers: list[IdentifierInput]) -> Group | BadLineError:
    if not user:
        return Group(identifiers)
    if user.startswith("usr_"):
        return Group(identifiers, user) if is_id(user, "usr") else BadLineError(f"{user!r} is not a user's id.")
    return Group(identifiers, name=user)
