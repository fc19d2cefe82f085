"""Reading an export: all of it is checked before the first row is written."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from tempfile import SpooledTemporaryFile
from typing import IO, Any

from muxi.core.privacy.export import SPOOLED_BYTES
from muxi.core.privacy.reading import Source, entries, wrong
from muxi.core.privacy.tables import READ_ONLY, TABLES, UNDER_KEY, Column
from muxi.core.privacy.types import FORMAT, VERSION
from muxi.ids import UserId, is_id

Row = tuple[str, tuple[Any, ...]]
_ORDER = {table: place for place, table in enumerate(TABLES)}
_NAMES = {table: {column.name for column in columns} for table, columns in TABLES.items()}


class Checked:
    """An export in which everything is right. Close it, or use it as a context manager.

    Attributes:
        user_id: the canonical user.
        skipped: rows that `rows` leaves out, by table.
    """

    def __init__(self, user_id: UserId, skipped: Mapping[str, int], foreign: bool, file: IO[str]) -> None:
        self.user_id = user_id
        self.skipped = skipped
        self._foreign = foreign
        self._file = file

    def rows(self) -> Iterator[Row]:
        """What is to be written, in the order of the tables."""
        self._file.seek(0)
        for line in self._file:
            table, row = json.loads(line)
            if not _is_skipped(table, row, self._foreign):
                yield (
                    table,
                    tuple(
                        None if row[column.name] is None else column.read(row[column.name]) for column in TABLES[table]
                    ),
                )

    def __enter__(self) -> Checked:
        return self

    def __exit__(self, *raised: object) -> None:
        self._file.close()


def checked(source: Source, key_mark: str) -> Checked:
    """The export, read to its end.

    Args:
        source: as `Source`.
        key_mark: of the formation into which it is to be written. An export of another one has secrets and claims
            hashed under that one's key: nobody could ever match them, so they are skipped.

    Raises:
        InvalidImportError: it is no export, or broken, or of a newer version; ``details["lines"]`` says where.
    """
    found = entries(source)
    header = _header(next(found, (0, None)))
    with ExitStack() as if_it_fails:
        file: IO[str] = if_it_fails.enter_context(
            SpooledTemporaryFile(SPOOLED_BYTES, "w+", encoding="utf-8", newline="\n")
        )
        reading = _Reading(UserId(header["user_id"]), header.get("key") != key_mark)
        for place, entry in found:
            reading.take(place, entry, file)
        reading.finish()
        if_it_fails.pop_all()
    return Checked(reading.user_id, reading.skipped, reading.foreign, file)


@dataclass(slots=True)
class _Reading:
    """How far an export was read.

    Attributes:
        user_id: the canonical user.
        foreign: whether it comes from a formation with another key.
        counts: rows so far, by table.
        skipped: those that will not be written.
        known: ids of the rows that others may name; of a session, with the number that its next message has.
        latest: the place of the table that was read last.
        ended: whether the footer was read.
    """

    user_id: UserId
    foreign: bool
    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(TABLES, 0))
    skipped: dict[str, int] = field(default_factory=dict)
    known: dict[str, dict[str, int]] = field(default_factory=lambda: {"users": {}, "sessions": {}, "merges": {}})
    latest: int = 0
    ended: bool = False

    def take(self, place: int, entry: Any, file: IO[str]) -> None:
        if self.ended:
            raise wrong(place, "there is something behind the end")
        if isinstance(entry, dict) and entry.keys() == {"counts"}:
            self._end(place, entry["counts"])
            return
        table, row = (entry.get("table"), entry.get("row")) if isinstance(entry, dict) else (None, None)
        if not isinstance(table, str) or table not in TABLES or not isinstance(row, dict):
            raise wrong(place, "this is not a row of a known table")
        self._check(place, table, row)
        self.counts[table] += 1
        if _is_skipped(table, row, self.foreign):
            self.skipped[table] = self.skipped.get(table, 0) + 1
        file.write(json.dumps([table, row]) + "\n")

    def finish(self) -> None:
        if not self.ended:
            raise wrong(0, "it is cut off: the counts at its end are missing")
        if self.user_id not in self.known["users"]:
            raise wrong(0, f"{self.user_id}, whose it is, is not among its users")

    def _end(self, place: int, counts: Any) -> None:
        if not isinstance(counts, dict) or {name: count for name, count in counts.items() if count} != {
            name: count for name, count in self.counts.items() if count
        }:
            raise wrong(place, "the counts are not those of the rows: some are missing")
        self.ended = True

    def _check(self, place: int, table: str, row: Mapping[str, Any]) -> None:
        if row.keys() != _NAMES[table]:
            raise wrong(place, f"a row of {table} has exactly {', '.join(sorted(_NAMES[table]))}")
        if _ORDER[table] < self.latest:
            raise wrong(place, f"rows of {table} come before those of later tables")
        self.latest = _ORDER[table]
        if table in self.known:
            self.known[table][str(row["id"])] = row.get("next_seq") or 0
        for column in TABLES[table]:
            self._check_value(place, table, column, row[column.name])
        self._check_sense(place, table, row)

    def _check_value(self, place: int, table: str, column: Column, value: Any) -> None:
        if value is None and column.optional:
            return
        try:
            column.read(value)
        except ValueError as error:
            raise wrong(place, f"{table}.{column.name} is {error}") from error
        if column.refers and value not in self.known[column.refers]:
            raise wrong(place, f"{table}.{column.name} names a row of {column.refers} that is not there")

    def _check_sense(self, place: int, table: str, row: Mapping[str, Any]) -> None:
        if table == "users" and row["canonical_id"] != self.user_id:
            raise wrong(place, f"the user is not part of {self.user_id}")
        if table == "messages" and not 1 <= row["seq"] < self.known["sessions"][row["session_id"]]:
            raise wrong(place, "messages.seq is not one that its session has given out")


def _is_skipped(table: str, row: Mapping[str, Any], foreign: bool) -> bool:
    if table in READ_ONLY:
        return True
    # A secret's hash begins with a space.
    return foreign and (table in UNDER_KEY or (table == "identifiers" and row["value"].startswith(" ")))


def _header(first: tuple[int, Any]) -> Mapping[str, Any]:
    place, header = first
    if not isinstance(header, dict) or header.get("format") != FORMAT:
        raise wrong(place, f"this is not the export of a user: it does not begin with the format {FORMAT!r}")
    version = header.get("version")
    if version != VERSION or isinstance(version, bool):
        raise wrong(place, f"it is of version {version!r}, and this muxi reads version {VERSION}")
    if not isinstance(header.get("user_id"), str) or not is_id(header["user_id"], "usr"):
        raise wrong(place, "it does not say whose it is")
    return header
