"""The items of a LangGraph store on Postgres, read where they are."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
from psycopg.rows import dict_row

from muxi.errors import StorageUnavailableError

#: Rows that are fetched at once.
_FETCHED = 1000


def items(address: str) -> Iterator[dict[str, Any]]:
    """Every item, as ``Item.dict()`` would write it, in order of namespace and key. Nothing is changed.

    Args:
        address: ``postgresql://...``, as ``PostgresStore.from_conn_string`` takes it.

    Raises:
        StorageUnavailableError: the database does not answer, or has no such table.
    """
    try:
        with psycopg.connect(address, row_factory=dict_row) as conn:
            conn.read_only = True
            # Older stores have no expires_at: it is not named.
            with conn.cursor("muxi_import") as rows:
                rows.itersize = _FETCHED
                for row in rows.execute("SELECT * FROM store ORDER BY prefix, key"):
                    yield _item(row)
    except psycopg.Error as error:
        raise StorageUnavailableError(
            "The table of the LangGraph store cannot be read. Check the address, and that it has a table 'store'."
        ) from error


def _item(row: dict[str, Any]) -> dict[str, Any]:
    times = {name: row[name].isoformat() for name in ("created_at", "updated_at", "expires_at") if row.get(name)}
    # A label has no dot in it: LangGraph refuses them.
    return {"namespace": row["prefix"].split("."), "key": row["key"], "value": row["value"], **times}
