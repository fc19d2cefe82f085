"""What was prepared for linking, kept in a temporary file until all of it is known to be right."""

from __future__ import annotations

import marshal
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import IO

from muxi.core.identity.bulk_store import Prepared
from muxi.core.identity.types import Identifier
from muxi.core.spooling import append, temporary_file
from muxi.ids import UserId

_LENGTH = 8


class Spool:
    """Batches of prepared groups in a file without a name, that the system removes. Their users are ids, or none.

    Written by this process for itself: so it may be in Python's own form, the quickest that there is.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def add(self, batch: Sequence[Prepared]) -> None:
        """Keeps a batch.

        Raises:
            StorageFullError: there is no room for it.
        """
        # Plain tuples: marshal takes nothing derived from them.
        rows = [(place, [*map(tuple, identifiers)], user, named) for place, identifiers, user, named in batch]
        content = marshal.dumps(rows)
        append(self._file, len(content).to_bytes(_LENGTH) + content)

    def after(self, place: int) -> Iterator[list[Prepared]]:
        """The batches, in order, without the groups up to a place."""
        self._file.seek(0)
        while length := self._file.read(_LENGTH):
            # A file without a name, which only this process has written.
            rows = marshal.loads(self._file.read(int.from_bytes(length)))  # nosec B302
            batch = [_prepared(*row) for row in rows if row[0] > place]
            if batch:
                yield batch


@contextmanager
def spooled() -> Iterator[Spool]:
    """An empty spool, gone afterwards."""
    with temporary_file() as file:
        yield Spool(file)


def _prepared(place: int, identifiers: Iterable[tuple[str, ...]], user: UserId | None, named: bool) -> Prepared:
    return Prepared(place, [*map(Identifier._make, identifiers)], user, named)
