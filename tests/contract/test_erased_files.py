"""What was erased is gone from the files of the database and from the logs, as far as docs/memory.md promises it."""

from __future__ import annotations

import logging
import random
import sqlite3
import string
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest

from muxi.core.formation import Formation
from muxi.core.memory.edit_store import Edit
from muxi.core.memory.service import Draft
from muxi.storage.databases import sqlite_files
from muxi.storage.databases.sqlite import SqliteDatabase
from tests.conftest import TestClock
from tests.support.eventually import eventually
from tests.support.formations import open_formation
from tests.support.full_user import said
from tests.support.sentinels import files_of, left_in, left_in_tables, logs_below

WRITTEN = "abcdefghijklmnopqrstuvwxyz"


@pytest.fixture
def words() -> list[str]:
    """Words that are nowhere else, one for each way of saying something."""
    chosen = random.Random(7)
    return ["".join(chosen.choices(string.ascii_lowercase, k=24)) for _ in range(8)]


async def tell(formation: Formation, who: str, words: list[str]) -> None:
    """Says each word in another way: a turn, notes short and long that are changed, facts, a name of a conversation."""
    in_chat, name, note, changed, fact, path, long, edited = words
    user = formation.identities.resolve(who).id
    for number in range(20):
        await said(formation, who, f"{in_chat} {number}")
    formation.sessions.enter(user, f"session {name}")
    notes = formation.memories.add(
        user, [Draft(f"{note} {number} {'x' * (number * 97 % 4000)}") for number in range(100)]
    )
    formation.memories.add(user, [Draft(f"{long} {WRITTEN * 800} {long}", {"told": long})])
    for one in notes[:30]:
        formation.edits.edit(user, one.id, Edit(f"{changed} {'y' * 700}", None, None))
        formation.edits.edit(user, one.id, Edit(edited, None, None))
    formation.context.merge(user, {path: fact, "likes": [fact, fact + "s"]})
    formation.context.set(user, path, "something else")
    for one in notes[50:60]:
        formation.memories.delete(user, one.id)
    assert formation.memories.settled()


def rewritten(formation: Formation) -> bool:
    """SQLite has done it; of Postgres only this says that the bytes are gone."""
    if formation.storage.dialect == "postgres":
        # It keeps dead rows for as long as a transaction could see them: that of a background thread, too.
        assert formation.memories.settled() and formation.extraction.settled()
        assert formation.storage.for_formation(formation.id, formation.clock()).retention.scrub(rewrite=True)
    return True


