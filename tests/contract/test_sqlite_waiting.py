"""Writers of one SQLite file wait for each other."""

from __future__ import annotations

from pathlib import Path
from threading import Thread

import pytest

from muxi.storage.databases import sqlite
from muxi.storage.databases.sqlite import SqliteDatabase


def test_formations_of_one_process_wait_as_long_as_it_takes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two stores on one file, by different names of it: one that writes for long makes the other wait, not fail."""
    monkeypatch.setattr(sqlite, "BUSY_TIMEOUT_S", 0.01)
    (tmp_path / "folder").mkdir()
    one, other = SqliteDatabase(tmp_path / "a.db"), SqliteDatabase(tmp_path / "folder" / ".." / "a.db")
    done: list[str] = []

    def write() -> None:
        with other.transaction() as conn:
            conn.execute("CREATE TABLE second (n)")
        done.append("second")

    late = Thread(target=write)
    try:
        with one.transaction() as conn:
            conn.execute("CREATE TABLE first (n)")
            late.start()
            late.join(0.5)
            assert late.is_alive() and done == []
        late.join(10)
        assert done == ["second"]
    finally:
        one.close()
        other.close()
