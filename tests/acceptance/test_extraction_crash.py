"""Killed at any moment, nothing that was answered is lost, and nothing is found twice; on each database."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.support.eventually import eventually
from tests.support.extraction import told
from tests.support.full_user import opened
from tests.support.talking_process import USERS

ROOT = Path(__file__).parents[2]
KILLED_AFTER = (40, 75, 130)


def talked(address: str, first: int, count: int) -> int:
    """Has a process chat, kills it (-9) after so many answers, and returns the number of the last one that came."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.support.talking_process", address, str(first)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout
    answered = [line for _, line in zip(range(count + 1), process.stdout, strict=False)]
    process.kill()
    answered += process.stdout.readlines()
    process.wait()
    process.stdout.close()
    whole = [int(line) for line in answered if line.endswith("\n") and line != "ready\n"]
    return whole[-1]


def test_kill_9(database_url: str) -> None:
    """Three times in the middle of talking and reading."""
    heard: set[int] = set()
    first = 0
    for count in KILLED_AFTER:
        last = talked(database_url, first, count)
        heard |= set(range(first, last + 1))
        # One more may have been stored without its answer having come.
        first = last + 2
    formation = opened(database_url, "f")
    formation.extraction.wake()
    assert eventually(lambda: formation.extraction.settled(5) and formation.extraction.status().waiting == 0, 60)
    found = {
        value: (holds, times)
        for user in range(USERS)
        for value, holds, times in told(formation, f"u{user}@x.org", "preferences.likes")
    }
    assert {f"word{number}" for number in heard} <= found.keys() and len(found) <= len(heard) + len(KILLED_AFTER)
    assert set(found.values()) == {(True, 1)}, "each once"
    with formation.storage._database.owning() as conn:
        assert conn.execute("SELECT count(*) FROM extractions WHERE watermark <> said").fetchone()[0] == 0
    formation.close()
