"""The schema is brought up to date by whoever comes first."""

from __future__ import annotations

import subprocess
import sys

import pytest

from muxi.errors import StorageVersionError
from muxi.storage.open import open_storage

OPEN = """
import sys
from muxi.storage.open import open_storage
storage = open_storage(sys.argv[1])
sys.stdin.readline()
print(len(storage.migrate()))
storage.close()
"""


def test_an_empty_database_is_migrated_once(bare_database_url: str) -> None:
    """The first call runs every step, the second none; status tells when."""
    storage = open_storage(bare_database_url)
    assert all(step.applied_at is None for step in storage.migrations())
    ran = storage.migrate()
    assert [step.number for step in ran] == list(range(1, len(ran) + 1)) and ran
    assert storage.migrate() == []
    assert all(step.applied_at for step in storage.migrations())
    storage.close()


def test_four_processes_at_once(bare_database_url: str) -> None:
    """Started together on an empty database: one runs the steps, the others find them done, none fails."""
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", OPEN, bare_database_url],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(4)
    ]
    outputs = []
    for process in processes:
        assert process.stdin
        process.stdin.write("go\n")
        process.stdin.flush()
    for process in processes:
        out, err = process.communicate(timeout=60)
        assert process.returncode == 0, err
        outputs.append(int(out))
    assert sum(outputs) == max(outputs) > 0


def test_a_newer_database_is_not_touched(bare_database_url: str) -> None:
    """Made by a later version: a clear error with both numbers."""
    storage = open_storage(bare_database_url)
    storage.migrate()
    with storage._database.owning() as conn:
        conn.execute("INSERT INTO migrations VALUES (9999, 'from the future', 'now')")
    with pytest.raises(StorageVersionError, match="9999"):
        storage.migrate()
    storage.close()
