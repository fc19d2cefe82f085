"""Memories and messages from elsewhere, in SQL: each is stored once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from muxi.core.chat.types import Exchange
from muxi.core.memory.types import Memory
from muxi.storage import queries
from muxi.storage.databases.base import Database
from muxi.storage.exchanges import SqlExchangeStore
from muxi.storage.memory import memory_row, move_version


class SqlImportStore(SqlExchangeStore):
    """`muxi.core.imports.store.ImportStore` on SQLite and Postgres."""

    def __init__(self, database: Database, formation_id: str) -> None:
        super().__init__(database, formation_id)
        self._imports = queries.load(database, "imports")

    def add_memories(self, memories: Sequence[Memory], model: str) -> int:
        added = 0
        with self._database.transaction() as conn:
            last = move_version(self._memory, conn, self._formation_id, memories[0].user_id, len(memories))
            # Looked for, not just tried: that would wait for whoever changes one of them, who may wait for this user.
            ids = self._database.text_list(memory.id for memory in memories)
            stored = {row[0] for row in self._imports.memories_stored(conn, formation_id=self._formation_id, ids=ids)}
            for version, memory in enumerate(memories, last - len(memories) + 1):
                if memory.id in stored:
                    continue
                row = memory_row(self._formation_id, memory, model)
                added += int(self._memory.add_memory(conn, **row, version=version, seq=version, request_key=None))
        return added

    def add_messages(self, exchanges: Sequence[Exchange], model: str, now: datetime) -> list[Exchange]:
        first = exchanges[0]
        assert first.user_id is not None  # nobody's conversations are not imported
        key = {"formation_id": self._formation_id, "session_id": first.session.id, "user_id": first.user_id}
        added: list[Exchange] = []
        with self._database.transaction() as conn:
            self._database.keep_user(conn, self._formation_id, first.user_id)
            # The session before the user, as every turn does: two of them cannot wait for each other.
            held = self._imports.hold_session(conn, **key)
            if held is None:
                raise self._gone(conn, first)
            last_at, next_seq = held
            if next_seq == 1:
                self._imports.began(conn, **key, at=first.now)
                last_at = first.now
            for exchange in exchanges:
                known = {"user_id": exchange.user_id, "request_key": exchange.request_key}
                if not list(self._imports.imported_before(conn, formation_id=self._formation_id, **known)):
                    self._store(conn, replace(exchange, waiting_since=now), model)
                    added.append(exchange)
            self._imports.last_used(conn, **key, last_at=last_at)
        return added
