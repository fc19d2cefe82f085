"""Credentials in SQL. What is sealed is sealed before it comes here."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from muxi.core.audit.types import (
    CREDENTIAL_ADDED,
    CREDENTIAL_READ,
    CREDENTIAL_REMOVED,
    CREDENTIAL_REPLACED,
    DATA_KEYS_REWRAPPED,
    Change,
)
from muxi.core.credentials.store import CredentialWriter
from muxi.core.credentials.types import Credential, DataKey, Sealed
from muxi.ids import UserId
from muxi.storage import audit, queries
from muxi.storage.databases.base import Database


class SqlCredentialStore:
    """`muxi.core.credentials.store.CredentialStore` on SQLite and Postgres."""

    def __init__(self, database: Database, formation_id: str) -> None:
        self._database = database
        self._formation_id = formation_id
        self._sql = queries.load(database, "credentials")

    @contextmanager
    def writing(self, user_id: UserId, actor: str, now: datetime) -> Iterator[CredentialWriter]:
        with self._database.transaction() as conn:
            self._database.keep_user(conn, self._formation_id, user_id)
            writer = _Writer(self._sql, conn, self._formation_id, user_id, now)
            yield writer
            audit.append(self._database, conn, self._formation_id, writer.changes, now, actor)

    def of(self, user_id: UserId, service: str) -> list[Credential]:
        key = {"formation_id": self._formation_id, "user_id": user_id}
        with self._database.connection() as conn:
            return [Credential(*row) for row in self._sql.credentials_of(conn, **key, service=service)]

    def sealed(self, user_id: UserId, service: str, name: str) -> list[Sealed]:
        key = {"formation_id": self._formation_id, "user_id": user_id}
        with self._database.connection() as conn:
            rows = self._sql.sealed_named(conn, **key, service=service, name=name)
            return [_sealed(Credential(*row[:-3]), *row[-3:]) for row in rows]

    def delete(self, user_id: UserId, credential: Credential, actor: str, now: datetime) -> bool:
        key = {"formation_id": self._formation_id, "user_id": credential.user_id}
        with self._database.transaction() as conn:
            # Nobody stores one meanwhile: the data key may go.
            self._database.hold_users(conn, self._formation_id, user_id)
            deleted: str | None = self._sql.delete_credential(conn, **key, id=credential.id)
            if deleted is not None:
                self._sql.delete_data_key(conn, **key)
                self._record(conn, [_change(CREDENTIAL_REMOVED, credential)], actor, now)
        return deleted is not None

    def used(self, credential: Credential, actor: str, now: datetime) -> None:
        with self._database.transaction() as conn:
            key = {"formation_id": self._formation_id, "user_id": credential.user_id}
            used = self._sql.credential_used(conn, **key, id=credential.id, at=now)
            if used is not None:
                self._record(conn, [_change(CREDENTIAL_READ, credential)], actor, now)

    def wrapped_otherwise(self, key_id: str, after: str, limit: int) -> list[DataKey]:
        key = {"formation_id": self._formation_id, "master_key_id": key_id}
        with self._database.connection() as conn:
            return [DataKey(*row) for row in self._sql.wrapped_otherwise(conn, **key, after=after, limit=limit)]

    def rewrap(self, keys: Sequence[tuple[DataKey, DataKey]], actor: str, now: datetime) -> int:
        count = 0
        with self._database.transaction() as conn:
            for old, new in keys:
                count += self._sql.rewrap(
                    conn,
                    formation_id=self._formation_id,
                    user_id=old.user_id,
                    before=old.wrapped,
                    master_key_id=new.master_key_id,
                    wrapped=new.wrapped,
                    at=now,
                )
            if count:
                details = {"master_key": keys[0][1].master_key_id, "count": count}
                self._record(conn, [Change(DATA_KEYS_REWRAPPED, None, details)], actor, now)
        return count

    def _record(self, conn: Any, changes: Sequence[Change], actor: str, now: datetime) -> None:
        audit.append(self._database, conn, self._formation_id, changes, now, actor)


class _Writer:
    """`muxi.core.credentials.store.CredentialWriter` in an open transaction."""

    def __init__(self, sql: Any, conn: Any, formation_id: str, user_id: UserId, now: datetime) -> None:
        self._sql = sql
        self._conn = conn
        self._formation_id = formation_id
        self._user_id = user_id
        self._now = now
        self.changes: list[Change] = []

    def named(self, service: str, name: str) -> list[Credential]:
        key = {"formation_id": self._formation_id, "user_id": self._user_id}
        return [Credential(*row) for row in self._sql.credentials_named(self._conn, **key, service=service, name=name)]

    def count(self) -> int:
        key = {"formation_id": self._formation_id, "user_id": self._user_id}
        return int(self._sql.count_credentials(self._conn, **key))

    def data_key(self, owner: UserId) -> DataKey | None:
        row = self._sql.data_key(self._conn, formation_id=self._formation_id, user_id=owner)
        return DataKey(*row) if row else None

    def add_data_key(self, key: DataKey) -> DataKey:
        self._sql.add_data_key(
            self._conn,
            formation_id=self._formation_id,
            user_id=key.user_id,
            master_key_id=key.master_key_id,
            wrapped=key.wrapped,
            at=self._now,
        )
        return self.data_key(key.user_id) or key

    def put(self, credential: Credential, sealed: str, *, replaces: bool) -> Credential:
        place = {
            "formation_id": self._formation_id,
            "user_id": credential.user_id,
            "service": credential.service,
            "name": credential.name,
        }
        self._sql.put_credential(
            self._conn,
            **place,
            id=credential.id,
            secret=sealed,
            preview=credential.preview,
            metadata=dict(credential.metadata),
            created_at=credential.created_at,
            updated_at=credential.updated_at,
            last_used_at=credential.last_used_at,
            expires_at=credential.expires_at,
        )
        # Of two who store one at the same moment, the second replaces what the first has stored.
        kept = Credential(*self._sql.kept_credential(self._conn, **place))
        replaces = replaces or kept.id != credential.id
        self.changes.append(_change(CREDENTIAL_REPLACED if replaces else CREDENTIAL_ADDED, kept))
        return kept


def _sealed(credential: Credential, secret: str, master_key_id: str, wrapped: str) -> Sealed:
    return Sealed(credential, secret, DataKey(credential.user_id, master_key_id, wrapped))


def _change(action: str, credential: Credential) -> Change:
    return Change(action, credential.user_id, {"credential": credential.id, "service": credential.service})
