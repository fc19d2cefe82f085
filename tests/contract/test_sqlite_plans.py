"""No query reads a whole formation on SQLite, but for those that mean it."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from importlib import resources
from pathlib import Path

import pytest

from muxi.storage.databases.sqlite import SqliteDatabase
from muxi.storage.migrate import migrate

# What is asked of everybody, or of tables with few rows: what waits, failed, is swept, is being proven; roles, keys.
OF_EVERYBODY = {
    "count_failures", "count_other_embeddings", "end_requests_of_users", "end_sweep", "failures", "hold_sweep",
    "matching_disabled_users", "matching_users", "memories_to_embed", "memories_to_place", "owners_of_due_memories",
    "roles", "signing_keys",
}  # fmt: skip
# The few rows that a common table expression gave, read once.
SCANNED = re.compile(r"SCAN (?!\w+ USING)(m|memories|messages|facts|users|identifiers|sessions|extractions)\b")
WHOLE_FORMATION = re.compile(r"SEARCH .*\(formation_id=\?\)")


def queries() -> Iterator[tuple[str, str]]:
    for entry in (resources.files("muxi.storage") / "sql" / "queries").iterdir():
        if not entry.name.endswith("_postgres.sql"):
            for query in re.split(r"^-- name: ", entry.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]:
                name, _, sql = query.partition("\n")
                yield name.strip("!^$*#<>"), sql


@pytest.fixture
def conn(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    database = SqliteDatabase(tmp_path / "plans.db")
    migrate(database)
    yield database.connect()
    database.close()


def whole(conn: sqlite3.Connection, sql: str) -> list[str]:
    given = dict.fromkeys(re.findall(r":(\w+)", sql), "1")
    steps = [row[3] for row in conn.execute(f"EXPLAIN QUERY PLAN {sql}", given)]
    return [step for step in steps if WHOLE_FORMATION.fullmatch(step) or SCANNED.match(step)]


def test_no_query_reads_a_whole_formation(conn: sqlite3.Connection) -> None:
    """Whatever is asked of one user takes as long beside a million others as alone."""
    read = {name: steps for name, sql in queries() if (steps := whole(conn, sql))}
    assert {name: steps for name, steps in read.items() if name not in OF_EVERYBODY} == {}


def test_without_what_the_planner_was_told_they_do(conn: sqlite3.Connection) -> None:
    """It is the statistics that make the difference."""
    sql = dict(queries())["memories_alike"]
    assert whole(conn, sql) == []
    conn.execute("DELETE FROM sqlite_stat1")
    conn.execute("ANALYZE sqlite_schema")
    assert len(whole(conn, sql)) == 1
