"""Rows with much binary data, read the quickest way."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from muxi.storage.databases.base import Database


def read_binary(
    database: Database, conn: Any, query: str, parameters: Mapping[str, str | int | None]
) -> list[tuple[Any, ...]]:
    """The rows of a query: from Postgres as bytes; as text, which is the rule, they are twice as long."""
    if database.dialect == "postgres":
        return list(conn.execute(query, parameters, binary=True).fetchall())
    return list(conn.execute(query, parameters).fetchall())
