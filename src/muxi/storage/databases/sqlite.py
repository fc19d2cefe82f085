"""SQLite: one file, many readers, one writer at a time."""

from __future__ import annotations

import json
import os
import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from datetime import UTC, datetime
from itertools import chain, islice
from pathlib import Path
from typing import Any, Self
from weakref import WeakValueDictionary

from aiosql.adapters.generic import GenericAdapter

from muxi.errors import (
    MuxiError,
    StorageBusyError,
    StorageConflictError,
    StorageCorruptError,
    StorageError,
    StorageFullError,
    StorageReadOnlyError,
    StorageUnavailableError,
    UserNotFoundError,
)
from muxi.storage.databases import sqlite_files, sqlite_statistics
from muxi.storage.databases.sqlite_keys import identifier_key

BUSY_TIMEOUT_S = 10.0
# While much is written: identifiers hit their index everywhere, and with SQLite's own 2 MB each row would be a page
# that is read and one that is thrown out. KiB if negative; and pages of the journal that are moved to the file at once.
_MUCH = (("cache_size", -65536), ("wal_autocheckpoint", 10_000))
# More in one statement gain nothing.
_ROWS_AT_ONCE = 50
_GROUP = "SELECT id FROM users WHERE formation_id = ? AND canonical_id = ? ORDER BY id"

#: Who writes to which file of this process.
_FILES: WeakValueDictionary[Path, threading.Lock] = WeakValueDictionary()
_FILES_LOCK = threading.Lock()

# A converter sees bytes; registered once for the process, used only by connections that ask for it, for columns of a
# declared type of this name, and for expressions whose name ends with it in brackets.
sqlite3.register_converter("timestamptz", lambda raw: datetime.fromisoformat(raw.decode()))
sqlite3.register_converter("jsonb", lambda raw: json.loads(raw))


def _stored(value: Any) -> Any:
    if isinstance(value, datetime):
        # Microseconds always written, so that text order is time order.
        return value.astimezone(UTC).isoformat(timespec="microseconds")
    if isinstance(value, dict):
        return json.dumps(value, ensure_ascii=False)
    return value


class _Cursor(sqlite3.Cursor):
    """Takes the same Python values as the Postgres driver, without the process-wide adapters of sqlite3."""

    def execute(self, sql: str, parameters: Any = ()) -> Self:
        if isinstance(parameters, dict):
            # Most values are text and pass as they are: a call for each would cost as much as the look-up's own work.
            parameters = {name: value if type(value) is str else _stored(value) for name, value in parameters.items()}
        return super().execute(sql, parameters)

    def executemany(self, sql: str, parameters: Iterable[Any]) -> Self:
        stored = ({name: _stored(value) for name, value in row.items()} for row in parameters)
        return super().executemany(sql, stored)


class _Adapter(GenericAdapter):
    def _cursor(self, conn: sqlite3.Connection) -> sqlite3.Cursor:
        return conn.cursor(_Cursor)


class _Reading:
    """What `SqliteDatabase.connection` enters. It keeps nothing, so one serves every thread; a class, because a
    generator would be made anew for each look-up."""

    def __init__(self, database: SqliteDatabase) -> None:
        self._database = database

    def __enter__(self) -> sqlite3.Connection:
        return self._database._connect()

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, sqlite3.Error):
            raise _translate(error, self._database.path) from error


