"""Users and identifiers in SQL."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from muxi.core.audit.types import IDENTIFIER_LINKED, IDENTIFIER_UNLINKED, USER_CREATED, Change
from muxi.core.identity.normal_form import fingerprint
from muxi.core.identity.store import IdentityWriter
from muxi.core.identity.types import Identifier, LinkedIdentifier, Merge, Owner, User
from muxi.ids import MergeId, UserId
from muxi.storage import audit, queries
from muxi.storage.databases.base import Database
from muxi.storage.merges import lock_users, point_to_survivor


class SqlIdentityStore:
    """`muxi.core.identity.store.IdentityStore` on SQLite and Postgres."""

    def __init__(self, database: Database, formation_id: str, hash_key: bytes) -> None:
        self._database = database
        self._formation_id = formation_id
        self._hash_key = hash_key
        self._sql = queries.load(database, "identity")
        self._merges = queries.load(database, "merges")

    def owners(self, identifier: Identifier) -> list[Owner]:
        with self._database.connection() as conn:
            return _owners(self._sql, conn, self._formation_id, identifier)

    def user(self, user_id: UserId) -> User | None:
        with self._database.connection() as conn:
            row = self._sql.find_user(conn, formation_id=self._formation_id, user_id=user_id)
        return User(UserId(row[0]), row[1]) if row else None

    def identifiers(self, user_id: UserId) -> list[LinkedIdentifier]:
        with self._database.connection() as conn:
            rows = self._sql.identifiers_of(conn, formation_id=self._formation_id, user_id=user_id)
            return [LinkedIdentifier(*row) for row in rows]

    def version(self) -> int:
        with self._database.connection() as conn:
            return int(self._sql.identity_version(conn, formation_id=self._formation_id) or 0)

    @contextmanager
    def writing(self, identifiers: Sequence[Identifier], actor: str, now: datetime) -> Iterator[IdentityWriter]:
        values = [value for identifier in identifiers for value in {identifier.value, identifier.hashed}]
        with self._database.transaction(together=True) as conn:
            self._database.lock_values(conn, self._formation_id, values)
            writer = _Writer(self._sql, self._merges, conn, self._formation_id, self._hash_key, actor, now)
            yield writer
            audit.append(self._database, conn, self._formation_id, writer.changes, now, actor)


class _Writer:
    """`muxi.core.identity.store.IdentityWriter` on one connection, inside its transaction."""

    def __init__(
        self, sql: Any, merges: Any, conn: Any, formation_id: str, hash_key: bytes, actor: str, now: datetime
    ) -> None:
        self._sql = sql
        self._merges = merges
        self._conn = conn
        self._formation_id = formation_id
        self._hash_key = hash_key
        self._actor = actor
        self._now = now
        self.moved = False
        self.changes: list[Change] = []

    def owners(self, identifier: Identifier) -> list[Owner]:
        return _owners(self._sql, self._conn, self._formation_id, identifier)

    def identifiers(self, user_id: UserId) -> list[LinkedIdentifier]:
        rows = self._sql.identifiers_of(self._conn, formation_id=self._formation_id, user_id=user_id)
        return [LinkedIdentifier(*row) for row in rows]

    def lock(self, user_ids: Iterable[UserId]) -> bool:
        return lock_users(self._sql, self._conn, self._formation_id, user_ids)

    def add_user(self, user_id: UserId) -> None:
        self._sql.add_user(self._conn, formation_id=self._formation_id, user_id=user_id, created_at=self._now)
        self.changes.append(Change(USER_CREATED, user_id))

    def link(self, identifier: Identifier, user_id: UserId, at: datetime, by: str) -> bool:
        known_otherwise: bool | None = self._sql.add_identifier(
            self._conn,
            formation_id=self._formation_id,
            value=identifier.value,
            type=identifier.type,
            user_id=user_id,
            shown=identifier.shown,
            linked_at=at,
            linked_by=by,
        )
        if known_otherwise is None:
            return False
        if known_otherwise:
            self._move_version()
        self._record(IDENTIFIER_LINKED, identifier, user_id)
        return True

    def merge(self, merge_id: MergeId, survivor: UserId, users: Sequence[UserId]) -> None:
        merge = Merge(merge_id, survivor, tuple(users), self._now, self._actor)
        self.changes.append(point_to_survivor(self._merges, self._conn, self._formation_id, merge))
        self._move_version()

    def unlink(self, identifier: Identifier, user_id: UserId) -> bool:
        removed: str | None = self._sql.remove_identifier(
            self._conn,
            formation_id=self._formation_id,
            value=identifier.value,
            type=identifier.type,
            user_id=user_id,
        )
        if removed is not None:
            self._move_version()
            self._record(IDENTIFIER_UNLINKED, identifier, user_id)
        return removed is not None

    def _record(self, action: str, identifier: Identifier, user_id: UserId) -> None:
        known_by = fingerprint(identifier.type, identifier.value, self._hash_key)
        self.changes.append(Change(action, user_id, {"type": identifier.type, "identifier": known_by}))

    def _move_version(self) -> None:
        self._sql.move_identity_version(self._conn, formation_id=self._formation_id)
        self.moved = True


def _owners(sql: Any, conn: Any, formation_id: str, identifier: Identifier) -> list[Owner]:
    if not identifier.type:
        rows = sql.find_untyped(conn, formation_id=formation_id, value=identifier.value, hashed=identifier.hashed)
        return [_owner(row) for row in rows]
    # Straight to the driver: it is what every message begins with, and on SQLite aiosql would add a fifth to it.
    named = {"formation_id": formation_id, "value": identifier.value}
    rows = conn.execute(sql.find_value.sql, named).fetchall()
    # The named type, else the untyped row.
    meant = next((row for row in rows if row[2] == identifier.type), None) or next(
        (row for row in rows if not row[2]), None
    )
    return [_owner(meant)] if meant else []


def _owner(row: Any) -> Owner:
    return Owner(User(row[0], row[1]), row[2], bool(row[3]), row[4] is not None)
