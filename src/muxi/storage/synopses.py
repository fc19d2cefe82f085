"""Synopses in SQL."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from muxi.core.memory.synopsis import State, Synopsis
from muxi.ids import UserId
from muxi.storage import queries
from muxi.storage.databases.base import Database


class SqlSynopsisStore:
    """`muxi.core.memory.synopsis.SynopsisStore` on SQLite and Postgres."""

    def __init__(self, database: Database, formation_id: str) -> None:
        self._database = database
        self._formation_id = formation_id
        self._sql = queries.load(database, "synopses")
        self._locks = queries.load(database, f"extraction_{database.dialect}")

    def state(self, user_id: UserId) -> State:
        with self._database.connection() as conn:
            return self._state(conn, {"formation_id": self._formation_id, "user_id": user_id})

    def read(self, user_id: UserId) -> list[Synopsis]:
        with self._database.connection() as conn:
            rows = self._sql.synopses_of(conn, formation_id=self._formation_id, user_id=user_id)
            return [Synopsis(*row) for row in rows]

    def write(self, user_id: UserId, synopses: Sequence[Synopsis], state: State) -> bool:
        key = {"formation_id": self._formation_id, "user_id": user_id}
        with self._database.transaction() as conn:
            # While the user's row is held nobody changes the facts, or forgets them.
            held = self._locks.lock_user(conn, **key)
            if held is None or self._state(conn, key) != state:
                return False
            for one in synopses:
                self._sql.write_synopsis(
                    conn,
                    **key,
                    tier=one.tier,
                    text=one.text,
                    basis=one.basis,
                    model=one.model,
                    made_at=one.made_at,
                )
        return True

    def spend(self, user_id: UserId, today: str, most: int) -> bool:
        key = {"formation_id": self._formation_id, "user_id": user_id}
        with self._database.transaction() as conn:
            # As whoever reads what was said: the user's row first.
            if self._locks.lock_user(conn, **key) is None:
                return False
            return self._sql.spend(conn, **key, today=today, most=most) is not None

    def _state(self, conn: Any, key: dict[str, str]) -> State:
        facts, made_at, opted_out = self._sql.profile_version(conn, **key)
        return State((facts, made_at), not opted_out)
