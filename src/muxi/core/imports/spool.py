"""Checked records in a temporary file, and the order in which they are written: by user, and by time."""

from __future__ import annotations

import json
from array import array
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import IO, Any, NamedTuple

import numpy as np

from muxi.core.spooling import append, temporary_file

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class Checked(NamedTuple):
    """A record that can be written: no private values, its times as texts in UTC."""

    user: int
    key: str
    text: str
    at: str
    role: str
    agent: str
    session: str
    metadata: dict[str, Any]
    expires_at: str | None


class Spool:
    """Records in a file without a name, that the system removes. In memory are 24 bytes of each."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._ends = array("q", [0])
        self._users = array("q")
        self._times = array("q")

    def __len__(self) -> int:
        return len(self._users)

    def add(self, record: Checked, at: datetime) -> None:
        """Keeps a record.

        Raises:
            StorageFullError: there is no room for it.
        """
        line = json.dumps(record).encode()
        append(self._file, line)
        self._ends.append(self._ends[-1] + len(line))
        self._users.append(record.user)
        self._times.append((at - _EPOCH) // _MICROSECOND)

    def in_order(self) -> Iterator[Checked]:
        """The records user by user, the earliest first; those of one time as they came."""
        for place in np.lexsort((self._times, self._users)):
            first, end = self._ends[place], self._ends[place + 1]
            self._file.seek(first)
            yield Checked(*json.loads(self._file.read(end - first)))


@contextmanager
def spooled() -> Iterator[Spool]:
    """An empty spool, gone afterwards."""
    with temporary_file() as file:
        yield Spool(file)
