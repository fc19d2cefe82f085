"""What ends, in SQL: deleted when a user asks for it, swept when it has expired or is too old."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from muxi.core.audit.types import DATA_EXPIRED, USER_DATA_DELETED, Change
from muxi.core.privacy.types import Deleted
from muxi.ids import UserId
from muxi.storage import audit, queries
from muxi.storage.databases.base import Database
from muxi.storage.memory import move_floor

#: What is deleted of a user, in an order in which nothing is left that points to what is gone.
DELETED = (
    "messages",
    "memory_edits",
    "memories",
    "memory_segments",
    "facts",
    "synopses",
    "extraction_failures",
    "buffer_clears",
    "sessions",
    "repeats",
)
#: The same of what is too old. Sessions and the edits of memories end with what they belong to.
DELETED_WHEN_OLD = (
    "messages",
    "memories",
    "memory_edits",
    "memory_segments",
    "facts",
    "synopses",
    "extraction_failures",
    "buffer_clears",
    "sessions",
    "repeats",
)
#: The tables with words of users.
WITH_WORDS = (
    *DELETED,
    "identifiers",
    "users",
    "verifications",
    "extractions",
    "credentials",
    "data_keys",
    "new_embeddings",
)


class SqlRetentionStore:
    """`muxi.core.privacy.retention_store.RetentionStore` on SQLite and Postgres."""

    def __init__(self, database: Database, formation_id: str) -> None:
        self._database = database
        self._formation_id = formation_id
        self._deletion = queries.load(database, "deletion")
        self._sweeps = queries.load(database, "sweeps")
        self._privacy = queries.load(database, "privacy")
        self._memory = queries.load(database, "memory")
        self._audit = queries.load(database, "audit")

    def delete_data(self, user_id: UserId, before: datetime | None, actor: str, now: datetime) -> Deleted | None:
        with self._database.transaction() as conn:
            if not self._database.hold_users(conn, self._formation_id, user_id):
                return None
            key = {"formation_id": self._formation_id, "user_id": user_id}
            counts = self._delete_all(conn, key) if before is None else self._delete_old(conn, key, before)
            self._deletion.move_floors(conn, **key)
            told = {"before": before.isoformat() if before else None, "counts": counts}
            change = Change(USER_DATA_DELETED, user_id, told)
            audit.append(self._database, conn, self._formation_id, [change], now, actor)
            receipt, _ = self._audit.audit_head(conn, formation_id=self._formation_id)
        return Deleted(user_id, counts, before, receipt, now)

    def _delete_all(self, conn: Any, key: dict[str, str]) -> dict[str, int]:
        # After a split, a conversation can hold what somebody else said: it stays theirs.
        self._privacy.keep_sessions(conn, **key)
        self._deletion.end_extractions(conn, **key)
        return {table: int(getattr(self._deletion, f"delete_{table}")(conn, **key)) for table in DELETED}

    def _delete_old(self, conn: Any, key: dict[str, str], before: datetime) -> dict[str, int]:
        self._deletion.restart_extractions(conn, **key)
        counts: Counter[str] = Counter()
        counts["memory_edits"] = int(self._deletion.count_old_memory_edits(conn, **key, before=before))
        self._deletion.forget_windows_of_old(conn, **key, before=before)
        for table in DELETED_WHEN_OLD:
            # Made anew of what is left, or not to be told apart by date.
            if table in ("synopses", "memory_segments", "repeats"):
                counts[table] += int(getattr(self._deletion, f"delete_{table}")(conn, **key))
            else:
                counts[table] += int(getattr(self._deletion, f"delete_old_{table}")(conn, **key, before=before))
        return {table: counts[table] for table in DELETED}

    def begin(self, holder: str, now: datetime, until: datetime, swept_before: datetime) -> bool:
        key = {"formation_id": self._formation_id, "holder": holder}
        with self._database.transaction() as conn:
            times = {"now": now, "until": until, "swept_before": swept_before}
            if self._sweeps.begin_sweep(conn, **key, **times) is None:
                return False
            self._sweeps.sweep_repeats(conn, formation_id=self._formation_id, now=now)
            return True

    def hold(self, holder: str, until: datetime) -> None:
        with self._database.transaction() as conn:
            self._sweeps.hold_sweep(conn, formation_id=self._formation_id, holder=holder, until=until)

    def end(self, holder: str, now: datetime, counts: Mapping[str, int]) -> None:
        with self._database.transaction() as conn:
            self._sweeps.end_sweep(conn, formation_id=self._formation_id, holder=holder, now=now)
            if any(counts.values()):
                change = Change(DATA_EXPIRED, None, {"counts": dict(counts)})
                audit.append(self._database, conn, self._formation_id, [change], now, "expiry")

    def sweep_memories(self, now: datetime, oldest: datetime, limit: int) -> Mapping[str, int]:
        key = {"formation_id": self._formation_id, "now": now, "oldest": oldest, "limit": limit}
        with self._database.connection() as conn:
            owners = [row[0] for row in self._sweeps.owners_of_due_memories(conn, **key)]
        swept: Counter[str] = Counter()
        for owner in owners:
            # A transaction for each owner, and their row first, as every writer does.
            with self._database.transaction() as conn:
                move_floor(self._memory, conn, self._formation_id, owner)
                if owner is None:
                    self._sweeps.forget_windows_of_due_without_user(conn, **key)
                    swept["memories"] += int(self._sweeps.sweep_memories_without_user(conn, **key))
                else:
                    self._sweeps.forget_windows_of_due(conn, **key, user_id=owner)
                    swept["memories"] += int(self._sweeps.sweep_memories(conn, **key, user_id=owner))
        return swept

    def sweep_messages(self, oldest: datetime, limit: int) -> Mapping[str, int]:
        key = {"formation_id": self._formation_id, "oldest": oldest}
        with self._database.transaction() as conn:
            of_sessions = [row[0] for row in self._sweeps.sweep_messages(conn, **key, limit=limit)]
            swept = Counter({"messages": len(of_sessions)})
            for session_id in sorted(set(of_sessions)):
                cleared = self._sweeps.sweep_buffer_clears(conn, **key, session_id=session_id)
                swept["buffer_clears"] += int(cleared)
                swept["sessions"] += int(self._sweeps.sweep_session(conn, **key, session_id=session_id))
        return swept

    def sweep_facts(self, oldest: datetime, limit: int) -> Mapping[str, int]:
        key = {"formation_id": self._formation_id, "oldest": oldest, "limit": limit}
        with self._database.connection() as conn:
            owners = [row[0] for row in self._sweeps.owners_of_old_facts(conn, **key)]
        swept: Counter[str] = Counter()
        for owner in owners:
            with self._database.transaction() as conn:
                self._sweeps.count_fact_write(conn, formation_id=self._formation_id, user_id=owner)
                swept["facts"] += int(self._sweeps.sweep_facts(conn, **key, user_id=owner))
        return swept

    def scrub(self, *, rewrite: bool = False) -> bool:
        return self._database.scrub(WITH_WORDS, rewrite=rewrite)
