"""What was deleted, out of the files of a SQLite database."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

#: Files up to this size are written anew by each scrub: within about a second, during which nobody else can write.
WRITTEN_ANEW_BYTES = 64 * 1024 * 1024
#: How long a scrub waits for those who still read what the journal holds.
READERS_S = 1.0
#: `PRAGMA auto_vacuum`: freed pages can be given back.
INCREMENTAL = 2


def prepare(conn: sqlite3.Connection) -> None:
    """Has a connection overwrite what it deletes. First of all: a new file gets its kind of vacuum by it."""
    conn.execute("PRAGMA auto_vacuum = INCREMENTAL")
    conn.execute("PRAGMA secure_delete = ON")


def scrub(path: Path, *, rewrite: bool) -> bool:
    """Empties free pages and the journal.

    What is deleted is overwritten at once (`prepare`), but copies that SQLite left in a page when it split or merged it
    are not: only a file that is written anew is free of them. Large files are so only if ``rewrite`` asks for it.

    Returns:
        Whether the journal is empty now. False: somebody still reads what it holds.

    Raises:
        sqlite3.Error: another process writes, the disk is full, or the like.
    """
    with closing(sqlite3.connect(path, timeout=READERS_S, isolation_level=None)) as conn:
        prepare(conn)
        small = path.stat().st_size <= WRITTEN_ANEW_BYTES
        if small:
            # Otherwise in a file of the system's, which holds words, too, until its place on the disk is used again.
            conn.execute("PRAGMA temp_store = MEMORY")
        if small or rewrite:
            conn.execute("VACUUM")
        elif conn.execute("PRAGMA auto_vacuum").fetchone()[0] == INCREMENTAL:
            # Not by execute: it takes one step of a statement without columns, which is one page.
            conn.executescript("PRAGMA incremental_vacuum")
        busy: int = conn.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
    return not busy
