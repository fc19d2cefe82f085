"""Many users and identifiers at once, in SQL."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import UTC, datetime, timedelta
from typing import Any

from muxi.core.audit.types import IDENTIFIERS_IMPORTED, row_hash
from muxi.core.identity.bulk_store import Additions, BulkReader, BulkStore, BulkWriter, Known, Mark
from muxi.core.identity.normal_form import fingerprint
from muxi.ids import UserId
from muxi.storage import queries
from muxi.storage.bulk_dry import dry_store
from muxi.storage.bulk_lookups import WaitingLookups
from muxi.storage.databases.base import Database
from muxi.storage.databases.sqlite_keys import written_later
from muxi.storage.watch import links_changed

_USERS = ("formation_id", "id", "canonical_id", "created_at")
_IDENTIFIERS = ("formation_id", "value", "type", "user_id", "shown", "linked_at", "linked_by")
_AUDIT = ("formation_id", "seq", "at", "actor", "action", "user_id", "details", "hash")
# The server adds rows of one or two while this process decides about another. It holds a lock for each value, of some
# 8,000 in all: more at once, or about more values, would leave few for others.
_AT_ONCE = {"sqlite": 1, "postgres": 3}
_MOST_VALUES = {"sqlite": 2000, "postgres": 1000}


class SqlBulkStore:
    """`muxi.core.identity.bulk_store.BulkStore` on SQLite and Postgres."""

    def __init__(
        self, database: Database, formation_id: str, hash_key: bytes, lookups: WaitingLookups | None = None
    ) -> None:
        self._database = database
        self._formation_id = formation_id
        self._hash_key = hash_key
        self._lookups = lookups
        self._sql = queries.load(database, "bulk")

    @property
    def at_once(self) -> int:
        return _AT_ONCE[self._database.dialect]

    @property
    def most_values(self) -> int:
        return _MOST_VALUES[self._database.dialect]

    @contextmanager
    def writing(self, values: Collection[str], actor: str, now: datetime) -> Iterator[BulkWriter]:
        with self._database.transaction(together=True) as conn:
            self._database.lock_values(conn, self._formation_id, list(values))
            lookups = self._lookups or WaitingLookups(at_once=0)
            yield _Writer(self._database, conn, self._formation_id, self._hash_key, lookups, actor, now)

    @contextmanager
    def for_many(self) -> Iterator[BulkStore]:
        lookups = WaitingLookups()
        with self._database.writing_much():
            try:
                yield SqlBulkStore(self._database, self._formation_id, self._hash_key, lookups)
            finally:
                lookups.fill(self._database)

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

    def _list(self, values: Iterable[str]) -> str:
        # In order, as everybody locks users.
        return self._database.text_list(sorted(values))


class _Writer(_Reader):
    """`muxi.core.identity.bulk_store.BulkWriter` on one connection, inside its transaction."""

    def __init__(
        self,
        database: Database,
        conn: Any,
        formation_id: str,
        hash_key: bytes,
        lookups: WaitingLookups,
        actor: str,
        now: datetime,
    ) -> None:
        super().__init__(database, conn, formation_id)
        self._lookups = lookups
        self._imports = queries.load(database, "bulk")
        self._audit = queries.load(database, "audit")
        self._hash_key = hash_key
        self._actor = actor
        self._now = now
        self._said: Mapping[UserId, str] = {}

    def lock(self, user_ids: Collection[UserId]) -> bool:
        return len(list(self._each("lock_all", user_ids))) == len(user_ids)

    def add(self, additions: Additions) -> None:
        formation_id, at = self._formation_id, _stamp(self._now)
        with _done(self._database, self._conn):
            self._insert("users", _USERS, ((formation_id, user_id, user_id, at) for user_id in additions.users))
            if self._database.dialect == "sqlite":
                self._insert_with_keys(additions)
            else:
                self._insert("identifiers", _IDENTIFIERS, self._identifiers(additions))
            self._said = self._details(additions)

    def record(self, additions: Additions, mark: Mark | None = None) -> bool:
        noted = self._note(mark) if mark else None
        if additions.links:
            self._end_requests(additions)
            if additions.moved:
                links_changed(self._database, self._conn, self._formation_id)
            self._record(self._said)
        return noted is None or noted.fetchone() is not None

    def _note(self, mark: Mark) -> Any:
        """Of what is noted, a cursor that has a row if nobody else imports the file. Nobody waits for it here."""
        named = {"formation_id": self._formation_id, "source": mark.source}
        if mark.after == mark.last:
            self._imports.end_import(self._conn, **named)
            return None
        move = self._imports.move_import if mark.before else self._imports.begin_import
        return self._conn.execute(
            move.sql, {**named, "before": mark.before, "after": mark.after, "now": _stamp(self._now)}
        )

    def _identifiers(self, additions: Additions) -> Iterator[tuple[Any, ...]]:
        linked: dict[UserId, int] = {}
        # A microsecond apart: a user's are listed in the order in which they came.
        at: list[str] = []
        for (value, type, shown, _), user_id in additions.links:
            place = linked[user_id] = linked.get(user_id, -1) + 1
            if place == len(at):
                at.append(_stamp(self._now + timedelta(microseconds=place)))
            yield self._formation_id, value, type, user_id, shown, at[place], "import"

    def _insert_with_keys(self, additions: Additions) -> None:
        rows = ((*row, written_later(row[0], row[2], row[1])) for row in self._identifiers(additions))
        self._insert("identifiers", (*_IDENTIFIERS, "key"), rows)
        self._lookups.linked(self._conn, len(additions.links))

    def _details(self, additions: Additions) -> dict[UserId, str]:
        """What the audit says of each user, as `muxi.core.audit.types.written` would write it.

        That is a row for each user: one for each identifier would take as long as all the rest.
        """
        linked: dict[UserId, list[str]] = {}
        for (value, type, _, _), user_id in additions.links:
            # A type is of letters that need no quoting.
            one = f'{{"identifier":"{fingerprint(type, value, self._hash_key)}","type":"{type}"}}'
            linked.setdefault(user_id, []).append(one)
        made = set(additions.users)
        return {
            user_id: f'{{"identifiers":[{",".join(of_user)}],"user_created":{"true" if user_id in made else "false"}}}'
            for user_id, of_user in linked.items()
        }

    def _record(self, details: Mapping[UserId, str]) -> None:
        """The last thing it does: it holds up other writers."""
        formation_id, at, actor = self._formation_id, _stamp(self._now), self._actor
        seq, previous = self._audit.reserve_audit(self._conn, formation_id=formation_id, count=len(details))
        rows = []
        for place, (user_id, said) in enumerate(details.items(), seq + 1):
            previous = row_hash(previous, formation_id, place, self._now, actor, IDENTIFIERS_IMPORTED, user_id, said)
            rows.append((formation_id, place, at, actor, IDENTIFIERS_IMPORTED, user_id, said, previous))
        self._insert("audit", _AUDIT, rows)
        self._audit.set_audit_hash(self._conn, formation_id=formation_id, hash=previous)

    def _insert(self, table: str, columns: tuple[str, ...], rows: Iterable[tuple[Any, ...]]) -> None:
        self._database.insert_many(self._conn, table, columns, rows)

    def _end_requests(self, additions: Additions) -> None:
        """Codes that were asked for before prove nothing now."""
        values = self._list({identifier.value for identifier, _ in additions.links})
        self._sql.end_requests_for_values(self._conn, formation_id=self._formation_id, values=values)
        if additions.touched:
            users = self._list(additions.touched)
            self._sql.end_requests_of_users(self._conn, formation_id=self._formation_id, values=users)


def _done(database: Database, conn: Any) -> AbstractContextManager[object]:
    """At the end of this context its statements have been done, which otherwise go along with later ones."""
    return conn.pipeline() if database.dialect == "postgres" else nullcontext()


def _stamp(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="microseconds")
