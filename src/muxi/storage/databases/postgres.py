"""Postgres: pooled connections, reads in autocommit, writes in transactions."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from itertools import islice
from typing import Any

import psycopg
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
from muxi.storage.databases import postgres_roles
from muxi.storage.databases.postgres_arrays import array_text, insertion
from muxi.storage.databases.postgres_listener import CHANNEL, Listener
from muxi.storage.databases.postgres_scope import ScopedAdapter, ScopedConnection

POOL_TIMEOUT_S = 10.0
RECONNECT_S = 2.0
CONNECT_TIMEOUT_S = 5
STREAMED_ROWS = 1000
INSERTED_ROWS = 5000
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
    """A pool of connections to one Postgres database.

    Args:
        url: as whom the application works. Where that login could pass the walls between users, its connections take
            the role `muxi.storage.databases.postgres_roles.APPLICATION` at once.
        pool_size: how many connections are kept at most.
        owner_url: as whom tables are made, changed and cleared up; as ``url`` if not told.
    """

    dialect = "postgres"
    adapter = ScopedAdapter

    def __init__(self, url: str, *, pool_size: int = 20, owner_url: str | None = None) -> None:
        self._url = url
        self._owner_url = owner_url or url
        self.shown = _shown(url)
        _shown(self._owner_url)  # refuses what is no connection string
        self._types: dict[str, dict[str, str]] = {}
        self._local = threading.local()
        self._pool: ConnectionPool[ScopedConnection] = ConnectionPool(
            url,
            connection_class=ScopedConnection,
            min_size=1,
            max_size=pool_size,
            timeout=POOL_TIMEOUT_S,
            # Given up soon, since who comes next tries again at once; who tried for long would wait longer each time.
            reconnect_timeout=RECONNECT_S,
            kwargs={"autocommit": True, "connect_timeout": CONNECT_TIMEOUT_S},
            configure=self._configure,
            open=False,
        )
        self._listener = Listener(url, CONNECT_TIMEOUT_S)
        with self._translated():
            # One plain connection first: the pool would hide why it cannot connect.
            with self._connect(url) as conn:
                self._role = postgres_roles.walled_role(conn)
                self._acts_as = self._role or conn.info.user
                let_in = postgres_roles.may_use(conn, self._acts_as)
            if not let_in:
                # Its owner has made the tables long ago, for others.
                with self.owning() as owner:
                    postgres_roles.grant(owner, self._acts_as)
            self._pool.open()

    @contextmanager
    def connection(self) -> Iterator[Connection]:
        """A connection for reading; each statement is its own transaction."""
        with self._translated(), self._at_hand() as conn:
            yield conn

    @contextmanager
    def held(self) -> Iterator[None]:
        """While it lasts, this thread works on one connection, which is told once whose rows it is about."""
        with self._translated(), self._pool.connection() as conn:
            self._local.conn = conn
            try:
                yield
            finally:
                self._local.conn = None

    def _at_hand(self) -> AbstractContextManager[ScopedConnection]:
        """The connection that this thread holds, or one of its own."""
        held: ScopedConnection | None = getattr(self._local, "conn", None)
        return self._pool.connection() if held is None else nullcontext(held)

    @contextmanager
    def transaction(self, *, together: bool = False) -> Iterator[Connection]:
        """A write transaction: committed at the end, rolled back on any exception."""
        with self._translated(), self._at_hand() as conn, _pipeline(conn, together), conn.transaction():
            yield conn

    @contextmanager
    def owning(self) -> Iterator[Connection]:
        """A connection of its own, as whoever owns the tables; each statement is its own transaction."""
        with self._translated(), _told_who_may(self.shown), self._connect(self._owner_url) as conn:
            _set_up(conn)
            yield conn

    @contextmanager
    def migrating(self) -> Iterator[Connection]:
        """A transaction in which tables are made and changed; nobody else does so meanwhile.

        The planner is told what to expect in them: that a formation is as good as the whole table. It counts for
        itself, but not before tables are large, and connections keep the plans they have made. Before version 18 it
        cannot be told.
        """
        with self.owning() as conn, conn.transaction():
            conn.execute("SELECT pg_advisory_xact_lock(%s)", (MIGRATION_LOCK,))
            with postgres_roles.without_walls(conn):
                yield conn
            if conn.info.server_version >= _TAKES_STATISTICS:
                conn.execute(_STATISTICS)
            postgres_roles.grant(conn, self._acts_as)

    def insert_many(self, conn: Connection, table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
        """Columns as arrays, in one statement: COPY does not go through the walls."""
        read = iter(rows)
        while batch := list(islice(read, INSERTED_ROWS)):
            formation_id = batch[0][0]
            statement, cells = insertion(table, columns, self._types_of(conn, table, formation_id), batch)
            conn.execute(statement, {"formation_id": formation_id, **cells})

    def _types_of(self, conn: Connection, table: str, formation_id: str) -> dict[str, str]:
        if table not in self._types:
            self._types[table] = dict(
                conn.execute(
                    "SELECT attname, format_type(atttypid, NULL) FROM pg_catalog.pg_attribute"
                    " WHERE attrelid = to_regclass(%(table)s) AND attnum > 0 AND NOT attisdropped",
                    {"formation_id": formation_id, "table": table},
                ).fetchall()
            )
        return self._types[table]

    def text_list(self, values: Iterable[str | int | None]) -> str:
        """An array's text."""
        return array_text(values)

    def writing_much(self) -> AbstractContextManager[None]:
        """It needs nothing: the server's memory is the server's own matter."""
        return nullcontext()

    def lock_values(self, conn: Connection, formation_id: str, values: list[str]) -> None:
        """Makes whoever wants to link one of these values wait for the end of this transaction.

        One order for all, so that two callers cannot wait for each other.
        """
        conn.execute(
            "SELECT pg_advisory_xact_lock(hashtextextended(v, hashtextextended(%(formation_id)s, 0)))"
            " FROM unnest(%(values)s::text[]) v",
            {"formation_id": formation_id, "values": self.text_list(sorted(set(values)))},
        )

    @contextmanager
    def snapshot(self) -> Iterator[Connection]:
        """A connection on which all reads see one moment, as long as the context lasts."""
        with self._translated(), self._pool.connection() as conn, conn.transaction():
            conn.unscoped("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
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
            "SELECT 1 FROM users WHERE formation_id = %(formation_id)s AND id = %(user_id)s FOR KEY SHARE",
            {"formation_id": formation_id, "user_id": user_id},
        )
        if kept.fetchone() is None:
            raise UserNotFoundError("This user was erased at this moment. Nothing was stored.")

    def hold_users(self, conn: Connection, formation_id: str, canonical_id: str) -> list[str]:
        """Waits for everybody who writes what is theirs, and makes those who come later wait.

        The canonical user first: while it is held, nobody is merged into it or split from it.
        """
        key = {"formation_id": formation_id, "user_id": canonical_id}
        held = conn.execute(
            "SELECT id FROM users WHERE formation_id = %(formation_id)s AND id = %(user_id)s AND canonical_id = id"
            " FOR UPDATE",
            key,
        )
        if held.fetchone() is None:
            return []
        group = conn.execute(
            "SELECT id FROM users WHERE formation_id = %(formation_id)s AND canonical_id = %(user_id)s"
            " ORDER BY id FOR UPDATE",
            key,
        )
        return [row[0] for row in group]

    def announce(self, conn: Connection, formation_id: str) -> None:
        """A notice, which Postgres sends when the transaction commits."""
        conn.execute(f"SELECT pg_notify('{CHANNEL}', %(formation_id)s)", {"formation_id": formation_id})

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
        pages until these are used again, unless the tables are written anew. False: only the tables' owner may."""
        how = "FULL" if rewrite else "INDEX_CLEANUP ON, SKIP_LOCKED"
        with self.owning() as conn:
            if not postgres_roles.owns(conn, tables):
                return False
            conn.execute(f"VACUUM ({how}) {', '.join(tables)}")
            if rewrite:
                # Only then the files say so; who may not ask for it waits for the server's own.
                with suppress(pg.InsufficientPrivilege):
                    conn.execute("CHECKPOINT")
        return True

    def ping(self) -> None:
        """Raises `StorageUnavailableError` if the server does not answer."""
        with self._translated(), self._pool.connection() as conn:
            conn.unscoped("SELECT 1")

    def close(self) -> None:
        self._listener.close()
        self._pool.close()

    @staticmethod
    def _connect(url: str) -> Connection:
        return psycopg.connect(url, connect_timeout=CONNECT_TIMEOUT_S, autocommit=True)

    def _answers(self) -> bool:
        """Whether it can be connected to, when no connection came free: else none will."""
        try:
            self._connect(self._url).close()
        except psycopg.Error:
            return False
        return True

    def _configure(self, conn: ScopedConnection) -> None:
        _set_up(conn)
        if self._role is not None:
            conn.execute(f"SET ROLE {self._role}")

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


@contextmanager
def _told_who_may(shown: str) -> Iterator[None]:
    try:
        yield
    except pg.InsufficientPrivilege as error:
        raise StorageReadOnlyError(
            f"The login on Postgres at {shown} may not make, change or look through the tables. Give the one of their "
            "owner as memory.persistent.owner_connection_string or MUXI_OWNER_DATABASE_URL."
        ) from error


def _set_up(conn: Connection) -> None:
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
            # pragma: allowlist nextline secret
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
