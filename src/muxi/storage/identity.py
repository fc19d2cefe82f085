"""Users and identifiers in SQL."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from muxi.core.identity.store import IdentityWriter
from muxi.core.identity.types import Identifier, LinkedIdentifier, Owner, User
from muxi.ids import UserId
from muxi.storage import queries
from muxi.storage.databases.base import Database


class SqlIdentityStore:
    """`muxi.core.identity.store.IdentityStore` on SQLite and Postgres."""

    def __init__(self, database: Database, formation_id: str) -> None:
        self._database = database
        self._formation_id = formation_id
        self._sql = queries.load(database, "identity")

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
    def writing(self, identifiers: Sequence[Identifier]) -> Iterator[IdentityWriter]:
        values = [value for identifier in identifiers for value in {identifier.value, identifier.hashed}]
        with self._database.transaction() as conn:
            self._database.lock_values(conn, self._formation_id, values)
            yield _Writer(self._sql, conn, self._formation_id)


class _Writer:
    """`muxi.core.identity.store.IdentityWriter` on one connection, inside its transaction."""

    def __init__(self, sql: Any, conn: Any, formation_id: str) -> None:
        self._sql = sql
        self._conn = conn
        self._formation_id = formation_id
        self.moved = False

    def owners(self, identifier: Identifier) -> list[Owner]:
        return _owners(self._sql, self._conn, self._formation_id, identifier)

    def identifiers(self, user_id: UserId) -> list[LinkedIdentifier]:
        rows = self._sql.identifiers_of(self._conn, formation_id=self._formation_id, user_id=user_id)
        return [LinkedIdentifier(*row) for row in rows]

    def lock(self, user_id: UserId) -> bool:
        return self._sql.lock_user(self._conn, formation_id=self._formation_id, user_id=user_id) is not None

    def add_user(self, user_id: UserId, now: datetime) -> None:
        self._sql.add_user(self._conn, formation_id=self._formation_id, user_id=user_id, created_at=now)

    def link(self, identifier: Identifier, user_id: UserId, now: datetime, by: str) -> bool:
        known_otherwise: bool | None = self._sql.add_identifier(
            self._conn,
            formation_id=self._formation_id,
            value=identifier.value,
            type=identifier.type,
            user_id=user_id,
            shown=identifier.shown,
            linked_at=now,
            linked_by=by,
        )
        if known_otherwise:
            self._move_version()
        return known_otherwise is not None

    def unlink(self, identifier: Identifier, user_id: UserId) -> bool:
        removed = self._sql.remove_identifier(
            self._conn,
            formation_id=self._formation_id,
            value=identifier.value,
            type=identifier.type,
            user_id=user_id,
        )
        self._move_version()
        return bool(removed)

    def _move_version(self) -> None:
        self._sql.move_identity_version(self._conn, formation_id=self._formation_id)
        self.moved = True


def _owners(sql: Any, conn: Any, formation_id: str, identifier: Identifier) -> list[Owner]:
    key = {"formation_id": formation_id, "value": identifier.value}
    if identifier.type:
        row = sql.find_typed(conn, **key, type=identifier.type)
        rows = [row] if row else []
    else:
        rows = sql.find_untyped(conn, **key, hashed=identifier.hashed)
    return [Owner(User(UserId(id), created_at), type) for id, created_at, type in rows]
