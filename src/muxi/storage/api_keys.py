"""Keys and roles in SQL."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from muxi.core.access.key_store import StoredKey
from muxi.core.access.types import Role
from muxi.core.audit.types import (
    ACCESS_DENIED,
    KEY_CREATED,
    KEY_REVOKED,
    KEY_ROTATED,
    ROLE_CHANGED,
    ROLE_REMOVED,
    Change,
)
from muxi.ids import KeyId, UserId
from muxi.storage import audit, queries
from muxi.storage.databases.base import Database
from muxi.storage.watch import Watch, access_changed

MINUTE = timedelta(minutes=1)


class SqlKeyStore:
    """`muxi.core.access.key_store.KeyStore` on SQLite and Postgres."""

    def __init__(self, database: Database, formation_id: str) -> None:
        self._database = database
        self._formation_id = formation_id
        self._sql = queries.load(database, "api_keys")

    def watch(self, doubt: Callable[[], None], forget: Callable[[], None]) -> Callable[[], float]:
        return Watch(self._database, self._formation_id, self._sql.access_version, forget, doubt)

    def add(self, key: StoredKey, hash: str) -> None:
        with self._database.transaction() as conn:
            self._add(conn, key, hash)
            change = Change(KEY_CREATED, key.user_id, _told(key))
            self._changed(conn, change, key.created_at, key.created_by)

    def find(self, key_id: KeyId) -> tuple[StoredKey, str] | None:
        with self._database.connection() as conn:
            row = self._sql.find_key(conn, formation_id=self._formation_id, id=key_id)
        return (_key(row[:-1]), row[-1]) if row else None

    def before(self, key_id: str, limit: int) -> list[StoredKey]:
        with self._database.connection() as conn:
            rows = self._sql.keys_before(conn, formation_id=self._formation_id, before=key_id, limit=limit)
            return [_key(row) for row in rows]

    def revoke(self, key_id: KeyId, at: datetime, actor: str) -> bool:
        with self._database.transaction() as conn:
            revoked: str | None = self._sql.revoke_key(conn, formation_id=self._formation_id, id=key_id, at=at)
            if revoked is not None:
                self._changed(conn, Change(KEY_REVOKED, None, {"key": key_id}), at, actor)
        return revoked is not None

    def replace(self, old: KeyId, until: datetime, key: StoredKey, hash: str) -> bool:
        named = {"formation_id": self._formation_id, "id": old, "rotated_to": key.id, "expires_at": until}
        with self._database.transaction() as conn:
            replaced: str | None = self._sql.replace_key(conn, **named)
            if replaced is not None:
                self._add(conn, key, hash)
                change = Change(KEY_ROTATED, key.user_id, _told(key) | {"from": old})
                self._changed(conn, change, key.created_at, key.created_by)
        return replaced is not None

    def used(self, at: Mapping[KeyId, datetime]) -> None:
        with self._database.transaction() as conn:
            for key_id, when in at.items():
                self._sql.key_used(conn, formation_id=self._formation_id, id=key_id, at=when, before=when - MINUTE)

    def refused(self, actor: str, user_id: UserId | None, details: Mapping[str, object], at: datetime) -> None:
        with self._database.transaction() as conn:
            change = Change(ACCESS_DENIED, user_id, details)
            audit.append(self._database, conn, self._formation_id, [change], at, actor)

    def _add(self, conn: Any, key: StoredKey, hash: str) -> None:
        if key.user_id is not None:
            self._database.keep_user(conn, self._formation_id, key.user_id)
        self._sql.add_key(
            conn,
            formation_id=self._formation_id,
            id=key.id,
            hash=hash,
            name=key.name,
            owner=key.owner,
            role=key.role,
            scopes=None if key.scopes is None else " ".join(key.scopes),
            user_id=key.user_id,
            created_at=key.created_at,
            created_by=key.created_by,
            expires_at=key.expires_at,
        )

    def _changed(self, conn: Any, change: Change, at: datetime, actor: str) -> None:
        access_changed(self._database, conn, self._formation_id)
        audit.append(self._database, conn, self._formation_id, [change], at, actor)


class SqlRoleStore:
    """`muxi.core.access.key_store.RoleStore` on SQLite and Postgres."""

    def __init__(self, database: Database, formation_id: str) -> None:
        self._database = database
        self._formation_id = formation_id
        self._sql = queries.load(database, "api_keys")

    def all(self) -> Sequence[Role]:
        with self._database.connection() as conn:
            rows = self._sql.roles(conn, formation_id=self._formation_id)
            return [Role(name, description, frozenset(names.split())) for name, description, names in rows]

    def put(self, role: Role, at: datetime, actor: str) -> None:
        names = sorted(role.permissions)
        with self._database.transaction() as conn:
            self._sql.put_role(
                conn,
                formation_id=self._formation_id,
                name=role.name,
                description=role.description,
                permissions=" ".join(names),
            )
            self._changed(conn, Change(ROLE_CHANGED, None, {"role": role.name, "permissions": names}), at, actor)

    def remove(self, name: str, at: datetime, actor: str) -> bool | None:
        key = {"formation_id": self._formation_id}
        with self._database.transaction() as conn:
            if self._sql.keys_of_role(conn, **key, role=name):
                return False
            removed = self._sql.remove_role(conn, **key, name=name)
            if removed is None:
                return None
            self._changed(conn, Change(ROLE_REMOVED, None, {"role": name}), at, actor)
        return True

    def _changed(self, conn: Any, change: Change, at: datetime, actor: str) -> None:
        access_changed(self._database, conn, self._formation_id)
        audit.append(self._database, conn, self._formation_id, [change], at, actor)


def _key(row: Any) -> StoredKey:
    id, name, owner, role, scopes, *rest = row
    return StoredKey(id, name, owner, role, None if scopes is None else tuple(scopes.split()), *rest)


def _told(key: StoredKey) -> dict[str, Any]:
    return {"key": key.id, "role": key.role} | ({} if key.scopes is None else {"scopes": list(key.scopes)})