class TestFiles:
    """A user's words, in the database's own files."""

    @pytest.mark.parametrize("how", ["delete_data", "erase", "sweep"])
    async def test_no_word_is_left(
        self, formation: Formation, database_url: str, words: list[str], how: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        """Neither in rows nor in pages, journals or logs; another user's words are all there."""
        caplog.set_level(logging.DEBUG)
        others = [word[::-1] for word in words]
        await tell(formation, "ben@x.org", others)
        await tell(formation, "ann@x.org", words)
        assert left_in(files_of(database_url), words) >= {*words[:3], words[4]}
        if how == "delete_data":
            formation.deletion.delete_data("ann@x.org")
        elif how == "erase":
            formation.privacy.erase("ann@x.org")
        else:
            user = formation.identities.resolve("ann@x.org").id
            formation.deletion.delete_data(user, formation.clock().replace(year=2100))
            formation.memories.add(user, [Draft(words[0], expires_in=timedelta(seconds=1))])
            formation.clock.move(2)  # type: ignore[attr-defined]
            swept = formation.sweeper.sweep()
            assert swept and swept.clean and swept.counts == {"memories": 1}
        assert left_in_tables(formation.storage, words) == set()
        # Again if need be: while the server's own analysis of a table goes on, dead rows of it are kept, too.
        assert eventually(lambda: rewritten(formation) and not left_in(files_of(database_url), words))
        assert not [word for word in [*words, *others] if word in caplog.text]
        assert left_in_tables(formation.storage, others) >= {*others[:1], *others[4:6], *others[6:]}


@pytest.mark.postgres
class TestPostgres:
    """What the server itself keeps beside its tables."""

    async def test_dead_rows_are_vacuumed_at_once(
        self, postgres_database: str, clock: TestClock, words: list[str]
    ) -> None:
        """Not some time later by the server's own: none of the tables has a dead row, and nobody had to wait."""
        formation = open_formation(postgres_database, clock)
        await tell(formation, "ann@x.org", words)
        formation.deletion.delete_data("ann@x.org")
        query = "SELECT relname FROM pg_stat_user_tables WHERE vacuum_count > 0 AND n_dead_tup = 0"
        with psycopg.connect(postgres_database, autocommit=True) as conn:
            wanted = {"messages", "memories", "memory_edits", "facts", "sessions", "synopses"}
            assert eventually(lambda: wanted <= {row[0] for row in conn.execute(query)})
        formation.close()

    async def test_the_log_of_the_server(self, postgres_database: str, clock: TestClock, words: list[str]) -> None:
        """It names no word, not even where statements fail."""
        formation = open_formation(postgres_database, clock)
        await tell(formation, "ann@x.org", words)
        formation.privacy.erase("ann@x.org")
        formation.close()
        with psycopg.connect(postgres_database) as conn:
            row = conn.execute("SELECT current_setting('data_directory')").fetchone()
        assert row
        logs = logs_below(Path(row[0]))
        assert logs and left_in(logs, words) == set()


class TestSqlite:
    """What SQLite leaves unless it is told."""

    def test_an_old_file_is_cleaned(self, tmp_path: Path, clock: TestClock) -> None:
        """Words deleted by an earlier version, from pages that were only given free, go with the first erasure."""
        path = tmp_path / "old.db"
        open_formation(str(path), clock).close()
        with sqlite3.connect(path) as conn:
            conn.execute("PRAGMA secure_delete = OFF")
            conn.execute("CREATE TABLE old (text)")
            conn.executemany("INSERT INTO old VALUES (?)", [("leftover " * 50,)] * 200)
            conn.execute("DELETE FROM old")
        conn.close()
        assert left_in([path], ["leftover"]) == {"leftover"}
        formation = open_formation(str(path), clock)
        formation.identities.resolve("a@x.org")
        formation.deletion.delete_data("a@x.org")
        assert left_in(files_of(str(path)), ["leftover"]) == set()
        formation.close()

    def test_a_large_file(self, tmp_path: Path, clock: TestClock, monkeypatch: pytest.MonkeyPatch) -> None:
        """Is not written anew by each erasure, but shrinks; and is, when it is asked for."""
        monkeypatch.setattr(sqlite_files, "WRITTEN_ANEW_BYTES", 0)
        path = tmp_path / "large.db"
        formation = open_formation(str(path), clock)
        user = formation.identities.resolve("a@x.org").id
        formation.memories.add(user, [Draft("sentinelword " * 300) for _ in range(300)])
        assert formation.memories.settled()
        formation.deletion.delete_data(user)
        assert path.stat().st_size < 600_000
        assert Path(f"{path}-wal").stat().st_size == 0
        assert SqliteDatabase(path).scrub((), rewrite=True)
        assert left_in(files_of(str(path)), ["sentinelword"]) == set()
        formation.close()

    def test_a_reader_is_waited_for_and_not_for_long(self, tmp_path: Path, clock: TestClock) -> None:
        """Who still reads the journal keeps the words there: it is said, the deletion holds, and the sweep ends it."""
        path = tmp_path / "read.db"
        formation = open_formation(str(path), clock)
        user = formation.identities.resolve("a@x.org").id
        formation.memories.add(user, [Draft("sentinelword")])
        assert formation.memories.settled()
        reader = sqlite3.connect(path, isolation_level=None)
        reader.execute("BEGIN")
        assert reader.execute("SELECT count(*) FROM memories").fetchone() == (1,)
        assert formation.deletion.delete_data(user).counts["memories"] == 1
        assert left_in(files_of(str(path)), ["sentinelword"]) == {"sentinelword"}
        reader.execute("ROLLBACK")
        swept = formation.sweeper.sweep()
        assert swept and swept.clean and not swept.counts
        assert left_in(files_of(str(path)), ["sentinelword"]) == set()
        reader.close()
        formation.close()
