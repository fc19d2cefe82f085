"""Identity on Postgres, where every statement costs a round trip."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime
from typing import Any

from muxi.core.audit.types import IDENTIFIER_LINKED, USER_CREATED, Change, chained
from muxi.core.identity.normal_form import fingerprint
from muxi.core.identity.store import FIRST_CONTACT
from muxi.core.identity.types import Identifier, Owner
from muxi.errors import StorageConflictError
from muxi.ids import UserId
from muxi.storage import queries
from muxi.storage.databases.base import Database
from muxi.storage.identity import SqlIdentityStore


class PostgresIdentityStore(SqlIdentityStore):
    """`muxi.core.identity.store.IdentityStore`, with the common first contact in one statement."""

    def __init__(self, database: Database, formation_id: str, hash_key: bytes) -> None:
        super().__init__(database, formation_id, hash_key)
        self._audit = queries.load(database, "audit")
        #: The head of the audit after this process's last first contact: most likely it is still there.
        self._head: tuple[int, str] | None = None

    def first_contact(self, identifier: Identifier, user_id: UserId, now: datetime) -> list[Owner]:
        with suppress(StorageConflictError), self._database.connection() as conn:
            for head in (self._head, None):
                seq, previous = head or self._audit.audit_head(conn, formation_id=self._formation_id)
                if self._made_at_once(conn, seq, previous, identifier, user_id, now):
                    return []
        return super().first_contact(identifier, user_id, now)

    def _made_at_once(
        self, conn: Any, seq: int, previous: str, identifier: Identifier, user_id: UserId, now: datetime
    ) -> bool:
        """False: the head is another by now, or somebody has the value or writes about it at this moment."""
        known_by = fingerprint(identifier.type, identifier.value, self._hash_key)
        linked = Change(IDENTIFIER_LINKED, user_id, {"type": identifier.type, "identifier": known_by})
        first = chained(previous, self._formation_id, seq + 1, now, FIRST_CONTACT, Change(USER_CREATED, user_id))
        second = chained(first.hash, self._formation_id, seq + 2, now, FIRST_CONTACT, linked)
        made = self._sql.make_user(
            conn,
            formation_id=self._formation_id,
            values=sorted({identifier.value, identifier.hashed}),
            seq=seq,
            previous=previous,
            user_id=user_id,
            at=now,
            actor=FIRST_CONTACT,
            made=USER_CREATED,
            made_hash=first.hash,
            linked=IDENTIFIER_LINKED,
            details=dict(linked.details),
            hash=second.hash,
            value=identifier.value,
            type=identifier.type,
            shown=identifier.shown,
        )
        self._head = (second.seq, second.hash) if made else None
        return made is not None
