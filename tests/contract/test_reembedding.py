"""Another embedding model for a formation that serves: nothing is lost, garbled or left, on each database."""

from __future__ import annotations

import asyncio
import logging
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from muxi.core.formation import Formation
from muxi.core.memory import reembed as reembedding
from muxi.core.memory.edit_store import Edit
from muxi.core.memory.new_vectors import NewVectorStore
from muxi.core.memory.reembed import reembed
from muxi.core.memory.segment_store import Segment
from muxi.core.memory.service import Draft
from muxi.core.memory.store import EmbeddingSpace
from muxi.core.memory.traits import traits_of
from muxi.core.models.base import Vectors
from muxi.errors import EmbeddingMismatchError, ModelUnavailableError, StorageUnavailableError
from muxi.ids import UserId
from muxi.storage.open import FormationStores
from tests.conftest import TestClock
from tests.support.extraction import say
from tests.support.formations import open_formation
from tests.support.packing import pack
from tests.support.vectors import WordVectors

ROOT = Path(__file__).parents[2]
OLD = WordVectors()
SUBJECTS = ("tea", "rain", "violins", "Lisbon")
ROWS = "SELECT user_id, text, embedding_model, embedding, window_embedding FROM memories WHERE formation_id = '{}'"


class NewModel(WordVectors):
    """Another model of another dimension; does something before it answers, told how often it was asked."""

    def __init__(self, before: Callable[[int], None] = lambda asked: None) -> None:
        super().__init__("words-24", 24)
        self._before = before
        self.asked = 0
        self.texts: list[str] = []

    async def embed(self, texts: Sequence[str]) -> Vectors:
        self.asked += 1
        await asyncio.to_thread(self._before, self.asked)
        self.texts += texts
        return await super().embed(texts)


@pytest.fixture(autouse=True)
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reembedding, "BATCH", 16)


@pytest.fixture
def old(database_url: str, clock: TestClock) -> Iterator[Formation]:
    made = open_formation(database_url, clock)
    yield made
    made.close()


def tell(formation: Formation, who: str, count: int) -> UserId:
    user = formation.identities.resolve(who).id
    drafts = [Draft(f"{SUBJECTS[n % 4]} number{n} of {who}", session_id=f"s{n // 5}") for n in range(count)]
    formation.memories.add(user, drafts)
    assert formation.memories.settled()
    return user


def stores_of(formation: Formation) -> FormationStores:
    return formation.storage.for_formation(formation.id, formation.clock())


def change(formation: Formation, model: WordVectors, beside: NewVectorStore | None = None) -> int:
    stores = stores_of(formation)
    told: list[tuple[int, int]] = []
    made = asyncio.run(reembed(stores.memory, model, lambda *step: told.append(step), beside or stores.new_vectors))
    assert all(done <= total for done, total in told) and told == sorted(told)
    return made


def query(formation: Formation, sql: str) -> list[tuple[Any, ...]]:
    with formation.storage._database.owning() as conn:  # type: ignore[attr-defined]
        return list(conn.execute(sql).fetchall())


def rows(formation: Formation, formation_id: str = "f") -> list[tuple[Any, ...]]:
    return sorted(query(formation, ROWS.format(formation_id)), key=lambda row: row[1])


