"""No table with something of a user is forgotten: the real schema against what is erased and exported."""

from __future__ import annotations

from typing import Any

import pytest

from muxi.core.privacy.tables import KEPT, MADE_ANEW, NOT_EXPORTED, READ_ONLY, TABLES
from muxi.storage import queries
from muxi.storage.open import Storage
from muxi.storage.privacy import ERASED

#: How a table points to a user, a session or a merge.
POINTERS = {"user_id", "session_id", "merge_id", "survivor_id", "canonical_id", "stood_under"}
ERASED_LAST = {"merge_members", "merges", "users"}
#: Only on SQLite; its rows go with those of identifiers, by triggers (`test_lookups`).
FOLLOWS = {"lookups"}
COLUMNS = """
    SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = current_schema()
"""


@pytest.fixture
def schema(storage: Storage) -> dict[str, set[str]]:
    """Every table of the database, with its columns."""
    found: dict[str, set[str]] = {}
    with storage._database.owning() as conn:
        if storage.dialect == "postgres":
            rows = conn.execute(COLUMNS).fetchall()
        else:
            tables = [row[0] for row in conn.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
            rows = [(table, row[1]) for table in tables for row in conn.execute(f"PRAGMA table_info({table})")]
    for table, column in rows:
        found.setdefault(table, set()).add(column)
    return found


@pytest.fixture
def of_users(schema: dict[str, set[str]]) -> set[str]:
    """The tables with rows of users."""
    found = {table for table, columns in schema.items() if columns & POINTERS}
    assert {"users", "identifiers", "messages", "memories", "buffer_clears", "audit"} <= found
    return found - FOLLOWS


def test_every_table_of_users_is_erased(of_users: set[str]) -> None:
    """Each is erased, or kept for a reason that is written down."""
    assert of_users == {*ERASED, *ERASED_LAST, *KEPT}


def test_every_table_of_users_is_exported(of_users: set[str]) -> None:
    """Each is exported, or left out for a reason that is written down."""
    assert of_users == {*TABLES, *NOT_EXPORTED}


@pytest.mark.parametrize("table", list(TABLES))
def test_every_column_is_exported(schema: dict[str, set[str]], table: str) -> None:
    """Each column of an exported table, but the formation's and those that are made anew."""
    exported = {column.name for column in TABLES[table]}
    made_anew = MADE_ANEW.get(table, set()) & schema[table]  # one of the databases may do without
    assert schema[table] == exported | made_anew | {"formation_id"}


def test_every_statement_of_privacy_is_bound_to_its_formation(storage: Storage) -> None:
    """Each query of the file names the formation, and there is one for each table."""
    sql: Any = queries.load(storage._database, "privacy")
    for name in sql.available_queries:
        assert "formation_id" in getattr(sql, name).sql, name
    for table in TABLES:
        assert f"export_{table}" in sql.available_queries
        assert f"restore_{table}" in sql.available_queries or table in READ_ONLY
