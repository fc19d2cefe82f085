"""A dry run: what would have been linked is kept beside the database, in a file that is gone afterwards."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Iterator, Mapping
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path

from muxi.core.identity.bulk_store import Additions, BulkReader, BulkStore, BulkWriter, Known, Mark
from muxi.ids import UserId
from muxi.storage.databases.sqlite import translated

_TABLE = "CREATE TABLE linked (value text, type text, user_id text, PRIMARY KEY (value, type)) WITHOUT ROWID"
_BY_USER = "CREATE INDEX linked_by_user ON linked (user_id)"
_KNOWN = "SELECT l.value, l.type, l.user_id FROM json_each(?) w CROSS JOIN linked l ON l.value = w.value"
_COUNTS = "SELECT user_id, type, count(*) FROM linked WHERE user_id = ? GROUP BY type"


@contextmanager
def dry_store(store: BulkStore) -> Iterator[BulkStore]:
    """A store that answers as ``store`` would if what is written to it had been kept there. Nothing is.

    What would have been kept lies in a temporary file: a dry run needs as little memory as an import, and holds no
    lock on the database and no transaction.
    """
    # An empty name: a file without a name, that the system removes.
    with translated(Path("The dry run's temporary file")), closing(sqlite3.connect("", isolation_level=None)) as kept:
        kept.execute(_TABLE)
        kept.execute(_BY_USER)
        yield _DryStore(store, kept)


class _DryStore:
    """`muxi.core.identity.bulk_store.BulkStore` that keeps nothing."""

    at_once = 1

    def __init__(self, store: BulkStore, kept: sqlite3.Connection) -> None:
        self._store = store
        self._kept = kept

    @property
    def most_values(self) -> int:
        return self._store.most_values

    @contextmanager
    def writing(self, values: Collection[str], actor: str, now: datetime) -> Iterator[BulkWriter]:
        with self._store.reading() as reader:
            yield _DryWriter(reader, self._kept)

    @contextmanager
    def reading(self) -> Iterator[BulkReader]:
        with self._store.reading() as reader:
            yield _DryWriter(reader, self._kept)

    @contextmanager
    def for_many(self) -> Iterator[BulkStore]:
        yield self

    @contextmanager
    def dry(self) -> Iterator[BulkStore]:
        yield self

    def lines_done(self, source: str) -> int:
        return 0


class _DryWriter:
    """`muxi.core.identity.bulk_store.BulkWriter` that writes beside the database."""

    def __init__(self, reader: BulkReader, kept: sqlite3.Connection) -> None:
        self._reader = reader
        self._kept = kept

    def known(self, values: Collection[str]) -> list[Known]:
        wanted = json.dumps(list(values))
        kept = [Known(value, type, user_id, False) for value, type, user_id in self._kept.execute(_KNOWN, (wanted,))]
        return [*self._reader.known(values), *kept]

    def canonical(self, user_ids: Collection[UserId]) -> dict[UserId, tuple[UserId, bool]]:
        return self._reader.canonical(user_ids)

    def counts(self, user_ids: Collection[UserId]) -> Mapping[tuple[UserId, str], int]:
        counts = dict(self._reader.counts(user_ids))
        for user_id in user_ids:
            for _, type, count in self._kept.execute(_COUNTS, (user_id,)):
                counts[user_id, type] = counts.get((user_id, type), 0) + count
        return counts

    def lock(self, user_ids: Collection[UserId]) -> bool:
        return True

    def add(self, additions: Additions) -> None:
        rows = ((one.value, one.type, user_id) for one, user_id in additions.links)
        self._kept.execute("BEGIN")
        self._kept.executemany("INSERT INTO linked VALUES (?, ?, ?)", rows)
        self._kept.execute("COMMIT")

    def record(self, additions: Additions, mark: Mark | None = None) -> bool:
        """There is no audit of what was not done, and it comes no further."""
        return True
