"""Many users and identifiers at once, in SQL."""

from __future__ import annotations

import json
import re
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from muxi.core.audit.types import IDENTIFIERS_IMPORTED, Change, Record
from muxi.core.identity.bulk_store import Additions, BulkReader, BulkStore, BulkWriter, Known
from muxi.core.identity.normal_form import fingerprint
from muxi.core.identity.types import Identifier
from muxi.ids import UserId
from muxi.storage import audit, queries
from muxi.storage.bulk_dry import dry_store
from muxi.storage.databases.base import Database
from muxi.storage.links import links_changed

#: Of an identifier: value, type, user, as shown, time.
Row = tuple[str, str, UserId, str, str]
_json = json.JSONEncoder(ensure_ascii=False).encode
# Tables of one connection, empty again after each transaction.
_STAGES = (
    "CREATE TEMPORARY TABLE IF NOT EXISTS import_users (id text) ON COMMIT DELETE ROWS",
    "CREATE TEMPORARY TABLE IF NOT EXISTS import_identifiers"
    " (value text, type text, user_id text, shown text, linked_at timestamptz) ON COMMIT DELETE ROWS",
    "CREATE TEMPORARY TABLE IF NOT EXISTS import_records"
    " (seq bigint, action text, user_id text, details jsonb, hash text) ON COMMIT DELETE ROWS",
)
# Checks of foreign keys are planned once, when tables may be empty: the plan must be good for millions of rows, too.
_BY_INDEX = "SELECT set_config('enable_seqscan', 'off', true)"


class SqlBulkStore:
    """`muxi.core.identity.bulk_store.BulkStore` on SQLite and Postgres."""

    def __init__(self, database: Database, formation_id: str, hash_key: bytes) -> None:
        self._database = database
        self._formation_id = formation_id
        self._hash_key = hash_key
        self._sql = queries.load(database, "bulk")

    @contextmanager
    def writing(self, identifiers: Iterable[Identifier], actor: str, now: datetime) -> Iterator[BulkWriter]:
        values = {value for identifier in identifiers for value in (identifier.value, identifier.hashed)}
        writer = _PostgresWriter if self._database.dialect == "postgres" else _SqliteWriter
        with self._database.transaction() as conn:
            self._database.lock_values(conn, self._formation_id, list(values))
            yield writer(self._database, conn, self._formation_id, self._hash_key, actor, now)

    @contextmanager
    def reading(self) -> Iterator[BulkReader]:
        with self._database.connection() as conn:
            yield _Reader(self._database, conn, self._formation_id)

    def dry(self) -> AbstractContextManager[BulkStore]:
        return dry_store(self)

    def lines_done(self, source: str) -> int:
        with self._database.connection() as conn:
            return int(self._sql.lines_done(conn, formation_id=self._formation_id, source=source) or 0)


class _Reader:
    """`muxi.core.identity.bulk_store.BulkReader` on one connection."""

    def __init__(self, database: Database, conn: Any, formation_id: str) -> None:
        self._database = database
        self._conn = conn
        self._formation_id = formation_id
        self._sql = queries.load(database, f"bulk_{database.dialect}")

    def known(self, values: Collection[str]) -> list[Known]:
        return [Known(*row) for row in self._each("known", values)]

    def canonical(self, user_ids: Collection[UserId]) -> dict[UserId, tuple[UserId, bool]]:
        return {row[0]: (row[1], bool(row[2])) for row in self._each("canonical", user_ids)}

    def counts(self, user_ids: Collection[UserId]) -> Mapping[tuple[UserId, str], int]:
        return {(row[0], row[1]): row[2] for row in self._each("counts", user_ids)}

    def _each(self, query: str, values: Iterable[str]) -> Iterable[tuple[Any, ...]]:
        rows: Iterable[tuple[Any, ...]] = getattr(self._sql, query)(
            self._conn, formation_id=self._formation_id, values=self._list(values)
        )
        return rows

    def _list(self, values: Iterable[str]) -> str | list[str]:
        """A list as this database takes it."""
        # In order, as everybody locks users.
        return sorted(values) if self._database.dialect == "postgres" else json.dumps(list(values))


