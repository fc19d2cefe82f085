"""Numbered migrations, run at start by whichever process comes first."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import resources
from typing import Any

from muxi.errors import StorageVersionError
from muxi.storage.databases.base import Database

_HISTORY = (
    "CREATE TABLE IF NOT EXISTS migrations (number bigint PRIMARY KEY, name text NOT NULL, applied_at text NOT NULL)"
)
# How a line of the comment before a statement begins that one database needs, and the other does not know.
_ONLY = {"sqlite": "-- Only SQLite", "postgres": "-- Only Postgres"}


@dataclass(frozen=True, slots=True)
class Migration:
    """One step of the schema.

    Attributes:
        number: its place; steps run in this order, once.
        name: what it adds.
        sql: its statements.
        applied_at: when it ran (ISO 8601, UTC); ``None`` if it has not.
    """

    number: int
    name: str
    sql: str
    applied_at: str | None = None


def migrate(database: Database) -> list[Migration]:
    """Runs what is missing, all of it or nothing, and returns it.

    Safe to call from many processes at once: one runs the steps, the others wait and find them done.

    Raises:
        StorageVersionError: the database has steps that this version of muxi does not know.
    """
    if not any(step.applied_at is None for step in status(database)):
        return []
    with database.migrating() as conn:
        conn.execute(_HISTORY)
        missing = [step for step in _steps(_history(conn)) if step.applied_at is None]
        for step in missing:
            _apply(conn, step, database.dialect)
    return missing


def status(database: Database) -> list[Migration]:
    """Every step this version knows, with the time it was applied to this database."""
    with database.owning() as conn:
        return _steps(_history(conn) if _has_history(conn, database.dialect) else {})


def _steps(applied: dict[int, str]) -> list[Migration]:
    known = [Migration(m.number, m.name, m.sql, applied.get(m.number)) for m in _known()]
    newest = max(step.number for step in known)
    if max(applied, default=0) > newest:
        raise StorageVersionError(
            f"The database is at schema {max(applied)}, this muxi knows {newest}. "
            "Upgrade muxi, or open another database."
        )
    return known


def _known() -> Iterator[Migration]:
    folder = resources.files("muxi.storage") / "sql" / "migrations"
    for entry in sorted(folder.iterdir(), key=lambda entry: entry.name):
        number, _, name = entry.name.removesuffix(".sql").partition("_")
        if number.isdigit():
            yield Migration(int(number), name.replace("_", " "), entry.read_text(encoding="utf-8"))


def _has_history(conn: Any, dialect: str) -> bool:
    if dialect == "sqlite":
        query = "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = 'migrations'"
    else:
        query = "SELECT count(*) FROM pg_catalog.pg_class WHERE oid = to_regclass('migrations')"
    return bool(conn.execute(query).fetchone()[0])


def _history(conn: Any) -> dict[int, str]:
    return dict(conn.execute("SELECT number, applied_at FROM migrations").fetchall())


def _apply(conn: Any, step: Migration, dialect: str) -> None:
    others = tuple(marker for meant, marker in _ONLY.items() if meant != dialect)
    for statement in _statements(step.sql):
        if not any(line.startswith(others) for line in statement.splitlines()):
            conn.execute(statement)
    now = datetime.now(UTC).isoformat(timespec="seconds")
    # The values are our own file names and a time: no driver's parameter style is needed.
    conn.execute(f"INSERT INTO migrations VALUES ({step.number}, '{step.name}', '{now}')")  # nosec B608


def _statements(script: str) -> Iterator[str]:
    """The script's statements; SQLite's own lexer finds where each one ends."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
