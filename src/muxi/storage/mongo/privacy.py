"""Everything of one user, in SQL and in MongoDB: erased, exported, restored."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from itertools import chain
from typing import Any

from muxi.core.privacy.tables import TABLES
from muxi.core.privacy.types import Erased
from muxi.errors import MuxiError, StorageError
from muxi.ids import UserId
from muxi.storage.databases.base import Database
from muxi.storage.mongo.forgetting import Forgetting
from muxi.storage.mongo.memory import Members
from muxi.storage.privacy import SqlPrivacyStore
from muxi.storage.retention import SqlRetentionStore


class PrivacyOfBoth(SqlPrivacyStore):
    """`muxi.core.privacy.store.PrivacyStore`.

    MongoDB is erased inside the transaction in SQL, while nobody else can change who is merged into whom: if it does
    not answer, nothing is erased at all, and the caller knows. Only if the transaction fails in the end is something
    gone while the user is still there; then erasing them again ends it.
    """

    def __init__(
        self, database: Database, formation_id: str, hash_key: bytes, there: Forgetting, members: Members
    ) -> None:
        super().__init__(database, formation_id, hash_key)
        self._there = there
        self._members = members

    def erase(self, user_id: UserId, actor: str, now: datetime) -> Erased | None:
        try:
            return super().erase(user_id, actor, now)
        except MuxiError:
            self.not_removed(user_id)
            raise

    def not_removed(self, user_id: UserId) -> None:
        # Where MongoDB does not answer, erasing again ends what was begun.
        with suppress(StorageError):
            self._there.reopen(self._members(user_id))

    def restore(
        self, user_id: UserId, rows: Iterable[tuple[str, tuple[Any, ...]]], actor: str, now: datetime
    ) -> Mapping[str, int]:
        users: list[UserId] = []
        written = False

        def seen() -> Iterator[tuple[str, tuple[Any, ...]]]:
            nonlocal written
            for table, values in rows:
                if table == "users":
                    users.append(UserId(values[0]))
                else:
                    # They were written, so nobody else's is here under their ids.
                    written = True
                yield table, values

        try:
            return super().restore(user_id, seen(), actor, now)
        except MuxiError:
            if written:
                self._there.erase(users, now)
            raise

    def remove(self, conn: Any, user_id: UserId) -> dict[str, int]:
        users = self._members(user_id)
        counts = super().remove(conn, user_id)
        return _together(counts, self._there.erase(users, datetime.now(UTC)))

    def _rows(self, conn: Any, user_id: UserId) -> Iterator[tuple[str, tuple[Any, ...]]]:
        key = {"formation_id": self.formation_id, "user_id": user_id}
        users = self._members(user_id)
        there: dict[str, Callable[[Sequence[UserId]], Iterator[tuple[Any, ...]]]] = {
            "memories": self._there.memory_rows,
            "memory_edits": self._there.edit_rows,
            "facts": self._there.fact_rows,
        }
        for table in TABLES:
            here = self._database.stream(conn, getattr(self._sql, f"export_{table}").sql, key)
            for row in chain(here, there[table](users) if table in there else ()):
                yield table, row

    def _write(self, conn: Any, table: str, rows: list[dict[str, Any]]) -> None:
        if table == "facts":
            self._there.restore_facts(rows)
            return
        super()._write(conn, table, rows)
        if table == "users":
            self._there.reopen([row["id"] for row in rows])


class RetentionOfBoth(SqlRetentionStore):
    """`muxi.core.privacy.retention_store.RetentionStore`: MongoDB is cleared inside the transaction in SQL."""

    def __init__(self, database: Database, formation_id: str, there: Forgetting, members: Members) -> None:
        super().__init__(database, formation_id)
        self._there = there
        self._members = members

    def _delete_all(self, conn: Any, key: dict[str, str]) -> dict[str, int]:
        counts = super()._delete_all(conn, key)
        return _together(counts, self._there.delete(self._members(UserId(key["user_id"])), None))

    def _delete_old(self, conn: Any, key: dict[str, str], before: datetime) -> dict[str, int]:
        counts = super()._delete_old(conn, key, before)
        return _together(counts, self._there.delete(self._members(UserId(key["user_id"])), before))

    def sweep_memories(self, now: datetime, oldest: datetime, limit: int) -> Mapping[str, int]:
        here = super().sweep_memories(now, oldest, limit)
        return _together(here, self._there.sweep_memories(now, oldest, limit))

    def sweep_facts(self, oldest: datetime, limit: int) -> Mapping[str, int]:
        return _together(super().sweep_facts(oldest, limit), self._there.sweep_facts(oldest, limit))


def _together(here: Mapping[str, int], there: Mapping[str, int]) -> dict[str, int]:
    counts = Counter(here)
    counts.update(there)
    return dict(counts)
