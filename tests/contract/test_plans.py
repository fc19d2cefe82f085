"""No query reads a whole formation, but for those that mean it: planned on new tables, as connections keep them."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

from muxi.storage.databases.postgres import PostgresDatabase
from muxi.storage.databases.sqlite import SqliteDatabase
from muxi.storage.migrate import migrate

# What is asked of everybody, or of tables with few rows: what waits, failed, is swept, is being proven; roles, keys.
OF_EVERYBODY = {
    "anybody_waits", "count_failures", "count_other_embeddings", "end_requests_of_users", "end_sweep",
    "end_verifications", "ended_anonymous", "erase_verifications", "export_merge_members", "export_merges",
    "extraction_errors", "extraction_status", "failures", "forget_all_segments", "forget_new_embeddings",
    "forget_revoked_tokens", "forget_segments_of_other_models",
    "forget_signing_keys", "forget_token_floors", "hold_sweep", "keys_of_role", "matching_disabled_users",
    "matching_users", "memories_to_embed", "memories_to_place", "memories_waiting", "owners_of_due_memories",
    "retire_signing_keys", "revoked_tokens", "roles", "signing_keys", "token_floors",
}  # fmt: skip
# What has no user stands in an index of its own, by formation.
WITHOUT_USER = re.compile(r"\w+_without_user")
TABLES = "m|memories|messages|facts|users|identifiers|sessions|extractions"
# The name of a common table expression's few rows can be read once; a table's cannot.
SCANNED = re.compile(rf"SCAN (?!\w+ USING)({TABLES})\b")
# Behind the walls of Postgres the formation is also compared with a setting of the connection.
_FORMATION = r"\(?formation_id = (\$\d+|\w+\.formation_id|\(InitPlan \d+\)\.col1)\)?"
WHOLE_FORMATION = re.compile(rf"SEARCH .*\(formation_id=\?\)|\(?{_FORMATION}( AND {_FORMATION})*\)?|")


def queries(dialect: str) -> dict[str, str]:
    """What runs on a database, by file and name; its own text of a query instead of the common one."""
    found: dict[str, str] = {}
    other = "postgres" if dialect == "sqlite" else "sqlite"
    for entry in sorted((resources.files("muxi.storage") / "sql" / "queries").iterdir(), key=lambda file: file.name):
        if not entry.name.endswith(f"_{other}.sql"):
            domain = entry.name.removesuffix(".sql").removesuffix(f"_{dialect}")
            for query in re.split(r"^-- name: ", entry.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]:
                name, _, sql = query.partition("\n")
                found[f"{domain}.{name.strip('!^$*#<>')}"] = re.sub(r"--.*", "", sql).strip().rstrip(";")
    return found


def meant(query: str) -> bool:
    name = query.partition(".")[2]
    return name in OF_EVERYBODY or bool(WITHOUT_USER.fullmatch(name))


@pytest.fixture
def sqlite(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    database = SqliteDatabase(tmp_path / "plans.db")
    migrate(database)
    yield database._connect()
    database.close()


def whole_on_sqlite(conn: sqlite3.Connection, sql: str) -> list[str]:
    named, places = re.findall(r":(\w+)", sql), sql.count("?")
    given: Any = ("1",) * places if places else dict.fromkeys(named, "1")
    steps = [row[3] for row in conn.execute(f"EXPLAIN QUERY PLAN {sql}", given)]
    return [step for step in steps if WHOLE_FORMATION.fullmatch(step) or SCANNED.match(step)]


def test_no_query_reads_a_whole_formation_on_sqlite(sqlite: sqlite3.Connection) -> None:
    """Whatever is asked of one user takes as long beside a million others as alone."""
    read = {name: whole_on_sqlite(sqlite, sql) for name, sql in queries("sqlite").items() if not meant(name)}
    assert {name: steps for name, steps in read.items() if steps} == {}


def test_without_what_the_planner_was_told_sqlite_does(sqlite: sqlite3.Connection) -> None:
    """It is the statistics that make the difference."""
    sql = queries("sqlite")["extraction.memories_alike"]
    assert whole_on_sqlite(sqlite, sql) == []
    sqlite.execute("DELETE FROM sqlite_stat1")
    sqlite.execute("ANALYZE sqlite_schema")
    assert len(whole_on_sqlite(sqlite, sql)) == 1


@pytest.fixture
def postgres(postgres_database: str) -> Iterator[PostgresDatabase]:
    database = PostgresDatabase(postgres_database)
    migrate(database)
    yield database
    database.close()


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for part in plan.get("Plans", ()):
        yield from nodes(part)


def whole_on_postgres(database: PostgresDatabase, sql: str) -> list[str]:
    """As the application plans it, with the walls."""
    names = list(dict.fromkeys(re.findall(r"(?<!:):(\w+)", sql)))
    numbered = re.sub(r"(?<!:):(\w+)", lambda match: f"${names.index(match[1]) + 1}", sql)
    with database.connection() as conn:
        row = conn.execute(f"EXPLAIN (GENERIC_PLAN, FORMAT JSON) {numbered}", prepare=False).fetchone()
    assert row
    return [
        f"{node['Node Type']} of {node['Relation Name']} by {node.get('Index Name')}"
        for node in nodes(row[0][0]["Plan"])
        if "Scan" in node["Node Type"]
        and node.get("Relation Name") not in (None, "formations")
        and WHOLE_FORMATION.fullmatch(node.get("Index Cond", ""))
    ]


@pytest.mark.postgres
def test_no_query_reads_a_whole_formation_on_postgres(postgres: PostgresDatabase) -> None:
    """Connections keep the plans they made when tables were new."""
    # Its parameters' types follow from how it is called.
    known = {name: sql for name, sql in queries("postgres").items() if name != "exchanges.save_exchange"}
    read = {name: whole_on_postgres(postgres, sql) for name, sql in known.items() if not meant(name)}
    assert {name: steps for name, steps in read.items() if steps} == {}


@pytest.mark.postgres
def test_without_what_the_planner_was_told_postgres_does(postgres: PostgresDatabase) -> None:
    """It is the statistics that make the difference."""
    sql = queries("postgres")["extraction.memories_alike"]
    assert whole_on_postgres(postgres, sql) == []
    with postgres.owning() as conn:
        conn.execute("SELECT pg_clear_attribute_stats(current_schema()::text, 'memories', 'formation_id', false)")
    assert len(whole_on_postgres(postgres, sql)) == 1
