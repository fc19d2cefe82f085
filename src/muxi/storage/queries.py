"""The named queries of `sql/queries`, one file a domain, loaded once for each kind of driver."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from importlib import resources
from typing import Any

import aiosql

from muxi.storage.databases.base import Database


def load(database: Database, domain: str) -> Any:
    """The queries of one domain, as functions of a connection and named parameters."""
    return _load(database.adapter, domain)


@cache
def _load(adapter: Callable[[], Any], domain: str) -> Any:
    text = (resources.files("muxi.storage") / "sql" / "queries" / f"{domain}.sql").read_text(encoding="utf-8")
    return aiosql.from_str(text, adapter, mandatory_parameters=False)
