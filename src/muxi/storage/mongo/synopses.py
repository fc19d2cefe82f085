"""Synopses in SQL, of facts in MongoDB."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from muxi.core.memory.synopsis import State, Synopsis
from muxi.ids import UserId
from muxi.storage import queries
from muxi.storage.databases.base import Database
from muxi.storage.mongo.facts import MongoFactStore
from muxi.storage.synopses import SqlSynopsisStore


class SynopsesOfMongo(SqlSynopsisStore):
    """`muxi.core.memory.synopsis.SynopsisStore`, of which a state counts the facts in MongoDB, too."""

    def __init__(self, database: Database, formation_id: str, facts: MongoFactStore) -> None:
        super().__init__(database, formation_id)
        self._facts = facts
        self._forgetting = queries.load(database, "facts")

    def write(self, user_id: UserId, synopses: Sequence[Synopsis], state: State) -> bool:
        written = super().write(user_id, synopses, state)
        if written and self._facts.version(user_id) != state.version[0]:
            # Facts were changed, or forgotten, while it was written: it may say what it must not.
            self.forget(user_id)
            return False
        return written

    def forget(self, user_id: UserId) -> None:
        """Drops the synopses of a user: they are made anew of what is left."""
        with self._database.transaction() as conn:
            self._forgetting.forget_synopses(conn, formation_id=self._formation_id, user_id=user_id)

    def _state(self, conn: Any, key: dict[str, str]) -> State:
        here = super()._state(conn, key)
        return State((self._facts.version(UserId(key["user_id"])), *here.version), here.wanted)
