"""Checked records in a temporary file, and the order in which they are written: by user, and by time."""

from __future__ import annotations

import json
from array import array
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from tempfile import TemporaryFile
from typing import IO, Any, NamedTuple

import numpy as np

from muxi.errors import StorageFullError

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
    """Records in a file without a name, that the system removes. In memory are 32 bytes of each."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._offsets = array("q")
        self._users = array("q")
        self._times = array("q")
        self._end = 0

    def __len__(self) -> int:
        return len(self._offsets)

    def add(self, record: Checked, at: datetime) -> None:
        """Keeps a record.

        Raises:
            StorageFullError: there is no room for it.
        """
        line = json.dumps(record).encode() + b"\n"
        try:
            self._file.write(line)
        except OSError as error:
            raise StorageFullError(
                "The folder of temporary files cannot hold what the file says. Nothing was changed; free some space, "
                "or name another folder in TMPDIR."
            ) from error
        self._offsets.append(self._end)
        self._users.append(record.user)
        self._times.append((at - _EPOCH) // _MICROSECOND)
        self._end += len(line)

    def in_order(self) -> Iterator[Checked]:
        """The records user by user, the earliest first; those of one time as they came."""
        self._file.flush()
        for place in np.lexsort((self._times, self._users)):
            self._file.seek(self._offsets[place])
            yield Checked(*json.loads(self._file.readline()))


@contextmanager
def spooled() -> Iterator[Spool]:
    """An empty spool, gone afterwards."""
    with TemporaryFile(prefix="muxi-import-") as file:
        yield Spool(file)
