"""Facts in SQL."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from muxi.core.memory.fact_store import FactWriter
from muxi.core.memory.facts import Entry, Fact, Plan
from muxi.core.memory.paths import span_below
from muxi.core.memory.values import written
from muxi.errors import UserNotFoundError
from muxi.ids import FactId, UserId
from muxi.storage import queries
from muxi.storage.databases.base import Database

_NEWEST = (datetime.max.replace(tzinfo=UTC), FactId("fct_~"))


class SqlFactStore:
    """`muxi.core.memory.fact_store.FactStore` on SQLite and Postgres."""

    def __init__(self, database: Database, formation_id: str) -> None:
        self._database = database
        self._formation_id = formation_id
        self._sql = queries.load(database, "facts")

    def entries(self, user_id: UserId, at: datetime | None = None) -> list[Entry]:
        key = {"formation_id": self._formation_id, "user_id": user_id}
        with self._database.connection() as conn:
            # All rows at once: one by one they would take half as long again.
            rows = list(self._sql.entries_at(conn, **key, at=at)) if at else _all(conn, self._sql.entries.sql, key)
        if not rows:
            return []
        paths, ops, texts = zip(*rows, strict=True)
        return list(map(Entry._make, zip(paths, ops, _values(texts), strict=True)))

    def live(self, user_id: UserId) -> list[Fact]:
        with self._database.connection() as conn:
            return self.live_on(conn, user_id)

    def history(self, user_id: UserId, path: str, before: tuple[datetime, FactId] | None, limit: int) -> list[Fact]:
        at, before_id = before or _NEWEST
        key = {
            "formation_id": self._formation_id,
            "user_id": user_id,
            "before": at,
            "before_id": before_id,
            "limit": limit,
        }
        with self._database.connection() as conn:
            if not path:
                return _facts(self._sql.history(conn, **key))
            first, last = span_below(path)
            return _facts(self._sql.history_of_path(conn, **key, path=path, first=first, last=last))

    def version(self, user_id: UserId) -> int:
        with self._database.connection() as conn:
            return int(self._sql.fact_version(conn, formation_id=self._formation_id, user_id=user_id) or 0)

    @contextmanager
    def writing(self, user_id: UserId) -> Iterator[FactWriter]:
        with self._database.transaction() as conn:
            yield self.writer(conn, user_id)

    def writer(self, conn: Any, user_id: UserId) -> SqlFactWriter:
        """Writes in a transaction that is under way. It takes the user's row: before anything else but other users'.

        Raises:
            UserNotFoundError: the user was merged into another, or erased, at this moment.
        """
        if self._sql.move_fact_version(conn, formation_id=self._formation_id, user_id=user_id) is None:
            raise UserNotFoundError("This user was merged or erased at this moment. Try again.")
        return SqlFactWriter(self, self._sql, conn, self._formation_id, user_id)

    def live_on(self, conn: Any, user_id: UserId) -> list[Fact]:
        """As `live`, on a connection."""
        return _facts(self._sql.live_facts(conn, formation_id=self._formation_id, user_id=user_id))


class SqlFactWriter:
    """`muxi.core.memory.fact_store.FactWriter` on one connection, inside its transaction."""

    def __init__(self, store: SqlFactStore, sql: Any, conn: Any, formation_id: str, user_id: UserId) -> None:
        self._store = store
        self._sql = sql
        self._conn = conn
        self._formation_id = formation_id
        self._user_id = user_id

    def live(self) -> list[Fact]:
        return self._store.live_on(self._conn, self._user_id)

    def write(self, plan: Plan) -> None:
        owner = {"formation_id": self._formation_id, "user_id": self._user_id}
        ended = [
            {**owner, "id": fact_id, "superseded_at": at, "superseded_by": by}
            for fact_id, (at, by) in plan.ended.items()
        ]
        self._many(self._sql.repeat_facts, [self._row(fact) for fact in plan.repeated])
        self._many(self._sql.end_facts, ended)
        self._many(self._sql.add_facts, [self._row(fact) for fact in plan.added])

    def forget(self, path: str) -> int:
        first, last = span_below(path)
        key = {"formation_id": self._formation_id, "user_id": self._user_id}
        self._sql.forget_synopses(self._conn, **key)
        return int(self._sql.forget_facts(self._conn, **key, path=path, first=first, last=last))

    def _many(self, query: Any, rows: Sequence[dict[str, Any]]) -> None:
        if rows:
            query(self._conn, rows)

    def _row(self, fact: Fact) -> dict[str, Any]:
        return {
            "formation_id": self._formation_id,
            "id": fact.id,
            "user_id": fact.user_id,
            "path": fact.path,
            "op": fact.op,
            "value": written(fact.value),
            "source": fact.source,
            "importance": fact.importance,
            "confidence": fact.confidence,
            "observed_at": fact.observed_at,
            "last_at": fact.last_at,
            "times": fact.times,
            "written_at": fact.written_at,
            "evidence": " ".join(fact.evidence),
            "superseded_at": fact.superseded_at,
            "superseded_by": fact.superseded_by,
        }


def _facts(rows: Iterable[tuple[Any, ...]]) -> list[Fact]:
    found = list(rows)
    return [
        Fact(*(*row[:4], value, *row[5:12], tuple(row[12].split()), *row[13:]))
        for row, value in zip(found, _values(row[4] for row in found), strict=True)
    ]


def _all(conn: Any, query: str, key: dict[str, Any]) -> list[tuple[Any, ...]]:
    rows: list[tuple[Any, ...]] = conn.execute(query, key).fetchall()
    return rows


def _values(texts: Iterable[str]) -> list[Any]:
    # Read in one go: a call for each would cost more than the reading.
    values: list[Any] = json.loads(f"[{','.join(texts)}]")
    return values
