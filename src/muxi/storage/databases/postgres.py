"""Postgres: pooled connections, reads in autocommit, writes in transactions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from typing import Any

import psycopg
from aiosql.adapters.pyformat import PyFormatAdapter
from psycopg import errors as pg
from psycopg.conninfo import conninfo_to_dict
from psycopg.types.json import JsonbDumper
from psycopg_pool import ConnectionPool, PoolTimeout

from muxi.errors import (
    MuxiError,
    SettingsError,
    StorageBusyError,
    StorageConflictError,
    StorageCorruptError,
    StorageError,
    StorageFullError,
    StorageReadOnlyError,
    StorageUnavailableError,
    UserNotFoundError,
)
from muxi.storage.databases.postgres_listener import CHANNEL, Listener

POOL_TIMEOUT_S = 10.0
RECONNECT_S = 2.0
CONNECT_TIMEOUT_S = 5
STREAMED_ROWS = 1000
# Any number will do as long as every process takes the same one.
MIGRATION_LOCK = 0x6D757869
# Whoever may change the tables may tell the planner of them. A database holds few formations, most of them one, and
# most of what was said still holds.
_TAKES_STATISTICS = 180000
_STATISTICS = """
    SELECT pg_restore_attribute_stats(
        'schemaname', n.nspname::text, 'relname', c.relname::text, 'attname', a.attname::text, 'inherited', false,
        'null_frac', CASE a.attname WHEN 'superseded_at' THEN 0.9 ELSE 0 END::real, 'avg_width', 8,
        'n_distinct', CASE a.attname WHEN 'formation_id' THEN 1 ELSE -0.1 END::real)
    FROM pg_catalog.pg_attribute a
    JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE a.attname IN ('formation_id', 'superseded_at') AND c.relkind = 'r' AND n.nspname = current_schema()
"""

Connection = psycopg.Connection[tuple[Any, ...]]


class PostgresDatabase:
    """A pool of connections to one Postgres database."""

    dialect = "postgres"
    adapter = PyFormatAdapter

    def __init__(self, url: str, *, pool_size: int = 20) -> None:
        self._url = url
        self.shown = _shown(url)
        self._pool = ConnectionPool(
            url,
            min_size=1,
            max_size=pool_size,
            timeout=POOL_TIMEOUT_S,
            # Given up soon, since who comes next tries again at once; who tried for long would wait longer each time.
            reconnect_timeout=RECONNECT_S,
            kwargs={"autocommit": True, "connect_timeout": CONNECT_TIMEOUT_S},
            configure=_configure,
            open=False,
        )
        self._listener = Listener(url, CONNECT_TIMEOUT_S)
        with self._translated():
            # One plain connection first: the pool would hide why it cannot connect.
            psycopg.connect(url, connect_timeout=CONNECT_TIMEOUT_S).close()
            self._pool.open()

    @contextmanager
    def connection(self) -> Iterator[Connection]:
        """A connection for reading; each statement is its own transaction."""
        with self._translated(), self._pool.connection() as conn:
            yield conn

    @contextmanager
    def transaction(self, *, together: bool = False) -> Iterator[Connection]:
        """A write transaction: committed at the end, rolled back on any exception."""
        with self._translated(), self._pool.connection() as conn, _pipeline(conn, together), conn.transaction():
            yield conn

    def insert_many(self, conn: Connection, table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
        """By COPY."""
        with conn.cursor() as cursor, cursor.copy(f"COPY {table} ({', '.join(columns)}) FROM STDIN") as copy:
            for row in rows:
                copy.write_row(row)

    def text_list(self, values: Iterable[str]) -> str:
        """An array's text: the driver would take ten times as long for it."""
        quoted = ['"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"' for value in values]
        return "{" + ",".join(quoted) + "}"

    def writing_much(self) -> AbstractContextManager[None]:
        """It needs nothing: the server's memory is the server's own matter."""
        return nullcontext()

    def lock_migrations(self, conn: Connection) -> None:
        """Held to the end of the transaction: other processes wait, then find nothing left to do."""
        conn.execute("SELECT pg_advisory_xact_lock(%s)", (MIGRATION_LOCK,))

    def describe(self, conn: Connection) -> None:
        """That a formation is as good as the whole table. It counts for itself, but not before tables are large, and
        connections keep the plans they have made. Before version 18 it cannot be told."""
        if conn.info.server_version >= _TAKES_STATISTICS:
            conn.execute(_STATISTICS)

    def lock_values(self, conn: Connection, formation_id: str, values: list[str]) -> None:
        """Makes whoever wants to link one of these values wait for the end of this transaction.

        One order for all, so that two callers cannot wait for each other.
        """
        conn.execute(
            "SELECT pg_advisory_xact_lock(hashtextextended(v, hashtextextended(%s, 0))) FROM unnest(%s::text[]) v",
            (formation_id, self.text_list(sorted(set(values)))),
        )

    @contextmanager
    def snapshot(self) -> Iterator[Connection]:
        """A connection on which all reads see one moment, as long as the context lasts."""
        with self._translated(), self._pool.connection() as conn, conn.transaction():
            conn.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            yield conn

    def stream(self, conn: Connection, query: str, parameters: Mapping[str, Any]) -> Iterator[tuple[Any, ...]]:
        """The rows of a query, fetched a thousand at a time."""
        with conn.cursor("muxi_stream") as cursor:
            cursor.itersize = STREAMED_ROWS
            cursor.execute(query, parameters)
            yield from cursor

    def keep_user(self, conn: Connection, formation_id: str, user_id: str) -> None:
        """Waits for who erases the user; who wants to erase it waits for the end of this transaction."""
        kept = conn.execute(
            "SELECT 1 FROM users WHERE formation_id = %s AND id = %s FOR KEY SHARE", (formation_id, user_id)
        )
        if kept.fetchone() is None:
            raise UserNotFoundError("This user was erased at this moment. Nothing was stored.")

    def hold_users(self, conn: Connection, formation_id: str, canonical_id: str) -> list[str]:
        """Waits for everybody who writes what is theirs, and makes those who come later wait.

        The canonical user first: while it is held, nobody is merged into it or split from it.
        """
        held = conn.execute(
            "SELECT id FROM users WHERE formation_id = %s AND id = %s AND canonical_id = id FOR UPDATE",
            (formation_id, canonical_id),
        )
        if held.fetchone() is None:
            return []
        group = conn.execute(
            "SELECT id FROM users WHERE formation_id = %s AND canonical_id = %s ORDER BY id FOR UPDATE",
            (formation_id, canonical_id),
        )
        return [row[0] for row in group]

    def announce(self, conn: Connection, formation_id: str) -> None:
        """A notice, which Postgres sends when the transaction commits."""
        conn.execute("SELECT pg_notify(%s, %s)", (CHANNEL, formation_id))

    def subscribe(self, formation_id: str, call: Callable[[], None]) -> None:
        """As `Listener.subscribe`."""
        self._listener.subscribe(formation_id, call)

    @property
    def heard_until(self) -> float:
        """As `Listener.heard_until`."""
        return self._listener.heard_until

    def change_marker(self, conn: Connection) -> object | None:
        """Not known."""
        return None

    def scrub(self, tables: Sequence[str], *, rewrite: bool = False) -> bool:
        """By VACUUM: nobody can read dead rows after it, and nobody waits for it. Their bytes can stay in the gaps of
        pages until these are used again, unless the tables are written anew."""
        how = "FULL" if rewrite else "INDEX_CLEANUP ON, SKIP_LOCKED"
        with self._translated(), self._pool.connection() as conn:
            conn.execute(f"VACUUM ({how}) {', '.join(tables)}")
            if rewrite:
                # Only then the files say so; who may not ask for it waits for the server's own.
                with suppress(pg.InsufficientPrivilege):
                    conn.execute("CHECKPOINT")
        return True

    def ping(self) -> None:
        """Raises `StorageUnavailableError` if the server does not answer."""
        with self.connection() as conn:
            conn.execute("SELECT 1")

    def close(self) -> None:
        self._listener.close()
        self._pool.close()

    def _answers(self) -> bool:
        """Whether it can be connected to, when no connection came free: else none will."""
        try:
            psycopg.connect(self._url, connect_timeout=CONNECT_TIMEOUT_S).close()
        except psycopg.Error:
            return False
        return True

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except (psycopg.Error, PoolTimeout) as error:
            lost = _translate(error, self.shown)
            if isinstance(error, PoolTimeout) and not self._answers():
                lost = _unreachable(self.shown)
            if isinstance(lost, StorageUnavailableError) and not self._pool.closed:
                # After a restart of the server every idle connection is dead: without this each would fail once.
                self._pool.check()
            raise lost from error


