"""A new master key, while others read and write, and after a crash."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from muxi.core.credentials import service
from muxi.core.credentials.envelope import new_master_key, read_master_key
from muxi.core.formation import Formation
from muxi.errors import SettingsError
from muxi.ids import UserId
from tests.conftest import TestClock
from tests.support.formations import open_formation

OLD, NEW = new_master_key(), new_master_key()
ID = {key: read_master_key(key).id for key in (OLD, NEW)}
USERS = 25
#: Rotates, and says so after each batch.
ROTATE = """
import sys
from muxi.core.credentials import service
from tests.conftest import TestClock
from tests.support.formations import open_formation
service.BATCH = 5
formation = open_formation(sys.argv[1], TestClock(), credentials={"master_key": sys.argv[2]})
store = formation.credentials._store
rewrap = store.rewrap
def told(*args):
    count = rewrap(*args)
    print(count, flush=True)
    sys.stdin.readline()
    return count
store.rewrap = told
formation.credentials.rotate()
"""


@pytest.fixture
def formation(database_url: str, clock: TestClock) -> Iterator[Formation]:
    opened = open_formation(database_url, clock, credentials={"master_key": OLD})
    yield opened
    opened.close()


@pytest.fixture
def users(formation: Formation) -> list[UserId]:
    """Some users with a secret each."""
    made = [formation.identities.resolve(f"u{number}@x.org").id for number in range(USERS)]
    for user in made:
        formation.credentials.put(user, "github", f"of {user}")
    return made


@pytest.fixture
def few_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "BATCH", 4)


def wrapped_by(formation: Formation) -> dict[str, int]:
    with formation.storage._database.owning() as conn:
        query = "SELECT master_key_id, count(*) FROM data_keys GROUP BY master_key_id"
        return {row[0]: row[1] for row in conn.execute(query).fetchall()}


def sealed(formation: Formation) -> set[str]:
    with formation.storage._database.owning() as conn:
        return {row[0] for row in conn.execute("SELECT secret FROM credentials").fetchall()}


def reopened(url: str, clock: TestClock, key: str) -> Formation:
    return open_formation(url, clock, credentials={"master_key": key})


@pytest.mark.usefixtures("few_at_a_time")
def test_rotation(formation: Formation, users: list[UserId], database_url: str, clock: TestClock) -> None:
    """Every data key is wrapped anew, no secret is touched, and then the new key alone opens everything."""
    before = sealed(formation)
    done = formation.credentials.rotate(NEW, actor="command line")
    assert (done.key_id, done.rewrapped, done.left) == (ID[NEW], USERS, 0)
    assert wrapped_by(formation) == {ID[NEW]: USERS} and sealed(formation) == before
    rows = [row for row in formation.audit.newest(limit=200).items if row.action == "data_keys.rewrapped"]
    assert [row.details["count"] for row in rows][::-1] == [4, 4, 4, 4, 4, 4, 1]
    assert {(row.actor, row.user_id, row.details["master_key"]) for row in rows} == {("command line", None, ID[NEW])}
    again = formation.credentials.rotate()
    assert (again.key_id, again.rewrapped, again.left) == (ID[NEW], 0, 0)
    alone, old = reopened(database_url, clock, NEW), reopened(database_url, clock, OLD)
    try:
        assert [alone.credentials.get(user, "github").reveal() for user in users] == [f"of {user}" for user in users]
        with pytest.raises(SettingsError, match=ID[NEW]):
            old.credentials.get(users[0], "github")
    finally:
        alone.close()
        old.close()


@pytest.mark.usefixtures("few_at_a_time")
def test_of_one_formation_only(formation: Formation, users: list[UserId], database_url: str, clock: TestClock) -> None:
    """Another formation on the same database keeps what it has."""
    other = open_formation(database_url, clock, "g", credentials={"master_key": OLD})
    try:
        there = other.identities.resolve("u0@x.org").id
        other.credentials.put(there, "github", "elsewhere")
        formation.credentials.rotate(NEW)
        assert wrapped_by(formation) == {ID[NEW]: USERS, ID[OLD]: 1}
        assert other.credentials.get(there, "github").reveal() == "elsewhere"
    finally:
        other.close()


@pytest.mark.usefixtures("few_at_a_time")
def test_what_does_not_open_is_left(formation: Formation, users: list[UserId]) -> None:
    """One broken row stops nobody, and is counted."""
    with formation.storage._database.owning() as conn:
        conn.execute(f"UPDATE data_keys SET wrapped = 'broken' WHERE user_id = '{users[3]}'")
    done = formation.credentials.rotate(NEW)
    assert (done.rewrapped, done.left) == (USERS - 1, 1)
    assert formation.credentials.get(users[4], "github").reveal() == f"of {users[4]}"


@pytest.mark.usefixtures("few_at_a_time")
def test_while_others_read_and_write(
    formation: Formation, users: list[UserId], database_url: str, clock: TestClock, tmp_path: Path
) -> None:
    """Four threads of a process that knows both keys: every read gives what was stored last, every write stays."""
    serving = reopened(database_url, clock, f"{OLD} {NEW}")
    stop, written = threading.Event(), {user: f"of {user}" for user in users}

    def serve(place: int) -> int:
        rounds, own = 0, users[place::4]
        while not stop.is_set() or rounds < 2:
            for number, user in enumerate(own):
                assert serving.credentials.get(user, "github").reveal() == written[user]
                if number % 2 == 0:
                    text = f"{user} in round {rounds}"
                    serving.credentials.put(user, "github", text)
                    written[user] = text
            fresh = serving.identities.resolve(f"new{place}-{rounds % 5}@x.org").id
            serving.credentials.put(fresh, "github", "fresh")
            assert serving.credentials.get(fresh, "github").reveal() == "fresh"
            rounds += 1
        return rounds

    try:
        with ThreadPoolExecutor(4) as pool:
            running = [pool.submit(serve, place) for place in range(4)]
            first = formation.credentials.rotate(NEW)
            stop.set()
            assert min(one.result(60) for one in running) >= 2
        assert first.left == 0 and first.rewrapped >= USERS
        # Whatever the others have wrapped by the old key meanwhile.
        last = formation.credentials.rotate()
        assert last.left == 0 and set(wrapped_by(formation)) == {ID[NEW]}
    finally:
        serving.close()
    alone = reopened(database_url, clock, NEW)
    try:
        assert {user: alone.credentials.get(user, "github").reveal() for user in users} == written
        assert alone.audit.verify().sound
    finally:
        alone.close()


def test_two_rotate_at_once(formation: Formation, users: list[UserId], database_url: str, clock: TestClock) -> None:
    """Each data key is wrapped anew once."""
    other = reopened(database_url, clock, f"{NEW} {OLD}")
    try:
        with ThreadPoolExecutor(2) as pool:
            both: list[Any] = [pool.submit(formation.credentials.rotate, NEW), pool.submit(other.credentials.rotate)]
            done = [one.result(60) for one in both]
        assert sum(one.rewrapped for one in done) == USERS and [one.left for one in done] == [0, 0]
        assert other.credentials.get(users[0], "github").reveal() == f"of {users[0]}"
    finally:
        other.close()


def test_killed_in_the_middle(formation: Formation, users: list[UserId], database_url: str, clock: TestClock) -> None:
    """What was done is done, everything opens meanwhile, and the next one does the rest."""
    command = [sys.executable, "-c", ROTATE, database_url, f"{NEW} {OLD}"]
    found = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=found) as process:
        assert process.stdin and process.stdout
        assert process.stdout.readline() == "5\n"
        process.stdin.write("on\n")
        process.stdin.flush()
        assert process.stdout.readline() == "5\n"
        process.kill()
    assert wrapped_by(formation) == {ID[NEW]: 10, ID[OLD]: 15}
    both = reopened(database_url, clock, f"{NEW} {OLD}")
    try:
        assert [both.credentials.get(user, "github").reveal() for user in users] == [f"of {user}" for user in users]
        done = both.credentials.rotate()
        assert (done.rewrapped, done.left) == (15, 0)
        assert [both.credentials.get(user, "github").reveal() for user in users] == [f"of {user}" for user in users]
    finally:
        both.close()


def test_a_file_serves_all_processes(
    formation: Formation, users: list[UserId], database_url: str, clock: TestClock, tmp_path: Path
) -> None:
    """A key that is put into the file is known to whoever is running: nothing has to be started anew."""
    file = tmp_path / "master.keys"
    file.write_text(f"{OLD}\n")
    serving = open_formation(database_url, clock, credentials={"master_key_file": file})
    try:
        file.write_text(f"{NEW}\n{OLD}\n")
        rotating = open_formation(database_url, clock, credentials={"master_key_file": file})
        assert rotating.credentials.rotate().rewrapped == USERS
        rotating.close()
        assert serving.credentials.get(users[0], "github").reveal() == f"of {users[0]}"
        fresh = serving.identities.resolve("fresh@x.org").id
        serving.credentials.put(fresh, "github", "x")
        assert wrapped_by(serving) == {ID[NEW]: USERS + 1}
        file.write_text(f"{NEW}\n")
        assert serving.credentials.get(fresh, "github").reveal() == "x"
    finally:
        serving.close()
