"""Merges in SQL, of users whose memories and facts are in MongoDB."""

from __future__ import annotations

from dataclasses import replace

from muxi.core.identity.types import Holdings
from muxi.ids import UserId
from muxi.storage.databases.base import Database
from muxi.storage.merges import SqlMergeStore
from muxi.storage.mongo.facts import MongoFactStore
from muxi.storage.mongo.memory import MongoMemoryStore


class MergesOfBoth(SqlMergeStore):
    """`muxi.core.identity.merge_store.MergeStore`, which counts what is in MongoDB, too.

    A merge moves nothing: memories and facts keep the user they were written with, and are read by the members of the
    canonical user.
    """

    def __init__(
        self, database: Database, formation_id: str, memories: MongoMemoryStore, facts: MongoFactStore
    ) -> None:
        super().__init__(database, formation_id)
        self._memories = memories
        self._facts = facts

    def holdings(self, user_id: UserId) -> Holdings:
        here = super().holdings(user_id)
        return replace(
            here, memories=here.memories + self._memories.count(user_id), facts=self._facts.count_live(user_id)
        )