class SqliteDatabase:
    """Connections to one SQLite file: one a thread, and a lock that lets one thread write at a time."""

    dialect = "sqlite"
    adapter = _Adapter

    def __init__(self, path: Path) -> None:
        self.path = path
        self._local = threading.local()
        self._writing = _writing(path)
        self._opened: list[sqlite3.Connection] = []
        self._opening = threading.Lock()
        self._closed = False
        self._reading = _Reading(self)
        # What people said is their own: a new file, and with it its journals, is for this account's eyes only.
        with suppress(OSError):
            os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
        self._connect()

    def connection(self) -> AbstractContextManager[sqlite3.Connection]:
        """A connection for reading; each statement is its own transaction."""
        return self._reading

    def held(self) -> AbstractContextManager[None]:
        """A thread has only one."""
        return nullcontext()

    def _connect(self) -> sqlite3.Connection:
        """This thread's connection, opened if it has none."""
        conn: sqlite3.Connection | None = getattr(self._local, "conn", None)
        if conn is None or self._closed:
            with translated(self.path):
                conn = self._local.conn = self._open()
        return conn

    @contextmanager
    def transaction(self, *, together: bool = False) -> Iterator[sqlite3.Connection]:
        """A write transaction: committed at the end, rolled back on any exception."""
        with translated(self.path), self._writing:
            conn = self._connect()
            conn.execute("BEGIN IMMEDIATE")
            try:
                yield conn
                conn.execute("COMMIT")
            finally:
                # Not "except": a KeyboardInterrupt or a failed COMMIT must not leave the transaction open either.
                if conn.in_transaction:
                    conn.execute("ROLLBACK")

    def insert_many(
        self, conn: sqlite3.Connection, table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]
    ) -> None:
        """Some rows a statement: one each would take a quarter longer. Parameters by place: names would take as long as
        all the rest."""
        # Names of ours; every value is a parameter.
        into, row = f"INSERT INTO {table} ({', '.join(columns)}) VALUES ", f"({', '.join('?' * len(columns))})"  # nosec B608
        following = iter(rows)
        while some := list(islice(following, _ROWS_AT_ONCE)):
            conn.execute(into + ", ".join([row] * len(some)), list(chain.from_iterable(some)))

    def text_list(self, values: Iterable[str]) -> str:
        """For ``json_each``."""
        return json.dumps(list(values))

    @contextmanager
    def writing_much(self) -> Iterator[None]:
        """With a larger cache."""
        with translated(self.path):
            conn = self._connect()
            before = [(name, conn.execute(f"PRAGMA {name}").fetchone()[0]) for name, _ in _MUCH]
            _set(conn, _MUCH)
            try:
                yield
            finally:
                if not self._closed:
                    _set(conn, before)

    def owning(self) -> AbstractContextManager[sqlite3.Connection]:
        """A file's tables are whosever may write to it."""
        return self._reading

    @contextmanager
    def migrating(self) -> Iterator[sqlite3.Connection]:
        """The write transaction is the lock. Without statistics SQLite reads whole formations."""
        with self.transaction() as conn:
            yield conn
            sqlite_statistics.describe(conn)

    def lock_values(self, conn: Any, formation_id: str, values: list[str]) -> None:
        """The write transaction is the lock."""

    @contextmanager
    def snapshot(self) -> Iterator[sqlite3.Connection]:
        """A connection on which all reads see one moment; in WAL mode nobody waits for it."""
        with translated(self.path):
            conn = self._connect()
            conn.execute("BEGIN")
            try:
                yield conn
            finally:
                conn.execute("ROLLBACK")

    def stream(self, conn: Any, query: str, parameters: Mapping[str, Any]) -> Iterator[tuple[Any, ...]]:
        """The rows of a query, read as they are asked for."""
        return iter(conn.execute(query, parameters))

    def keep_user(self, conn: Any, formation_id: str, user_id: str) -> None:
        """The write transaction is the lock."""

    def hold_users(self, conn: Any, formation_id: str, canonical_id: str) -> list[str]:
        """The write transaction is the lock."""
        return [row[0] for row in conn.execute(_GROUP, (formation_id, canonical_id))]

    def announce(self, conn: Any, formation_id: str) -> None:
        """Nobody listens: `change_marker` is as quick."""

    def subscribe(self, formation_id: str, call: Callable[[], None]) -> None:
        """Nothing is announced."""

    @property
    def heard_until(self) -> float:
        """Always in the past."""
        return 0.0

    def change_marker(self, conn: sqlite3.Connection) -> object | None:
        """What other connections have committed moves the first number, what this one has written the second."""
        return conn.execute("PRAGMA data_version").fetchone()[0], conn.total_changes

    def scrub(self, tables: Sequence[str], *, rewrite: bool = False) -> bool:
        """Of all tables: they share their pages."""
        with translated(self.path), self._writing:
            return sqlite_files.scrub(self.path, rewrite=rewrite)

    def ping(self) -> None:
        """Raises `StorageError` if the file cannot be read."""
        with self.connection() as conn:
            conn.execute("SELECT count(*) FROM sqlite_master").fetchone()

    def close(self) -> None:
        with self._opening:
            self._closed = True
            for conn in self._opened:
                conn.close()
            self._opened.clear()

    def _open(self) -> sqlite3.Connection:
        with self._opening:
            if self._closed:
                raise StorageUnavailableError(f"The store at {self.path} is closed. Open it again.")
            conn = sqlite3.connect(
                self.path,
                timeout=BUSY_TIMEOUT_S,
                isolation_level=None,
                detect_types=sqlite3.PARSE_DECLTYPES | sqlite3.PARSE_COLNAMES,
                check_same_thread=False,  # closed by the thread that closes the store
                cached_statements=256,
            )
            self._opened.append(conn)
        sqlite_files.prepare(conn)
        conn.execute("PRAGMA journal_mode = WAL")
        # A power cut may lose the last transactions but never corrupts; a killed process loses nothing.
        conn.execute("PRAGMA synchronous = NORMAL")
        conn.execute("PRAGMA foreign_keys = ON")
        conn.create_function("identifier_key", 3, identifier_key, deterministic=True)
        return conn


