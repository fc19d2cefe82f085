"""Words that occur nowhere else, and the places where they could be left."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import psycopg

from muxi.storage.open import Storage

#: Tables with names of tables and nothing of anybody.
OUR_OWN = {"migrations", "sqlite_stat1", "sqlite_stat4"}


def files_of(address: str) -> list[Path]:
    """The files of a database: of SQLite all three, of Postgres those of its tables, indexes and large values."""
    if not address.startswith("postgres"):
        return [path for path in Path(address).parent.iterdir() if path.name.startswith(Path(address).name)]
    with psycopg.connect(address, autocommit=True) as conn:
        row = conn.execute(
            "SELECT current_setting('data_directory'), oid FROM pg_database WHERE datname = current_database()"
        ).fetchone()
        assert row
        conn.execute("CHECKPOINT")
    return [path for path in (Path(row[0]) / "base" / str(row[1])).iterdir() if path.is_file()]


def left_in(paths: Iterable[Path], words: Iterable[str]) -> set[str]:
    """Which of the words are in a file."""
    found, wanted = set(), {word: word.encode() for word in words}
    for path in paths:
        held = path.read_bytes()
        found |= {word for word, bytes_of in wanted.items() if bytes_of in held}
    return found


def left_in_tables(storage: Storage, words: Iterable[str]) -> set[str]:
    """Which of the words are in a row of any table."""
    with storage._database.owning() as conn:
        if storage.dialect == "postgres":
            query = "SELECT table_name FROM information_schema.tables WHERE table_schema = current_schema()"
        else:
            query = "SELECT name FROM sqlite_master WHERE type = 'table'"
        tables = [row[0] for row in conn.execute(query).fetchall() if row[0] not in OUR_OWN]
        held = "".join(repr(row) for table in tables for row in conn.execute(f"SELECT * FROM {table}").fetchall())
    return {word for word in words if word in held}


def logs_below(folder: Path) -> list[Path]:
    """The files that are named as logs."""
    return [path for path in folder.glob("**/*log*") if path.is_file()]
