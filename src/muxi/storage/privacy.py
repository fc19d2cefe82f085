"""Everything of one user in SQL: erased, exported, restored."""

from __future__ import annotations

import hashlib
import hmac
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from itertools import groupby, islice
from typing import Any

from muxi.core.audit.types import IDENTIFIER_LINKED, USER_ERASED, USER_RESTORED, Change
from muxi.core.identity.normal_form import fingerprint
from muxi.core.memory.same_text import text_key
from muxi.core.privacy.tables import READ_ONLY, TABLES
from muxi.core.privacy.types import Erased
from muxi.errors import ConflictError, InvalidImportError, StorageConflictError, UserNotFoundError
from muxi.ids import UserId
from muxi.storage import audit, queries
from muxi.storage.databases.base import Database
from muxi.storage.memory import move_floor
from muxi.storage.watch import access_changed, links_changed

#: In an order in which nothing is left that points to what is gone. Merges and users follow.
ERASED = (
    "buffer_clears",
    "messages",
    "memory_edits",
    "memories",
    "memory_segments",
    "facts",
    "extractions",
    "extraction_failures",
    "synopses",
    "sessions",
    "agent_defaults",
    "verifications",
    "api_keys",
    "token_floors",
    "credentials",
    "data_keys",
    "repeats",
    "claims",
    "team_members",
    "identifiers",
)
BATCH = 500


class SqlPrivacyStore:
    """`muxi.core.privacy.store.PrivacyStore` on SQLite and Postgres."""

    def __init__(self, database: Database, formation_id: str, hash_key: bytes) -> None:
        self._database = database
        self.formation_id = formation_id
        self.key_mark = hmac.new(hash_key, b"muxi.user export", hashlib.sha256).hexdigest()[:16]
        self._hash_key = hash_key
        self._sql = queries.load(database, "privacy")
        self._audit = queries.load(database, "audit")
        self._memory = queries.load(database, "memory")

    @contextmanager
    def rows(self, user_id: UserId) -> Iterator[Iterator[tuple[str, tuple[Any, ...]]]]:
        with self._database.snapshot() as conn:
            yield self._rows(conn, user_id)

    def _rows(self, conn: Any, user_id: UserId) -> Iterator[tuple[str, tuple[Any, ...]]]:
        key = {"formation_id": self.formation_id, "user_id": user_id}
        for table in TABLES:
            for row in self._database.stream(conn, getattr(self._sql, f"export_{table}").sql, key):
                yield table, row

    def erase(self, user_id: UserId, actor: str, now: datetime) -> Erased | None:
        with self._database.transaction() as conn:
            users = tuple(UserId(one) for one in self._database.hold_users(conn, self.formation_id, user_id))
            if not users:
                return None
            counts = self.remove(conn, user_id)
            links_changed(self._database, conn, self.formation_id)
            access_changed(self._database, conn, self.formation_id)
            change = Change(USER_ERASED, user_id, {"users": list(users), "counts": counts})
            audit.append(self._database, conn, self.formation_id, [change], now, actor)
            receipt, _ = self._audit.audit_head(conn, formation_id=self.formation_id)
        return Erased(user_id, users, counts, receipt, now)

    def remove(self, conn: Any, user_id: UserId) -> dict[str, int]:
        """Everything of an owner whose rows are held: how many rows there were, by table."""
        key = {"formation_id": self.formation_id, "user_id": user_id}
        self._sql.keep_sessions(conn, **key)
        self._forget_author(conn, user_id)
        counts = {table: int(self._delete_from(table, conn, **key)) for table in ERASED}
        merges = [row[0] for row in self._sql.merges_concerned(conn, **key)]
        for table in ("merge_members", "merges"):
            counts[table] = sum(self._delete_from(table, conn, **key, merge_id=merge_id) for merge_id in merges)
        counts["users"] = self._delete_from("users", conn, **key)
        return counts

    def not_removed(self, user_id: UserId) -> None:
        """What `remove` has begun was rolled back: where it cannot be, the owner can be written to again."""

    def _forget_author(self, conn: Any, user_id: UserId) -> None:
        """What they have shared stays with its teams, without their name."""
        key = {"formation_id": self.formation_id, "user_id": user_id}
        for row in list(self._sql.teams_with_words_of(conn, **key)):
            # Whoever has read the name reads it anew.
            move_floor(self._memory, conn, self.formation_id, row[0])
        self._sql.forget_author(conn, **key)

    def _delete_from(self, table: str, conn: Any, **key: str) -> int:
        return int(getattr(self._sql, f"erase_{table}")(conn, **key))

    def restore(
        self, user_id: UserId, rows: Iterable[tuple[str, tuple[Any, ...]]], actor: str, now: datetime
    ) -> Mapping[str, int]:
        counts = {table: 0 for table in TABLES if table not in READ_ONLY}
        try:
            with self._database.transaction() as conn:
                linked: list[Change] = []
                for table, of_table in groupby(rows, key=lambda row: row[0]):
                    named = self._named(user_id, table, (values for _, values in of_table))
                    for batch in _batches(named):
                        self._write(conn, table, batch)
                        counts[table] += len(batch)
                        linked += self._links(batch) if table == "identifiers" else []
                links_changed(self._database, conn, self.formation_id)
                change = Change(USER_RESTORED, user_id, {"counts": counts})
                audit.append(self._database, conn, self.formation_id, [change, *linked], now, actor)
        except StorageConflictError as error:
            raise ConflictError(
                "Something of this export is here already: the user, or one of its identifiers. Nothing was written."
            ) from error
        except UserNotFoundError as error:
            raise InvalidImportError("A row of this export names one that is not in it.") from error
        return counts

    def _named(self, user_id: UserId, table: str, rows: Iterable[tuple[Any, ...]]) -> Iterator[dict[str, Any]]:
        names = [column.name for column in TABLES[table]]
        versions: Counter[str] = Counter()
        for values in rows:
            # Rows of tables without a user are of whom is restored.
            named = dict(zip(names, values, strict=True))
            row = {"formation_id": self.formation_id, "user_id": user_id, **named}
            if table == "memories":
                versions[row["user_id"]] += 1
                row["version"] = versions[row["user_id"]]
                row["text_key"] = text_key(row["text"])
            yield row

    def _write(self, conn: Any, table: str, rows: list[dict[str, Any]]) -> None:
        if table == "identifiers":
            # Who meets one of them for the first time at this moment waits, and then finds it.
            self._database.lock_values(conn, self.formation_id, [row["value"] for row in rows])
        getattr(self._sql, f"restore_{table}")(conn, rows)
        if table == "memories":
            versions = {row["user_id"]: row["version"] for row in rows}
            for owner, version in versions.items():
                self._sql.restore_version(conn, formation_id=self.formation_id, user_id=owner, version=version)

    def _links(self, rows: list[dict[str, Any]]) -> list[Change]:
        return [
            Change(
                IDENTIFIER_LINKED,
                row["user_id"],
                {"type": row["type"], "identifier": fingerprint(row["type"], row["value"], self._hash_key)},
            )
            for row in rows
        ]


def _batches(rows: Iterator[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    while batch := list(islice(rows, BATCH)):
        yield batch