class _Writer(_Reader, ABC):
    """`muxi.core.identity.bulk_store.BulkWriter` on one connection, inside its transaction."""

    def __init__(
        self, database: Database, conn: Any, formation_id: str, hash_key: bytes, actor: str, now: datetime
    ) -> None:
        super().__init__(database, conn, formation_id)
        self._imports = queries.load(database, "bulk")
        self._hash_key = hash_key
        self._actor = actor
        self._now = now

    def lock(self, user_ids: Collection[UserId]) -> bool:
        return len(list(self._each("lock_all", user_ids))) == len(user_ids)

    def add(self, additions: Additions) -> None:
        if not additions.links:
            return
        self._add_users(additions.users)
        rows, changes = self._rows(additions)
        self._add_identifiers(rows)
        self._end_requests(additions)
        if additions.moved:
            links_changed(self._database, self._conn, self._formation_id)
        self._add_records(audit.chain(self._database, self._conn, self._formation_id, changes, self._now, self._actor))

    def mark(self, source: str, before: int, after: int) -> bool:
        move = self._imports.move_import if before else self._imports.begin_import
        named = {"formation_id": self._formation_id, "source": source, "after": after, "now": self._now}
        return move(self._conn, **named, **({"before": before} if before else {})) is not None

    def finish(self, source: str) -> None:
        self._imports.end_import(self._conn, formation_id=self._formation_id, source=source)

    def _rows(self, additions: Additions) -> tuple[list[Row], list[Change]]:
        """The rows of the identifiers, and what they are to the audit.

        That is one change for each user: a row for each identifier would take as long as all the rest.
        """
        rows: list[Row] = []
        linked: dict[UserId, list[Mapping[str, str]]] = {}
        at: list[str] = []
        for one, user_id in additions.links:
            of_user = linked.setdefault(user_id, [])
            if len(of_user) == len(at):
                # A microsecond apart: they are listed in the order in which they came.
                at.append(_stamp(self._now + timedelta(microseconds=len(at))))
            rows.append((one.value, one.type, user_id, one.shown, at[len(of_user)]))
            of_user.append({"type": one.type, "identifier": fingerprint(one.type, one.value, self._hash_key)})
        made = set(additions.users)
        return rows, [
            Change(IDENTIFIERS_IMPORTED, user_id, {"user_created": user_id in made, "identifiers": identifiers})
            for user_id, identifiers in linked.items()
        ]

    def _end_requests(self, additions: Additions) -> None:
        """Codes that were asked for before prove nothing now."""
        values = self._list({identifier.value for identifier, _ in additions.links})
        self._sql.end_requests_for_values(self._conn, formation_id=self._formation_id, values=values)
        if additions.touched:
            users = self._list(additions.touched)
            self._sql.end_requests_of_users(self._conn, formation_id=self._formation_id, values=users)

    @abstractmethod
    def _add_users(self, user_ids: Sequence[UserId]) -> None: ...

    @abstractmethod
    def _add_identifiers(self, rows: Iterable[Row]) -> None: ...

    @abstractmethod
    def _add_records(self, records: Sequence[Record]) -> None: ...


class _SqliteWriter(_Writer):
    def _add_users(self, user_ids: Sequence[UserId]) -> None:
        formation_id, at = self._formation_id, _stamp(self._now)
        self._many("add_users", ((formation_id, user_id, user_id, at) for user_id in user_ids))

    def _add_identifiers(self, rows: Iterable[Row]) -> None:
        formation_id = self._formation_id
        self._many("add_identifiers", ((formation_id, *row) for row in rows))

    def _add_records(self, records: Sequence[Record]) -> None:
        formation_id, at, actor = self._formation_id, _stamp(self._now), self._actor
        rows = (
            (formation_id, one.seq, at, actor, one.action, one.user_id, _json(one.details), one.hash) for one in records
        )
        self._many("add_records", rows)

    def _many(self, query: str, rows: Iterable[tuple[Any, ...]]) -> None:
        """Rows in the order of the query's parameters: by name, half of the time would go into names."""
        sql = re.sub(r":\w+", "?", getattr(self._sql, query).sql)
        self._conn.executemany(sql, rows)


class _PostgresWriter(_Writer):
    def __init__(self, database: Database, conn: Any, *bound: Any) -> None:
        super().__init__(database, conn, *bound)
        for statement in (*_STAGES, _BY_INDEX):
            conn.execute(statement)

    def _add_users(self, user_ids: Sequence[UserId]) -> None:
        self._copy("import_users", ((user_id,) for user_id in user_ids))
        self._sql.add_users(self._conn, formation_id=self._formation_id, at=self._now)

    def _add_identifiers(self, rows: Iterable[Row]) -> None:
        self._copy("import_identifiers", rows)
        self._sql.add_identifiers(self._conn, formation_id=self._formation_id)

    def _add_records(self, records: Sequence[Record]) -> None:
        self._copy(
            "import_records", ((one.seq, one.action, one.user_id, _json(one.details), one.hash) for one in records)
        )
        self._sql.add_records(self._conn, formation_id=self._formation_id, at=self._now, actor=self._actor)

    def _copy(self, table: str, rows: Iterable[Sequence[Any]]) -> None:
        with self._conn.cursor() as cursor, cursor.copy(f"COPY {table} FROM STDIN") as copy:
            for row in rows:
                copy.write_row(row)


def _stamp(now: datetime, microseconds: int = 0) -> str:
    moment = now.astimezone(UTC) + timedelta(microseconds=microseconds)
    return moment.isoformat(timespec="microseconds")
