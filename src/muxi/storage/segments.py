"""Packed memories in SQL."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager

from muxi.core.memory.segment_store import Seen, Segment, Stored, Unpacked
from muxi.core.memory.store import Version
from muxi.ids import MemoryId, UserId
from muxi.storage import queries
from muxi.storage.binary import read_binary
from muxi.storage.databases.base import Database
from muxi.storage.memory import read_memory
from muxi.storage.segment_pieces import in_postgres, in_sqlite
from muxi.storage.vectors import read_traits, read_vector

_VERSION = 19
# In a row of memories_by_id.
_USER_VERSION, _USER_FLOOR = 17, 18


class SqlSegmentStore:
    """`muxi.core.memory.segment_store.SegmentStore` on SQLite and Postgres; ``model`` as in `Storage.for_formation`."""

    def __init__(self, database: Database, formation_id: str, model: str | None = None) -> None:
        self._database = database
        self._formation_id = formation_id
        self._model = model
        self._sql = queries.load(database, "segments")

    def stored(self, owner: UserId, after: int = 0) -> AbstractContextManager[Stored]:
        key = {"formation_id": self._formation_id, "user_id": owner, "model": self._model, "after": after}
        if self._database.dialect == "sqlite":
            return in_sqlite(self._database, self._sql.stored.sql, key)
        held = sum(held for upto, held in self.sizes(owner) if upto > after)
        return in_postgres(self._database, self._sql.stored.sql, key, held)

    def sizes(self, owner: UserId) -> list[tuple[int, int]]:
        key = {"formation_id": self._formation_id, "user_id": owner, "model": self._model}
        with self._database.connection() as conn:
            return list(self._sql.segment_sizes(conn, **key))

    def unpacked(self, owner: UserId, after: int, limit: int) -> Unpacked:
        key = {"formation_id": self._formation_id, "user_id": owner}
        with self._database.connection() as conn:
            # The floor first: what is deleted between the two is then seen when the segment is to be kept.
            floor = int(self._sql.memory_floor(conn, **key) or 0)
            rows = list(self._sql.memories_to_pack(conn, **key, model=self._model, version=after, limit=limit + 1))
            if len(rows) > limit:
                # Others may have been written with the last one, so it waits for them.
                rows = [row for row in rows if row[_VERSION] != rows[-1][_VERSION]]
        found = [read_memory(row, read_vector(row[17]), read_traits(row[18])) for row in rows]
        return Unpacked(floor, int(rows[-1][_VERSION]) if rows else after, found)

    def keep(self, owner: UserId, segment: Segment, floor: int, replaced: Sequence[int] = ()) -> bool:
        key = {"formation_id": self._formation_id, "user_id": owner}
        with self._database.transaction() as conn:
            if self._sql.hold_owner_at(conn, **key, model=self._model, floor=floor) is None:
                return False
            self._sql.delete_segments_of_other_models(conn, **key, model=self._model)
            for upto in replaced:
                self._sql.delete_segment(conn, **key, upto=upto)
            self._sql.add_segment(
                conn, **key, model=self._model, upto=segment.upto, held=segment.held, data=segment.data
            )
        return True

    def drop(self, owner: UserId) -> None:
        with self._database.transaction() as conn:
            queries.load(self._database, "memory").forget_segments(conn, formation_id=self._formation_id, user_id=owner)

    def read(self, user_id: UserId, ids: Sequence[MemoryId]) -> Seen:
        key = {"formation_id": self._formation_id, "user_id": user_id}
        with self._database.connection() as conn:
            given = {**key, "ids": self._database.text_list(ids)}
            rows = read_binary(self._database, conn, self._sql.memories_by_id.sql, given)
        found = [read_memory(row) for row in rows if row[0] is not None]
        return Seen(found, {row[1]: Version(row[_USER_VERSION], row[_USER_FLOOR]) for row in rows})
