"""The words of privacy: what was erased, what was exported, what was restored."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import TracebackType
from typing import IO

from muxi.ids import UserId

FORMAT = "muxi.user"
VERSION = 1


@dataclass(frozen=True, slots=True)
class Erased:
    """The receipt of an erasure.

    Attributes:
        user_id: who it was; this id means nobody from now on.
        users: every id that was erased: this one, and those that were merged into it.
        counts: rows removed, by table.
        receipt: the place of its row in the audit.
        erased_at: in UTC.
    """

    user_id: UserId
    users: tuple[UserId, ...]
    counts: Mapping[str, int]
    receipt: int
    erased_at: datetime


@dataclass(frozen=True, slots=True)
class Deleted:
    """The receipt of a deletion of what a user said and of what is remembered of them.

    Attributes:
        user_id: whose; the user stays, with every identifier.
        counts: rows removed, by table.
        before: only what was older than this was removed; ``None``: all.
        receipt: the place of its row in the audit.
        deleted_at: in UTC.
    """

    user_id: UserId
    counts: Mapping[str, int]
    before: datetime | None
    receipt: int
    deleted_at: datetime


@dataclass(frozen=True, slots=True)
class Swept:
    """What a sweep removed.

    Attributes:
        counts: rows of expired and too old memories, messages and so on, by table.
        visitors: anonymous users whose token had ended, erased with all they said.
        clean: whether what was removed is out of the database's files, too.
    """

    counts: Mapping[str, int]
    visitors: int
    clean: bool


@dataclass(frozen=True, slots=True)
class Restored:
    """What came back from an export.

    Attributes:
        user_id: the user, under the id it had.
        counts: rows written, by table.
        skipped: rows left out, by table: secrets that are hashed under another formation's key, and the audit.
    """

    user_id: UserId
    counts: Mapping[str, int]
    skipped: Mapping[str, int]


class UserExport:
    """Everything of one user, as it was at one moment; close it, or use it as a context manager.

    It can be read any number of times, by one reader after the other.

    Attributes:
        user_id: whose.
        counts: rows, by table.
        exported_at: in UTC.
    """

    def __init__(self, user_id: UserId, counts: Mapping[str, int], exported_at: datetime, file: IO[str]) -> None:
        self.user_id = user_id
        self.counts = counts
        self.exported_at = exported_at
        self._file = file

    def lines(self) -> Iterator[str]:
        """JSON Lines, each with its line feed: a header, a line for each row with its table, a footer with counts."""
        self._file.seek(0)
        # Not "yield from": whoever stops early would close the file with the generator.
        for line in self._file:  # noqa: UP028
            yield line

    def document(self) -> Iterator[str]:
        """The same as one JSON document, in pieces: the header's members, ``tables`` and ``counts``."""
        lines = self.lines()
        yield next(lines).rstrip()[:-1] + ', "tables": {'
        first = True
        for table, count in self.counts.items():
            yield f'{"" if first else ", "}"{table}": ['
            first = False
            for place in range(count):
                # A line is {"table": ..., "row": ...} as `export` writes it: the row is cut out, not parsed.
                row = next(lines).rstrip().removeprefix(f'{{"table": "{table}", "row": ')[:-1]
                yield f"{',' if place else ''}\n{row}"
            yield "]"
        yield "}, " + next(lines).rstrip().removeprefix("{") + "\n"

    def close(self) -> None:
        """Forgets it."""
        self._file.close()

    def __enter__(self) -> UserExport:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
