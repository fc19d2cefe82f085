"""Changed memories in SQL."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from muxi.core.memory.edit_store import Edit, Revision
from muxi.core.memory.same_text import text_key
from muxi.core.memory.types import Memory
from muxi.ids import MemoryId, UserId
from muxi.storage import queries
from muxi.storage.databases.base import Database
from muxi.storage.memory import move_version, read_memory


class SqlEditStore:
    """`muxi.core.memory.edit_store.EditStore` on SQLite and Postgres."""

    def __init__(self, database: Database, formation_id: str) -> None:
        self._database = database
        self._formation_id = formation_id
        self._sql = queries.load(database, "memory_edits")
        self._memory = queries.load(database, "memory")

    def get(self, user_id: UserId, memory_id: MemoryId) -> Memory | None:
        with self._database.connection() as conn:
            return self._get(conn, user_id, memory_id)

    def edit(self, user_id: UserId, memory_id: MemoryId, edit: Edit, now: datetime) -> Memory | None:
        with self._database.transaction() as conn:
            found = self._get(conn, user_id, memory_id)
            if found is None:
                return None
            # The owner's row first, as every writer does; then the memory as it is now that nobody else changes it.
            version = move_version(self._memory, conn, self._formation_id, found.user_id, 1)
            memory = self._get(conn, user_id, memory_id)
            if memory is None:
                return None
            self._change(conn, memory, edit, version, now)
            return self._get(conn, user_id, memory_id)

    def revisions(self, user_id: UserId, memory_id: MemoryId) -> list[Revision]:
        key = {"formation_id": self._formation_id, "id": memory_id, "user_id": user_id}
        with self._database.connection() as conn:
            return [Revision(*row) for row in self._sql.revisions(conn, **key)]

    def _get(self, conn: Any, user_id: UserId, memory_id: MemoryId) -> Memory | None:
        row = self._sql.find_memory(conn, formation_id=self._formation_id, id=memory_id, user_id=user_id)
        return read_memory(row) if row else None

    def _change(self, conn: Any, memory: Memory, edit: Edit, version: int, now: datetime) -> None:
        key = {"formation_id": self._formation_id, "id": memory.id, "user_id": memory.user_id}
        self._sql.keep_revision(conn, **key, now=now)
        if edit.text is not None and edit.text != memory.text:
            self._sql.change_text(conn, **key, text=edit.text, text_key=text_key(edit.text))
            self._memory.forget_windows_with(conn, **key)
        self._sql.change_memory(
            conn,
            **key,
            importance=memory.importance if edit.importance is None else edit.importance,
            metadata=dict(memory.metadata if edit.metadata is None else edit.metadata),
            version=version,
        )
