"""Proof in SQL: open requests, used tokens, anonymous users."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from muxi.core.audit.types import IDENTIFIER_EVICTED, LINK_TOKEN_CREATED, VERIFICATION_STARTED, Change
from muxi.core.identity.proof_store import OpenRequest, ProofWriter
from muxi.core.identity.types import ANONYMOUS, Identifier
from muxi.ids import UserId
from muxi.storage import queries
from muxi.storage.databases.base import Database
from muxi.storage.identity import SqlIdentityWriter


class SqlProofStore:
    """`muxi.core.identity.proof_store.ProofStore` on SQLite and Postgres."""

    def __init__(self, database: Database, formation_id: str, hash_key: bytes) -> None:
        self._database = database
        self._formation_id = formation_id
        self._hash_key = hash_key
        self._sql = queries.load(database, "proofs")

    def attempt(self, locator: str, now: datetime, right: Callable[[OpenRequest], bool]) -> OpenRequest | None:
        key = {"formation_id": self._formation_id, "locator": locator}
        with self._database.transaction() as conn:
            row = self._sql.count_try(conn, **key, now=now)
            if row is None:
                return None
            request, tries_left = _request(row), row[-1]
            if right(request):
                self._sql.give_back_try(conn, **key)
                return request
            if tries_left == 0:
                self._sql.end_request(conn, **key)
        return None

    @contextmanager
    def proving(self, identifiers: Sequence[Identifier], actor: str, now: datetime) -> Iterator[ProofWriter]:
        values = [value for identifier in identifiers for value in {identifier.value, identifier.hashed}]
        with self._database.transaction(together=True) as conn:
            self._database.lock_values(conn, self._formation_id, values)
            writer = _Writer(self._database, conn, self._formation_id, self._hash_key, actor, now)
            yield writer
            writer.finish()

    def end_expired(self, now: datetime) -> None:
        with self._database.transaction() as conn:
            self._sql.end_expired_requests(conn, formation_id=self._formation_id, now=now)

    def ended_anonymous(self, now: datetime, limit: int) -> list[UserId]:
        with self._database.connection() as conn:
            rows = self._sql.ended_anonymous(conn, formation_id=self._formation_id, now=now, limit=limit)
            return [UserId(row[0]) for row in rows]

    def ended_tokens(self, now: datetime, limit: int) -> list[tuple[Identifier, UserId]]:
        with self._database.connection() as conn:
            rows = self._sql.ended_tokens(conn, formation_id=self._formation_id, now=now, limit=limit)
            return [(Identifier(row[0], ANONYMOUS, row[1], row[0]), UserId(row[2])) for row in rows]


class _Writer(SqlIdentityWriter):
    """`muxi.core.identity.proof_store.ProofWriter` on one connection, inside its transaction."""

    def end_expired(self, user_id: UserId) -> None:
        key = {"formation_id": self._formation_id, "user_id": user_id}
        self._proofs.end_expired_requests_of(self._conn, **key, now=self._now)

    def forget_used_tokens(self) -> None:
        self._proofs.forget_used_tokens(self._conn, formation_id=self._formation_id, now=self._now)

    def end_request_for(self, identifier: Identifier) -> None:
        key = {"formation_id": self._formation_id, "value": identifier.value, "type": identifier.type}
        self._proofs.end_request_for(self._conn, **key)

    def open_requests(self, user_id: UserId) -> int:
        return int(self._proofs.open_requests(self._conn, formation_id=self._formation_id, user_id=user_id))

    def open_request(self, request: OpenRequest, expires_at: datetime, tries: int) -> bool:
        wanted = request.identifier
        kept: str | None = self._proofs.open_request(
            self._conn,
            formation_id=self._formation_id,
            locator=request.locator,
            code_hash=request.code_hash,
            user_id=request.user_id,
            type=wanted.type if wanted else None,
            value=wanted.value if wanted else None,
            shown=wanted.shown if wanted else None,
            hashed=wanted.hashed if wanted else None,
            requester=request.requester,
            created_at=self._now,
            expires_at=expires_at,
            tries=tries,
        )
        if kept is None:
            return False
        if wanted:
            self._record(VERIFICATION_STARTED, wanted, request.user_id)
        else:
            self.changes.append(Change(VERIFICATION_STARTED, request.user_id))
        return True

    def take(self, request: OpenRequest) -> bool:
        taken: str | None = self._proofs.take_request(
            self._conn,
            formation_id=self._formation_id,
            locator=request.locator,
            code_hash=request.code_hash,
            user_id=request.user_id,
        )
        return taken is not None

    def made_token(self, identifier: Identifier, user_id: UserId | None) -> None:
        self._record(LINK_TOKEN_CREATED, identifier, user_id)

    def use_token(self, jti: str, expires_at: datetime) -> bool:
        key: dict[str, Any] = {"formation_id": self._formation_id, "jti": jti, "expires_at": expires_at}
        return self._proofs.use_token(self._conn, **key) is not None

    def evict(self, identifier: Identifier, user_id: UserId) -> None:
        self._remove(IDENTIFIER_EVICTED, identifier, user_id)

    def set_end(self, identifier: Identifier, at: datetime) -> None:
        key = {"formation_id": self._formation_id, "value": identifier.value, "type": identifier.type}
        self._proofs.set_end(self._conn, **key, expires_at=at)


def _request(row: Any) -> OpenRequest:
    locator, code_hash, user_id, type, value, shown, hashed, requester, _ = row
    wanted = None if value is None else Identifier(value, type, shown, hashed)
    return OpenRequest(locator, code_hash, UserId(user_id), wanted, requester)
