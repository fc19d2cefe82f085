"""The named queries of `sql/queries`, one file a domain, loaded once for each kind of driver.

A query about a user's own names them as ``:user_id``. One that means everybody of a formation says so in its first line
of comment: `OF_EVERYBODY`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from importlib import resources
from typing import Any

import aiosql

from muxi.storage.databases.base import Database

#: How the comment of a query begins that is about everybody of a formation.
OF_EVERYBODY = "Of everybody."


def load(database: Database, domain: str) -> Any:
    """The queries of one domain, as functions of a connection and named parameters.

    Those of ``{domain}.sql``; where there is a ``{domain}_{dialect}.sql``, its queries beside or instead of them.
    """
    return _load(database.adapter, domain, database.dialect)


@cache
def _load(adapter: Callable[[], Any], domain: str, dialect: str) -> Any:
    own, common = (_read(adapter, name) for name in (f"{domain}_{dialect}", domain))
    if own is None:
        return common
    for name in common.available_queries:
        if name not in own.available_queries:
            own.add_query(name, getattr(common, name))
    return own


def _read(adapter: Callable[[], Any], name: str) -> Any:
    file = resources.files("muxi.storage") / "sql" / "queries" / f"{name}.sql"
    if not file.is_file():
        return None
    loaded = aiosql.from_str(file.read_text(encoding="utf-8"), adapter, mandatory_parameters=False)
    # Only where rows have walls.
    of_everybody: set[str] | None = getattr(adapter, "of_everybody", None)
    if of_everybody is not None:
        found = (getattr(loaded, query) for query in loaded.available_queries)
        of_everybody.update(query.sql for query in found if (query.__doc__ or "").startswith(OF_EVERYBODY))
    return loaded
