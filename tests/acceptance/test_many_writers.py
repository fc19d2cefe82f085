"""Four processes of eight threads each change the same few identities at once."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from contextlib import closing
from pathlib import Path

from muxi.core.audit.types import Record
from muxi.core.formation import Formation
from tests.support.busy_process import NAMES, settings_for
from tests.support.vectors import WordVectors

PROCESSES = 4
TIMES = 30
ROOT = Path(__file__).parents[2]

#: Users who stand for themselves and whom no identifier means.
UNREACHABLE = """
    SELECT u.id FROM users u WHERE u.canonical_id = u.id AND NOT EXISTS (
        SELECT 1 FROM identifiers i JOIN users m ON m.id = i.user_id WHERE m.canonical_id = u.id)"""
#: Users under one that itself stands under another: a pointer is never a chain.
CHAINS = "SELECT count(*) FROM users u JOIN users c ON c.id = u.canonical_id WHERE c.canonical_id <> c.id"
LINKED_TWICE = "SELECT count(*) FROM (SELECT value, type FROM identifiers GROUP BY value, type HAVING count(*) > 1) t"


def run(address: str) -> tuple[Counter[str], list[str]]:
    """What the processes did, and what they answered that they should not."""
    processes = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.support.busy_process", address, str(seed), str(TIMES)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for seed in range(PROCESSES)
    ]
    for process in processes:
        assert process.stdout and process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin
        process.stdin.write("go\n")
        process.stdin.flush()
    told = [json.loads(process.communicate(timeout=100)[0]) for process in processes]
    done: Counter[str] = sum((Counter(one["done"]) for one in told), Counter())
    return done, [fault for one in told for fault in one["faults"]]


def test_nothing_is_torn(database_url: str, tmp_path: Path) -> None:
    """Every answer is a documented one, and afterwards who is who is sound and the audit says how it came to be."""
    with_vectors = {"embedding_model": WordVectors()}
    Formation.open(settings_for(database_url), tmp_path, **with_vectors).close()
    done, faults = run(database_url)
    assert faults == []
    assert done.total() == PROCESSES * 8 * TIMES
    assert all(done[action] for action in ("resolve", "associate", "unlink", "merge", "split", "erase")), done
    with closing(Formation.open(settings_for(database_url), tmp_path, **with_vectors)) as formation:
        check(formation)


def check(formation: Formation) -> None:
    """What has to be true of any history."""
    assert formation.audit.verify().sound
    assert [count(formation, sql) for sql in (CHAINS, LINKED_TWICE)] == [0, 0]
    # Under a merge a user's last identifier can go while the other side has more; a split leaves it with none.
    merged = {one for row in rows(formation, "users.merged") for one in (row.user_id, *row.details["merged"])}
    assert unreachable(formation) <= merged
    for user in [user for name in NAMES if (user := formation.identities.find(name))]:
        identifiers = formation.identities.identifiers(user.id)
        assert {formation.identities.get(one.value).id for one in identifiers} == {user.id}
    created, erased = rows(formation, "user.created"), rows(formation, "user.erased")
    left = len(created) - sum(len(one.details["users"]) for one in erased)
    assert left == count(formation, "SELECT count(*) FROM users")


def count(formation: Formation, sql: str) -> int:
    with formation.storage._database.owning() as conn:
        return int(conn.execute(sql).fetchone()[0])


def unreachable(formation: Formation) -> set[str]:
    with formation.storage._database.owning() as conn:
        return {row[0] for row in conn.execute(UNREACHABLE)}


def rows(formation: Formation, action: str) -> list[Record]:
    """Every row of the audit about an action."""
    found: list[Record] = []
    cursor = None
    while True:
        page = formation.audit.newest(action=action, limit=200, cursor=cursor)
        found += page.items
        cursor = page.next_cursor
        if cursor is None:
            return found