def _pipeline(conn: Connection, together: bool) -> AbstractContextManager[object]:
    return conn.pipeline() if together else nullcontext()


def _configure(conn: Connection) -> None:
    conn.adapters.register_dumper(dict, JsonbDumper)
    conn.execute("SET TIME ZONE 'UTC'")
    # A statement's plan is kept from its first uses, when tables may be new and without statistics: Postgres then
    # prefers a bitmap of the whole formation, or the whole table, to the key, and each look-up would read every user.
    conn.execute("SET enable_bitmapscan = off")
    conn.execute("SET enable_seqscan = off")


def _shown(url: str) -> str:
    """Host and database: a connection string holds a password and is never shown."""
    try:
        parts = conninfo_to_dict(url)
    except psycopg.ProgrammingError as error:
        raise SettingsError(
            "connection_string is not a Postgres connection string. Use postgresql://user:password@host:5432/database."
        ) from error
    return f"{parts.get('host', 'localhost')}/{parts.get('dbname', '')}"


def _unreachable(shown: str) -> StorageUnavailableError:
    return StorageUnavailableError(f"Postgres at {shown} cannot be reached. Check that it runs.")


def _translate(error: Exception, shown: str) -> MuxiError:
    match error:
        case pg.ReadOnlySqlTransaction() | pg.InsufficientPrivilege():
            return StorageReadOnlyError(f"Postgres at {shown} refused to write: read-only, or no privilege.")
        case pg.DiskFull():
            return StorageFullError(f"The disk of Postgres at {shown} is full. Nothing was stored; free some space.")
        case pg.DataCorrupted() | pg.IndexCorrupted():
            return StorageCorruptError(f"Postgres at {shown} found corrupted data. Restore it from a backup.")
        case pg.LockNotAvailable() | pg.DeadlockDetected() | pg.SerializationFailure() | pg.QueryCanceled():
            return StorageBusyError(f"Postgres at {shown} is busy with the same rows. Try again.")
        case pg.UniqueViolation():
            return StorageConflictError("Somebody else has stored this at the same moment. Look again.")
        case pg.ForeignKeyViolation():
            # Rows refer to users and to what users have: only an erasure takes those away.
            return UserNotFoundError("This user was erased at this moment. Nothing was stored.")
        case PoolTimeout():
            return StorageBusyError(f"No connection to Postgres at {shown} came free in {POOL_TIMEOUT_S:g} s.")
        case psycopg.OperationalError() | psycopg.InterfaceError():
            return _unreachable(shown)
    return StorageError(f"Postgres at {shown} refused a statement ({type(error).__name__}).")
