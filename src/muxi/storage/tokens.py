"""Tokens of users in SQL: signing keys, and what was taken back."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from muxi.core.access.types import SigningKey, Worth
from muxi.core.audit.types import SIGNING_KEY_CHANGED, TOKEN_REVOKED, TOKENS_REVOKED, Change
from muxi.ids import UserId
from muxi.storage import audit, queries
from muxi.storage.databases.base import Database
from muxi.storage.watch import access_changed


class SqlTokenStore:
    """`muxi.core.access.token_store.TokenStore` on SQLite and Postgres."""

    def __init__(self, database: Database, formation_id: str) -> None:
        self._database = database
        self._formation_id = formation_id
        self._sql = queries.load(database, "tokens")

    def worth(self, now: datetime, since: datetime) -> Worth:
        key = {"formation_id": self._formation_id}
        with self._database.connection() as conn:
            keys = tuple(SigningKey(*row) for row in self._sql.signing_keys(conn, **key))
            revoked = frozenset(row[0] for row in self._sql.revoked_tokens(conn, **key, now=now))
            floors = {UserId(row[0]): row[1] for row in self._sql.token_floors(conn, **key, since=since)}
        standing = tuple(one for one in keys if one.retired_at is None or one.retired_at >= since)
        return Worth(standing, revoked, floors)

    def add_key(self, key: SigningKey, retired_before: datetime, actor: str) -> None:
        named = {"formation_id": self._formation_id}
        with self._database.transaction() as conn:
            self._sql.retire_signing_keys(conn, **named, at=key.created_at)
            self._sql.forget_signing_keys(conn, **named, before=retired_before)
            self._sql.add_signing_key(conn, **named, kid=key.kid, algorithm=key.algorithm, created_at=key.created_at)
            details = {"kid": key.kid, "algorithm": key.algorithm}
            self._changed(conn, Change(SIGNING_KEY_CHANGED, None, details), key.created_at, actor)

    def revoke(self, jti: str, user_id: UserId | None, expires_at: datetime, now: datetime, actor: str) -> None:
        named = {"formation_id": self._formation_id}
        with self._database.transaction() as conn:
            self._sql.forget_revoked_tokens(conn, **named, now=now)
            self._sql.revoke_token(conn, **named, jti=jti, expires_at=expires_at)
            self._changed(conn, Change(TOKEN_REVOKED, user_id, {"jti": jti}), now, actor)

    def revoke_all(self, user_id: UserId, at: datetime, since: datetime, actor: str) -> None:
        named = {"formation_id": self._formation_id}
        with self._database.transaction() as conn:
            self._database.keep_user(conn, self._formation_id, user_id)
            self._sql.forget_token_floors(conn, **named, since=since)
            self._sql.raise_token_floor(conn, **named, user_id=user_id, at=at)
            self._changed(conn, Change(TOKENS_REVOKED, user_id), at, actor)

    def _changed(self, conn: Any, change: Change, at: datetime, actor: str) -> None:
        access_changed(self._database, conn, self._formation_id)
        audit.append(self._database, conn, self._formation_id, [change], at, actor)
