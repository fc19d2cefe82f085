"""Requests that may be sent again, in SQL."""

from __future__ import annotations

from datetime import datetime

from muxi.core.access.repeat_store import StoredRepeat
from muxi.ids import UserId
from muxi.storage import queries
from muxi.storage.databases.base import Database


class SqlRepeatStore:
    """`muxi.core.access.repeat_store.RepeatStore` on SQLite and Postgres."""

    def __init__(self, database: Database, formation_id: str) -> None:
        self._database = database
        self._formation_id = formation_id
        self._sql = queries.load(database, "repeats")

    def begin(
        self, place: str, fingerprint: str, holder: str, now: datetime, held_until: datetime, ends_at: datetime
    ) -> bool:
        with self._database.transaction(together=True) as conn:
            began = self._sql.begin_repeat(
                conn,
                formation_id=self._formation_id,
                place=place,
                fingerprint=fingerprint,
                holder=holder,
                now=now,
                held_until=held_until,
                ends_at=ends_at,
            )
        return began is not None

    def find(self, place: str, now: datetime) -> StoredRepeat | None:
        with self._database.connection() as conn:
            row = self._sql.repeat(conn, formation_id=self._formation_id, place=place, now=now)
        return None if row is None else StoredRepeat(*row)

    def hold(self, place: str, holder: str, held_until: datetime) -> None:
        key = {"formation_id": self._formation_id, "place": place, "holder": holder}
        with self._database.transaction() as conn:
            self._sql.hold_repeat(conn, **key, held_until=held_until)

    def finish(self, place: str, holder: str, sealed: bytes, user_id: UserId | None) -> bool:
        key = {"formation_id": self._formation_id, "place": place, "holder": holder}
        with self._database.transaction(together=True) as conn:
            return self._sql.finish_repeat(conn, **key, sealed=sealed, user_id=user_id or "") is not None

    def release(self, place: str, holder: str) -> None:
        key = {"formation_id": self._formation_id, "place": place, "holder": holder}
        with self._database.transaction() as conn:
            self._sql.release_repeat(conn, **key)
