"""Lists of users, and who is shut out, in SQL."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import groupby
from typing import Any

from muxi.core.audit.types import USER_DISABLED, USER_ENABLED, Change
from muxi.core.identity.types import LinkedIdentifier, UserSummary
from muxi.core.identity.user_store import Match
from muxi.ids import UserId
from muxi.storage import audit, queries
from muxi.storage.databases.base import Database
from muxi.storage.merges import lock_users
from muxi.storage.watch import links_changed

#: Follows every character that an identifier can have.
AFTER_ALL = "\U0010ffff"
_ONLY = {None: "", True: "disabled", False: "enabled"}


class SqlUserStore:
    """`muxi.core.identity.user_store.UserStore` on SQLite and Postgres."""

    def __init__(self, database: Database, formation_id: str) -> None:
        self._database = database
        self._formation_id = formation_id
        self._sql = queries.load(database, "users")
        self._identity = queries.load(database, "identity")

    def newest(self, before: UserId, limit: int, *, disabled: bool | None) -> list[UserSummary]:
        key = {"formation_id": self._formation_id, "before": before, "limit": limit}
        with self._database.connection() as conn:
            if disabled:
                rows = self._sql.newest_disabled_users(conn, **key)
            else:
                rows = self._sql.newest_users(conn, **key, only=_ONLY[disabled])
            return [_summary(list(of_user)) for _, of_user in groupby(rows, key=lambda row: row[0])]

    def matching(
        self, beginnings: Sequence[str], after: tuple[str, str], limit: int, *, disabled: bool | None
    ) -> list[Match]:
        first, second = beginnings[0], beginnings[1] if len(beginnings) > 1 else AFTER_ALL
        with self._database.connection() as conn:
            matching = self._sql.matching_disabled_users if disabled else self._sql.matching_users
            rows = matching(
                conn,
                formation_id=self._formation_id,
                first_start=first,
                first_from=max(first, after[0]),
                first_to=first + AFTER_ALL,
                second_start=second,
                second_from=max(second, after[0]),
                second_to=second + AFTER_ALL,
                after_value=after[0],
                after_type=after[1],
                limit=limit,
                only=_ONLY[disabled],
            )
            return [
                Match(value, type, _summary([row[2:] for row in of_match]))
                for (value, type), of_match in groupby(rows, key=lambda row: (row[0], row[1]))
            ]

    def summary(self, user_id: UserId) -> UserSummary | None:
        with self._database.connection() as conn:
            rows = list(self._sql.user_summary(conn, formation_id=self._formation_id, user_id=user_id))
        return _summary(rows) if rows else None

    def set_disabled(self, user_id: UserId, disabled: bool, actor: str, now: datetime) -> bool:
        key = {"formation_id": self._formation_id, "user_id": user_id}
        with self._database.transaction() as conn:
            if not lock_users(self._identity, conn, self._formation_id, [user_id]):
                return False
            set_to = self._sql.disable_users if disabled else self._sql.enable_users
            if set_to(conn, **key, now=now) is not None:
                self._sql.end_verifications(conn, **key)
                links_changed(self._database, conn, self._formation_id)
                change = Change(USER_DISABLED if disabled else USER_ENABLED, user_id)
                audit.append(self._database, conn, self._formation_id, [change], now, actor)
        return True


def _summary(rows: Sequence[tuple[Any, ...]]) -> UserSummary:
    """Of a row for each identifier, or one without."""
    id, created_at, disabled_at, last_at = rows[0][:4]
    identifiers = tuple(_identifiers(row[4:] for row in rows))
    return UserSummary(UserId(id), created_at, disabled_at, identifiers, last_at)


def _identifiers(rows: Iterable[tuple[Any, ...]]) -> Iterable[LinkedIdentifier]:
    return (LinkedIdentifier(*row) for row in rows if row[0] is not None)