def sizes(formation: Formation) -> set[tuple[str | None, int]]:
    return {(row[2], len(row[3]) // 4 if row[3] is not None else 0) for row in rows(formation)}


def cosines(formation: Formation, user: UserId, words: str = "tea number0") -> list[float]:
    """What the vectors say of each hit, read anew."""
    formation.memories.cache.clear()
    vector = asyncio.run(formation.memories.embed(words))
    hits = formation.memories.search(user, words, vector, limit=100, explain=True)
    return [round(hit.features["vector"], 6) for hit in hits if hit.features]


class TestServing:
    """Who serves meanwhile."""

    def test_searches_and_chats_go_on(self, old: Formation) -> None:
        """Four threads ask, chat and remember throughout: no error, no empty answer; then every memory has one new
        vector, and what the old process still writes waits for a new one."""
        users = [tell(old, f"u{n}@x.org", 60) for n in range(3)]
        pack(old, users[0])
        over = threading.Event()

        def ask(n: int) -> int:
            user, asked = users[n % 3], 0
            while not over.is_set():
                vector = asyncio.run(old.memories.embed("tea number0"))
                if n % 2:
                    old.memories.cache.clear()
                hits = old.memories.search(user, "tea number0", vector, limit=5)
                assert len(hits) == 5 and any("tea" in hit.text for hit in hits)
                asyncio.run(say(old, f"u{n % 3}@x.org", f"I drank tea {n} {asked}"))
                old.memories.add(user, [Draft(f"snow {n} {asked}")])
                asked += 1
            return asked

        with ThreadPoolExecutor(4) as pool:
            asking = [pool.submit(ask, n) for n in range(4)]
            try:
                made = change(old, NewModel(lambda _: threading.Event().wait(0.05)))
            finally:
                over.set()
            assert made >= 180 and all(one.result() > 0 for one in asking)
        assert stores_of(old).memory.embedding_space() == EmbeddingSpace("words-24", 24)
        assert {size for model, size in sizes(old) if size} == {24}
        assert query(old, "SELECT count(*) FROM new_embeddings") == [(0,)]
        assert {row[2] for row in rows(old) if row[3] is not None} == {"words-24"}

    def test_the_old_vectors_count_until_all_are_there(self, old: Formation) -> None:
        """Up to the last batch a search weighs the old vectors as before."""
        user = tell(old, "ann@x.org", 40)
        before, seen = cosines(old, user), []
        change(old, NewModel(lambda _: seen.append(cosines(old, user))))
        assert len(seen) == 4 and seen == [before] * 4
        assert any(before) and not any(cosines(old, user))

    def test_an_old_process_ranks_by_words(self, old: Formation, caplog: pytest.LogCaptureFixture) -> None:
        """It finds by words, warm and cold, packed or not; what it says and remembers has no vector; said once."""
        user = tell(old, "ann@x.org", 40)
        pack(old, user)
        assert old.memories.search(user, "violins", OLD.vector("violins"))
        change(old, NewModel())
        with caplog.at_level(logging.WARNING, "muxi.memory"):
            for _ in range(2):
                hits = old.memories.search(user, "number7", OLD.vector("number7"), limit=1, explain=True)
                assert [hit.text for hit in hits] == ["Lisbon number7 of ann@x.org"]
                assert hits[0].features and hits[0].features["vector"] == 0
                old.memories.add(user, [Draft("I keep bees")])
                asyncio.run(say(old, "ann@x.org", "I like honey"))
                assert old.memories.settled(10)
                old.memories.cache.clear()
        assert [r.levelname for r in caplog.records if "words-24" in r.getMessage()] == ["WARNING"]
        assert {row[3] for row in rows(old) if "bees" in row[1] or "honey" in row[1]} == {None}

    def test_a_late_vector_of_the_old_model_is_not_kept(self, old: Formation) -> None:
        """Made before the change and written after it: of a memory, of a window, of a turn, or packed."""
        user = tell(old, "ann@x.org", 4)
        old.memories.embedder.close()
        of_old = old.storage.for_formation("f", old.clock(), "words-16")
        assert of_old.segments
        store, packed = of_old.memory, of_old.segments.unpacked(user, 0, 10)
        old.memories.add(user, [Draft("bees")])
        first = store.unembedded(5)
        store.set_vectors(first, np.stack([OLD.vector("bees")]), "words-16")
        windows = store.unplaced(5)
        old.memories.add(user, [Draft("honey")])
        late = store.unembedded(5)
        assert [one.text for one in (*windows, *late)] == ["bees", "honey"]
        change(old, NewModel())
        stored = rows(old)
        store.set_vectors(late, np.stack([OLD.vector("honey")]), "words-16")
        store.set_windows(windows, np.stack([OLD.vector("bees")]), [traits_of("bees", old.clock())])
        assert not of_old.segments.keep(user, Segment(packed.upto, 4, b""), packed.floor)
        assert rows(old) == stored and {(row[2], row[4]) for row in stored} == {("words-24", None)}
        assert store.unplaced(5) == [] and {one.vector is None for one in store.since(user, 0)} == {True}
        asyncio.run(say(old, "ann@x.org", "I like wax"))
        assert [row[3] for row in rows(old) if "wax" in row[1]] == [None]

    def test_a_new_process_finds_by_vectors(self, old: Formation, database_url: str, clock: TestClock) -> None:
        """Opened with the new model it embeds what was left, windows too; with the old one it is refused."""
        user = tell(old, "ann@x.org", 70)
        pack(old, user)
        change(old, NewModel())
        old.memories.add(user, [Draft("I keep bees")])
        new = open_formation(database_url, clock, embedding_model=NewModel())
        try:
            new.memories.embedder.wake()
            assert new.memories.settled(20)
            assert sizes(new) == {("words-24", 24)} and all(len(row[4]) == 96 for row in rows(new))
            assert any(cosines(new, user))
            assert any(cosines(new, user)) and not any(cosines(old, user))
            assert {row[0] for row in query(new, "SELECT model FROM memory_segments")} == {"words-24"}
        finally:
            new.close()
        with pytest.raises(EmbeddingMismatchError, match=r"words-24.*words-16"):
            open_formation(database_url, clock)


class TestInterrupted:
    """Killed at any moment, it goes on where it was."""

    @pytest.mark.parametrize("asked", [1, 2, 4])
    def test_while_vectors_are_made(self, old: Formation, asked: int) -> None:
        """The formation is what it was, and opens; what is made is not made again."""
        user = tell(old, "ann@x.org", 48)
        before = cosines(old, user)

        def fail(count: int) -> None:
            if count == asked:
                raise ModelUnavailableError()

        with pytest.raises(ModelUnavailableError):
            change(old, NewModel(fail))
        assert cosines(old, user) == before and sizes(old) == {("words-16", 16)}
        model = NewModel()
        assert change(old, model) == 48
        assert sizes(old) == {("words-24", 24)}
        assert len(model.texts) == 1 + 48 - 16 * max(0, asked - 2)

    def test_kill_9(self, old: Formation, database_url: str) -> None:
        """A process of its own, killed twice while it embeds; the old one finds as before in between."""
        user = tell(old, "ann@x.org", 60)
        before = cosines(old, user)
        for least in (16, 32):
            assert killed(database_url) >= least
            assert cosines(old, user) == before
        model = NewModel()
        assert change(old, model) == 60
        assert sizes(old) == {("words-24", 24)} and len(model.texts) <= 1 + 60 - 32

    @pytest.mark.parametrize("after", [0, 1, 2])
    def test_while_they_are_put_in_place(self, old: Formation, database_url: str, clock: TestClock, after: int) -> None:
        """A new process opens, and finds by words what is not in place yet; nothing is made again."""
        user = tell(old, "ann@x.org", 48)
        with pytest.raises(StorageUnavailableError):
            change(old, NewModel(), Failing(stores_of(old).new_vectors, after))
        assert sizes(old) == {("words-24", 24), ("words-16", 16)} if after else {("words-16", 16)}
        new = open_formation(database_url, clock, embedding_model=NewModel())
        try:
            for formation in (old, new):
                formation.memories.cache.clear()
                vector = asyncio.run(formation.memories.embed("number7"))
                assert formation.memories.search(user, "number7", vector)[0].text.startswith("Lisbon number7 ")
            model = NewModel()
            assert change(new, model) == 48
            assert len(model.texts) == 1 and sizes(new) == {("words-24", 24)}
            assert query(new, "SELECT count(*) FROM new_embeddings") == [(0,)]
            assert change(new, model) == 0
        finally:
            new.close()


def killed(address: str) -> int:
    """Has a process embed anew until it has told of one more batch, kills it (-9), and says how many were done."""
    command = [sys.executable, "-m", "tests.support.reembedding_process", address]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout
    first, second = int(process.stdout.readline()), int(process.stdout.readline())
    process.kill()
    process.wait()
    process.stdout.close()
    assert second > first
    return second


class Failing:
    """Passes everything on, and fails when so many batches are in place."""

    def __init__(self, store: NewVectorStore | None, after: int) -> None:
        self._store, self._left = store, after

    def put_in_place(self, *of: Any) -> Any:
        if not self._left:
            raise StorageUnavailableError("away")
        self._left -= 1
        return self._store.put_in_place(*of)  # type: ignore[union-attr]

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)


class TestOthers:
    """What is not meant stays, and what goes is gone."""

    def test_another_formation(self, old: Formation, database_url: str, clock: TestClock) -> None:
        """On the same database: untouched to the byte, and it finds as before."""
        other = open_formation(database_url, clock, "g")
        try:
            tell(old, "ann@x.org", 20)
            user = tell(other, "ann@x.org", 20)
            before = rows(other, "g"), cosines(other, user)
            assert change(old, NewModel()) == 20
            assert (rows(other, "g"), cosines(other, user)) == before
            assert stores_of(other).memory.embedding_space() == EmbeddingSpace("words-16", 16)
        finally:
            other.close()

    def test_erased_meanwhile(self, old: Formation) -> None:
        """A user who is erased, one whose data is deleted, a memory that is deleted: nothing new of them is left."""
        erased, deleted, left = (tell(old, f"{name}@x.org", 20) for name in ("ann", "ben", "eve"))
        counts = []

        def forget(asked: int) -> None:
            if asked == 5:
                counts.append(query(old, "SELECT count(*) FROM new_embeddings"))
                old.privacy.erase("ann@x.org")
                old.deletion.delete_data("ben@x.org")
                old.memories.delete(left, old.memories.newest(left).items[-1].id)
                counts.append(query(old, "SELECT count(*) FROM new_embeddings"))

        change(old, NewModel(forget))
        assert counts == [[(48,)], [(7,)]]
        assert [row[0] for row in rows(old)] == [left] * 19 and sizes(old) == {("words-24", 24)}
        assert query(old, "SELECT count(*) FROM new_embeddings") == [(0,)]
        assert erased != deleted

    def test_changed_and_said_meanwhile(self, old: Formation) -> None:
        """A text that changes after its vector was made, and one that is new: both get that of their words."""
        user = tell(old, "ann@x.org", 40)
        first = old.memories.newest(user, limit=50).items[-1]

        def edit(asked: int) -> None:
            if asked == 4:
                old.edits.edit(user, first.id, Edit(text="I keep bees"))
                old.memories.add(user, [Draft("I like honey")])

        change(old, NewModel(edit))
        made = {row[1]: np.frombuffer(row[3], "<f4") for row in rows(old)}
        assert len(made) == 41
        for text, vector in made.items():
            assert np.allclose(vector, NewModel().vector(text)), text
