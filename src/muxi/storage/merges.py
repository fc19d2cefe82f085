"""Merges in SQL."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from muxi.core.audit.types import USERS_MERGED, USERS_SPLIT, Change
from muxi.core.identity.merge_store import MergeWriter
from muxi.core.identity.types import Holdings, Merge
from muxi.ids import MergeId, UserId
from muxi.storage import audit, queries
from muxi.storage.databases.base import Database
from muxi.storage.memory import move_version
from muxi.storage.open_requests import end_of_user
from muxi.storage.watch import links_changed


class SqlMergeStore:
    """`muxi.core.identity.merge_store.MergeStore` on SQLite and Postgres."""

    def __init__(self, database: Database, formation_id: str) -> None:
        self._database = database
        self._formation_id = formation_id
        self._sql = queries.load(database, "merges")
        self._identity = queries.load(database, "identity")
        self._proofs = queries.load(database, "proofs")
        self._memory = queries.load(database, "memory")

    def holdings(self, user_id: UserId) -> Holdings:
        with self._database.connection() as conn:
            return Holdings(*self._sql.holdings(conn, formation_id=self._formation_id, user_id=user_id))

    def merge(self, merge_id: MergeId) -> Merge | None:
        with self._database.connection() as conn:
            row = self._sql.find_merge(conn, formation_id=self._formation_id, merge_id=merge_id)
            return self._merge(conn, row) if row else None

    def merges_of(self, user_id: UserId) -> list[Merge]:
        with self._database.connection() as conn:
            rows = list(self._sql.merges_of(conn, formation_id=self._formation_id, user_id=user_id))
            return [self._merge(conn, row) for row in rows]

    @contextmanager
    def merging(self, actor: str, now: datetime) -> Iterator[MergeWriter]:
        with self._database.transaction(together=True) as conn:
            queried = self._sql, self._identity, self._proofs, self._memory
            writer = _Writer(*queried, conn, self._formation_id, now)
            yield writer
            if writer.changes:
                links_changed(self._database, conn, self._formation_id)
                audit.append(self._database, conn, self._formation_id, writer.changes, now, actor)

    def _merge(self, conn: Any, row: tuple[Any, ...]) -> Merge:
        members = self._sql.members_of(conn, formation_id=self._formation_id, merge_id=row[0])
        return Merge(row[0], row[1], tuple(UserId(member[0]) for member in members), row[2], row[3], row[4])


class _Writer:
    """`muxi.core.identity.merge_store.MergeWriter` on one connection, inside its transaction."""

    def __init__(
        self, sql: Any, identity: Any, proofs: Any, memory: Any, conn: Any, formation_id: str, now: datetime
    ) -> None:
        self._sql = sql
        self._identity = identity
        self._proofs = proofs
        self._memory = memory
        self._conn = conn
        self._formation_id = formation_id
        self._now = now
        self.changes: list[Change] = []

    def lock(self, user_ids: Iterable[UserId]) -> bool:
        return lock_users(self._identity, self._conn, self._formation_id, user_ids)

    def merge(self, merge: Merge) -> None:
        self.changes.append(point_to_survivor(self._sql, self._proofs, self._conn, self._formation_id, merge))

    def split(self, merge: Merge) -> bool:
        key = {"formation_id": self._formation_id, "merge_id": merge.id}
        if self._sql.end_merge(self._conn, **key, split_at=self._now) is None:
            return False
        end_of_user(self._proofs, self._conn, self._formation_id, merge.survivor_id)
        self._sql.put_back(self._conn, **key)
        for canonical in (merge.survivor_id, *merge.merged_ids):
            self._give_back(canonical)
        details = {"merge_id": merge.id, "restored": list(merge.merged_ids)}
        self.changes.append(Change(USERS_SPLIT, merge.survivor_id, details))
        return True

    def _give_back(self, canonical: UserId) -> None:
        """What one side remembers stands again, whatever the other said instead while they were one."""
        key = {"formation_id": self._formation_id}
        for owner, *_ in list(self._memory.memory_versions(self._conn, **key, user_id=canonical)):
            own = {**key, "user_id": owner}
            for (id,) in list(self._sql.superseded_by_others(self._conn, **own, canonical_id=canonical)):
                version = move_version(self._memory, self._conn, self._formation_id, owner, 1)
                self._sql.stand_again(self._conn, **own, id=id, version=version)

    def later_merge(self, user_id: UserId) -> MergeId | None:
        found: str | None = self._sql.later_merge(self._conn, formation_id=self._formation_id, user_id=user_id)
        return MergeId(found) if found else None


def lock_users(sql: Any, conn: Any, formation_id: str, user_ids: Iterable[UserId]) -> bool:
    """Holds users' rows until the transaction ends, in one order for all; False if one is not canonical any more."""
    # It stops at the first that is not: Postgres has locked that row all the same, which is now another one's, and with
    # it in hand nobody may wait for a further one.
    return all(
        sql.lock_user(conn, formation_id=formation_id, user_id=user_id) is not None for user_id in sorted(set(user_ids))
    )


def point_to_survivor(sql: Any, proofs: Any, conn: Any, formation_id: str, merge: Merge) -> Change:
    """Writes a merge of locked users; what it is to the audit."""
    key = {"formation_id": formation_id, "merge_id": merge.id}
    sql.add_merge(conn, **key, survivor_id=merge.survivor_id, merged_at=merge.merged_at, merged_by=merge.merged_by)
    for user_id in merge.merged_ids:
        sql.add_members(conn, **key, user_id=user_id)
        sql.point_to(conn, formation_id=formation_id, survivor_id=merge.survivor_id, user_id=user_id)
    end_of_user(proofs, conn, formation_id, merge.survivor_id)
    return Change(USERS_MERGED, merge.survivor_id, {"merge_id": merge.id, "merged": list(merge.merged_ids)})
