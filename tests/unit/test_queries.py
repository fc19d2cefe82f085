"""Isolation is construction: every query on a tenant's tables names the formation."""

from __future__ import annotations

import re
from importlib import resources

import pytest

QUERIES = {
    f"{file.name}:{name}": body
    for file in (resources.files("muxi.storage") / "sql" / "queries").iterdir()
    for name, body in re.findall(r"-- name: (\S+?)[!^$]?\n(.*?)(?=\n-- name:|\Z)", file.read_text(), re.S)
}


def sql_of(body: str) -> str:
    return "\n".join(line for line in body.splitlines() if not line.strip().startswith("--"))


def test_the_queries_were_found() -> None:
    """An empty list would prove nothing."""
    assert len(QUERIES) > 40


@pytest.mark.parametrize("name", sorted(QUERIES))
def test_every_query_names_the_formation(name: str) -> None:
    """Without it a query would reach other tenants."""
    assert re.search(r":formation_id|\bformation_id = \?", sql_of(QUERIES[name]))


@pytest.mark.parametrize("name", sorted(QUERIES))
def test_every_alias_is_tied_to_the_formation(name: str) -> None:
    """Each table of a join is bound to the formation itself or to a row that is."""
    sql = sql_of(QUERIES[name])
    for alias in re.findall(r"(?:FROM|JOIN)\s+\w+\s+([a-z])\b", sql):
        assert f"{alias}.formation_id" in sql or f"formations {alias} WHERE {alias}.id = :formation_id" in sql


@pytest.mark.parametrize("name", sorted(QUERIES))
def test_no_casts_of_one_database(name: str) -> None:
    """The same text runs on both."""
    assert "::" not in sql_of(QUERIES[name]) and "%" not in sql_of(QUERIES[name])