def _writing(path: Path) -> threading.Lock:
    """The lock of those who write to a file. One for all formations of this process that share it: they wait for each
    other for as long as it takes; SQLite itself would give up, as when the disk is slow and a file is written anew."""
    with _FILES_LOCK:
        return _FILES.setdefault(path.resolve(), threading.Lock())


def _set(conn: sqlite3.Connection, pragmas: Iterable[tuple[str, int]]) -> None:
    for name, value in pragmas:
        conn.execute(f"PRAGMA {name} = {value}")


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Turns what sqlite3 raises into errors of muxi."""
    try:
        yield
    except sqlite3.Error as error:
        raise _translate(error, path) from error


def _translate(error: sqlite3.Error, path: Path) -> MuxiError:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    match code:
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return StorageBusyError(f"{path} is locked by another process for {BUSY_TIMEOUT_S:g} s. Try again.")
        case sqlite3.SQLITE_READONLY | sqlite3.SQLITE_PERM:
            return StorageReadOnlyError(f"{path} cannot be written. Give this process write access to file and folder.")
        case sqlite3.SQLITE_CONSTRAINT if isinstance(error, sqlite3.IntegrityError) and "UNIQUE" in str(error):
            return StorageConflictError("Somebody else has stored this at the same moment. Look again.")
        case sqlite3.SQLITE_CONSTRAINT if isinstance(error, sqlite3.IntegrityError) and "FOREIGN KEY" in str(error):
            # Rows refer to users and to what users have: only an erasure takes those away.
            return UserNotFoundError("This user was erased at this moment. Nothing was stored.")
        case sqlite3.SQLITE_FULL:
            return StorageFullError(f"The disk that holds {path} is full. Nothing was stored; free some space.")
        case sqlite3.SQLITE_CORRUPT | sqlite3.SQLITE_NOTADB:
            return StorageCorruptError(f"{path} is not a sound SQLite database. Restore it from a backup.")
        case sqlite3.SQLITE_CANTOPEN | sqlite3.SQLITE_IOERR:
            return StorageUnavailableError(f"{path} cannot be opened or read. Check that its folder exists.")
    return StorageError(f"The database at {path} refused a statement ({type(error).__name__}).")
