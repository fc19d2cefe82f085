"""Users and identifiers in SQL."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from muxi.core.audit.types import (
    IDENTIFIER_LINKED,
    IDENTIFIER_UNLINKED,
    IDENTIFIER_VERIFIED,
    USER_CREATED,
    Change,
)
from muxi.core.identity.normal_form import fingerprint
from muxi.core.identity.store import FIRST_CONTACT, IdentityWriter
from muxi.core.identity.types import ANONYMOUS, Identifier, LinkedIdentifier, Merge, Owner, User
from muxi.ids import MergeId, UserId
from muxi.storage import audit, queries
from muxi.storage.claims import add_claim
from muxi.storage.databases.base import Database
from muxi.storage.databases.sqlite_keys import identifier_key
from muxi.storage.merges import lock_users, point_to_survivor
from muxi.storage.open_requests import end_of_links
from muxi.storage.watch import Watch, links_changed


class SqlIdentityStore:
    """`muxi.core.identity.store.IdentityStore` on SQLite and Postgres."""

    def __init__(self, database: Database, formation_id: str, hash_key: bytes) -> None:
        self._database = database
        self._formation_id = formation_id
        self._hash_key = hash_key
        self._sql = queries.load(database, "identity")
        # On SQLite only: elsewhere the round trip is most of a look-up.
        self._find_key: str | None = self._sql.find_key.sql if database.dialect == "sqlite" else None

    def owners(self, identifier: Identifier) -> list[Owner]:
        value, type, formation_id = identifier.value, identifier.type, self._formation_id
        with self._database.connection() as conn:
            if self._find_key and type:
                exactly = (identifier_key(formation_id, type, value), value, type, formation_id)
                row = conn.execute(self._find_key, exactly).fetchone()
                if row is not None:
                    return [Owner(User(row[0], row[1]), row[2], bool(row[3]), bool(row[4]))]
            return _owners(self._sql, conn, self._formation_id, identifier)

    def by_id(self, user_id: UserId) -> Owner | None:
        with self._database.connection() as conn:
            row = self._sql.find_user(conn, formation_id=self._formation_id, user_id=user_id)
        return Owner(User(UserId(row[0]), row[1]), "", disabled=row[2] is not None) if row else None

    def anonymous(self, identifier: Identifier, now: datetime) -> Owner | None:
        with self._database.connection() as conn:
            key = {"formation_id": self._formation_id, "value": identifier.value}
            row = queries.load(self._database, "proofs").find_anonymous(conn, **key, now=now)
        return Owner(User(UserId(row[0]), row[1]), ANONYMOUS, False, row[2] is not None) if row else None

    def identifiers(self, user_id: UserId) -> list[LinkedIdentifier]:
        with self._database.connection() as conn:
            rows = self._sql.identifiers_of(conn, formation_id=self._formation_id, user_id=user_id)
            return [LinkedIdentifier(*row) for row in rows]

    def watch(self, forget: Callable[[], None]) -> Callable[[], float]:
        return Watch(self._database, self._formation_id, self._sql.identity_version, forget)

    def first_contact(self, identifier: Identifier, user_id: UserId, now: datetime) -> list[Owner]:
        with self.writing([identifier], FIRST_CONTACT, now) as writer:
            owners = writer.owners(identifier)
            if not owners:
                writer.add_user(user_id)
                writer.link(identifier, user_id, now, by=FIRST_CONTACT)
        return owners

    @contextmanager
    def writing(self, identifiers: Sequence[Identifier], actor: str, now: datetime) -> Iterator[IdentityWriter]:
        values = [value for identifier in identifiers for value in {identifier.value, identifier.hashed}]
        with self._database.transaction(together=True) as conn:
            self._database.lock_values(conn, self._formation_id, values)
            writer = SqlIdentityWriter(self._database, conn, self._formation_id, self._hash_key, actor, now)
            yield writer
            writer.finish()


class SqlIdentityWriter:
    """`muxi.core.identity.store.IdentityWriter` on one connection, inside its transaction."""

    def __init__(
        self, database: Database, conn: Any, formation_id: str, hash_key: bytes, actor: str, now: datetime
    ) -> None:
        self._database = database
        self._sql = queries.load(database, "identity")
        self._merges = queries.load(database, "merges")
        self._proofs = queries.load(database, "proofs")
        self._claims = queries.load(database, "claims")
        self._conn = conn
        self._formation_id = formation_id
        self._hash_key = hash_key
        self._actor = actor
        self._now = now
        self.moved = False
        self.changes: list[Change] = []
        self._changed: list[tuple[Identifier, UserId]] = []

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
        if by != FIRST_CONTACT:
            self._changed.append((identifier, user_id))
        return True

    def verify(self, identifier: Identifier, user_id: UserId, by: str) -> None:
        verified: str | None = self._sql.verify_identifier(
            self._conn,
            formation_id=self._formation_id,
            value=identifier.value,
            type=identifier.type,
            user_id=user_id,
            at=self._now,
            by=by,
        )
        if verified is not None:
            self._record(IDENTIFIER_VERIFIED, identifier, user_id, by=by)
            self._changed.append((identifier, user_id))

    def claim(self, identifier: Identifier, user_id: UserId, attractor_users: int) -> None:
        known_by = fingerprint(identifier.type, identifier.value, self._hash_key)
        told = add_claim(
            self._claims,
            self._conn,
            self._formation_id,
            user_id,
            (identifier.type, known_by),
            self._now,
            attractor_users,
        )
        if told:
            self.changes.append(told)

    def merge(self, merge_id: MergeId, survivor: UserId, users: Sequence[UserId]) -> None:
        merge = Merge(merge_id, survivor, tuple(users), self._now, self._actor)
        self.changes.append(point_to_survivor(self._merges, self._proofs, self._conn, self._formation_id, merge))
        self._move_version()

    def unlink(self, identifier: Identifier, user_id: UserId) -> bool:
        return self._remove(IDENTIFIER_UNLINKED, identifier, user_id)

    def finish(self) -> None:
        """What follows from the changes: open requests end, and the audit is written."""
        users, identifiers = {user_id for _, user_id in self._changed}, [one for one, _ in self._changed]
        end_of_links(self._proofs, self._conn, self._formation_id, users, identifiers)
        audit.append(self._database, self._conn, self._formation_id, self.changes, self._now, self._actor)

    def _remove(self, action: str, identifier: Identifier, user_id: UserId) -> bool:
        removed: str | None = self._sql.remove_identifier(
            self._conn,
            formation_id=self._formation_id,
            value=identifier.value,
            type=identifier.type,
            user_id=user_id,
        )
        if removed is not None:
            self._move_version()
            self._record(action, identifier, user_id)
            self._changed.append((identifier, user_id))
        return removed is not None

    def _record(self, action: str, identifier: Identifier, user_id: UserId | None, **more: str) -> None:
        known_by = fingerprint(identifier.type, identifier.value, self._hash_key)
        self.changes.append(Change(action, user_id, {"type": identifier.type, "identifier": known_by, **more}))

    def _move_version(self) -> None:
        links_changed(self._database, self._conn, self._formation_id)
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
