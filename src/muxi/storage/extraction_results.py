"""What extraction writes, inside the transaction that moves the watermark."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any

from muxi.core.memory.extraction.queue_store import LeaseLostError, Remembered
from muxi.core.memory.extraction.work import Claim, Failure
from muxi.core.memory.types import FOUND, Memory
from muxi.ids import MemoryId, MessageId, UserId
from muxi.storage import queries
from muxi.storage.databases.base import Database
from muxi.storage.facts import SqlFactStore, SqlFactWriter
from muxi.storage.memory import insert_memory, move_version


class SqlResults:
    """`muxi.core.memory.extraction.queue_store.Results` on one connection, inside its transaction.

    Args:
        database: where.
        facts: of the same formation.
        conn: in a transaction that holds the user's row.
        formation_id: whose.
        user_id: the canonical user.
        claim: what is finished; ``None`` for a replay, which moves no watermark.
        heard_until: as stored.
    """

    #: Facts and the watermark move together.
    facts_until = 0

    def __init__(
        self,
        database: Database,
        facts: SqlFactStore,
        conn: Any,
        formation_id: str,
        user_id: UserId,
        claim: Claim | None,
        heard_until: datetime | None,
    ) -> None:
        self._sql = queries.load(database, "extraction")
        self._memory = queries.load(database, "memory")
        self._facts = facts
        self._conn = conn
        self._formation_id = formation_id
        self._claim = claim
        self._writer: SqlFactWriter | None = None
        self.user_id = user_id
        self.heard_until = heard_until

    def facts(self) -> SqlFactWriter:
        if self._writer is None:
            self._writer = self._facts.writer(self._conn, self.user_id)
        return self._writer

    def repeated(self, first: int, last: int) -> set[str]:
        rows = self._sql.keys_repeated(self._conn, **self._own(), first=first, last=last)
        return {row[0] for row in rows}

    def alike(self, key: str, kind: str) -> list[Remembered]:
        return _remembered(self._sql.memories_alike(self._conn, **self._own(), key=key, kind=kind))

    def count(self, memory: Remembered, times: int) -> None:
        self._sql.count_memory(self._conn, **self._of(memory), times=times)

    def supersede(self, memory: Remembered, by: str, now: datetime) -> None:
        self._sql.supersede_memory(self._conn, **self._of(memory), by=by, now=now)

    def resting_on(self, message_id: MessageId) -> tuple[int, int]:
        facts, live = self._sql.resting_on(self._conn, **self._own(), pattern=f"%{message_id}%")
        return facts, live

    def stated(self, ids: Collection[MemoryId]) -> list[Remembered]:
        if not ids:
            return []
        return [one for one in _remembered(self._sql.found_memories(self._conn, **self._own())) if one.id in ids]

    def memories_of(self, message_id: MessageId) -> list[Remembered]:
        own_words = "mem_" + message_id.removeprefix("msg_")
        said = _remembered(self._sql.memory_of_message(self._conn, **self._own(), id=own_words))
        found = [
            row for row in self._sql.found_memories(self._conn, **self._own()) if row[5].get("evidence") == [message_id]
        ]
        return [*said, *_remembered(found)]

    def remember(self, memories: Sequence[Memory], model: str) -> None:
        if not memories:
            return
        last = move_version(self._memory, self._conn, self._formation_id, self.user_id, len(memories))
        for version, memory in enumerate(memories, last - len(memories) + 1):
            insert_memory(self._memory, self._conn, self._formation_id, memory, version, model, None)

    def finish(self, last: int, tokens: int, heard_until: datetime | None) -> None:
        if self._claim is None:
            return
        moved = self._sql.finish(
            self._conn,
            formation_id=self._formation_id,
            user_id=self._claim.user_id,
            token=self._claim.token,
            last=last,
            tokens=tokens,
            heard_until=heard_until,
        )
        if not moved:
            raise LeaseLostError

    def bury(self, failure: Failure) -> None:
        self._sql.add_failure(
            self._conn,
            formation_id=self._formation_id,
            id=failure.id,
            user_id=failure.user_id,
            first_place=failure.first_place,
            last_place=failure.last_place,
            code=failure.code,
            message=failure.message,
            tries=failure.tries,
            failed_at=failure.failed_at,
        )

    def _own(self) -> dict[str, str]:
        return {"formation_id": self._formation_id, "user_id": self.user_id}

    def _of(self, memory: Remembered) -> dict[str, Any]:
        """A memory, and the version that makes whoever has read it read it anew."""
        version = move_version(self._memory, self._conn, self._formation_id, memory.user_id, 1)
        return {
            "formation_id": self._formation_id,
            "user_id": memory.user_id,
            "id": memory.id,
            "version": version,
        }


def _remembered(rows: Iterable[tuple[Any, ...]]) -> list[Remembered]:
    return [
        Remembered(
            id,
            user_id,
            text,
            times,
            json.dumps([agent_id, metadata], sort_keys=True),
            # A user's own metadata may say anything.
            tuple(metadata.get("evidence", ())) if kind == FOUND else (),
        )
        for id, user_id, text, times, agent_id, metadata, kind in rows
    ]
