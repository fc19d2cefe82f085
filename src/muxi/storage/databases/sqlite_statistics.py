"""What SQLite's planner is told about the tables before there is anything to count.

Without statistics SQLite takes one formation for a small part of a table, and reads all of a formation through the
primary key where the index of a user or of a text was meant. The table of statistics may be written by applications:
https://www.sqlite.org/fileformat2.html#stat1tab. `ANALYZE` replaces what stands there by what it counts.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

#: Rows of a table, and of an index that holds only those rows that wait for something.
ROWS, WAITING_ROWS = 1_000_000, 1_000
#: Into how many parts a column cuts what those before it have left.
PARTS = 10_000
#: A database holds few formations, most of them one; and there are few of these.
FEW = {"formation_id": 1, "type": 5, "kind": 5, "tier": 2, "role": 2}


def describe(conn: sqlite3.Connection) -> None:
    """Writes the statistics of every index, inside the transaction that has made it."""
    conn.execute("ANALYZE migrations")  # makes the table of statistics
    conn.execute("DELETE FROM sqlite_stat1")
    conn.executemany("INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES (?, ?, ?)", list(_statistics(conn)))
    conn.execute("ANALYZE sqlite_schema")  # has this connection read them


def _statistics(conn: sqlite3.Connection) -> Iterator[tuple[str, str, str]]:
    for (table,) in conn.execute("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall():
        if table not in ("formations", "migrations"):
            for _, index, unique, _, partial in conn.execute(f"PRAGMA index_list({table})").fetchall():
                columns = conn.execute(f"PRAGMA index_xinfo({index})").fetchall()
                names = [name for _, _, name, _, _, key in columns if key]
                yield table, index, _statistic(names, WAITING_ROWS if partial else ROWS, bool(unique))


def _statistic(columns: list[str | None], rows: int, unique: bool) -> str:
    """Rows in all, then how many rows share the first column, the first two, and so on."""
    shared, left = [], rows
    for column in columns:
        left = max(1, left // FEW.get(column or "", PARTS))
        shared.append(left)
    if unique:
        shared[-1] = 1
    return " ".join(map(str, [rows, *shared]))
