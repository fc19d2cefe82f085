"""The vectors of windows and what is read out of texts: made behind the answer, dropped with what they were made of."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from muxi.core.identity.service import Identities
from muxi.core.memory.edit_store import Edit
from muxi.core.memory.embedder import MOST_BEFORE
from muxi.core.memory.service import Draft, Memories
from muxi.core.memory.traits import traits_of
from muxi.core.memory.types import Memory
from muxi.core.models.base import Vectors
from muxi.ids import UserId
from muxi.storage.open import FormationStores
from tests.conftest import TestClock
from tests.support.vectors import WordVectors


class HeardVectors(WordVectors):
    """Keeps what it was given."""

    def __init__(self) -> None:
        super().__init__()
        self.heard: list[str] = []

    async def embed(self, texts: Sequence[str]) -> Vectors:
        self.heard += texts
        return await super().embed(texts)


@pytest.fixture
def model() -> HeardVectors:
    return HeardVectors()


@pytest.fixture
def memories(stores: FormationStores, clock: TestClock, model: HeardVectors) -> Iterator[Memories]:
    made = Memories(stores.memory, model, clock)
    yield made
    made.embedder.close()


@pytest.fixture
def alice(stores: FormationStores, clock: TestClock) -> UserId:
    return Identities(stores.identity, stores.hash_key, clock).resolve("alice@acme.com").id


def stored(stores: FormationStores, owner: UserId | None) -> list[Memory]:
    """Everything of an owner as an index reads it, in order."""
    return sorted(stores.memory.since(owner, 0), key=lambda memory: memory.seq)


def windows(stores: FormationStores, owner: UserId | None, model: WordVectors) -> list[str | None]:
    """Which of the texts below each memory's window is the vector of."""
    known = {model.vector(text).tobytes(): text for text in TEXTS}
    return [None if m.window is None else known[m.window.tobytes()] for m in stored(stores, owner)]


TEXTS = [
    *("one", "one\ntwo", "one\ntwo\nthree", "two\nthree\nfour", "three\nfour\nfive"),
    *("two", "two\nfour", "two\nfour\nfive", "two\nthree", "one\nsix", "one\nsix\nthree", "six\nthree\nfour"),
]
SAID = ["one", "two", "three", "four", "five"]


def add(memories: Memories, owner: UserId | None) -> list[Memory]:
    made = memories.add(owner, [Draft(text, session_id="s") for text in SAID])
    assert memories.settled(20)
    return made


class TestWindows:
    """Each memory is embedded once more, with the two before it in its session."""

    def test_with_the_two_before_it(self, memories: Memories, stores: FormationStores, alice: UserId) -> None:
        """In the order of the session, of one owner only; and the traits come with it."""
        model = WordVectors()
        memories.add(None, [Draft("nobody's", session_id="s")])
        add(memories, alice)
        assert windows(stores, alice, model) == TEXTS[:5]
        for memory in stored(stores, alice):
            assert memory.traits is not None
            assert memory.traits.tolist() == traits_of(memory.text, memory.said_at).tolist()

    def test_without_a_user(self, memories: Memories, stores: FormationStores) -> None:
        """What is kept without a user has windows as well."""
        add(memories, None)
        assert windows(stores, None, WordVectors()) == TEXTS[:5]

    def test_without_a_session(self, memories: Memories, stores: FormationStores, alice: UserId) -> None:
        """A memory without a session stands alone."""
        memories.add(alice, [Draft("one"), Draft("two")])
        assert memories.settled(20)
        assert windows(stores, alice, WordVectors()) == ["one", "two"]

    def test_long_texts_reach_the_memory(self, memories: Memories, model: HeardVectors, alice: UserId) -> None:
        """Of what came before a window holds the end, so that the model still reads the memory itself."""
        memories.add(alice, [Draft("a" * 2_000 + "end", session_id="s"), Draft("tea", session_id="s")])
        assert memories.settled(20)
        assert "a" * (MOST_BEFORE - 3) + "end\ntea" in model.heard

    def test_deleted_text_leaves_the_windows(self, memories: Memories, stores: FormationStores, alice: UserId) -> None:
        """The windows that held it are gone with it, in the same moment, and then made anew without it."""
        made = add(memories, alice)
        memories.embedder.close()
        memories.delete(alice, made[0].id)
        memories.delete(alice, made[2].id)
        assert windows(stores, alice, WordVectors()) == [None, None, None]
        again = Memories(stores.memory, WordVectors(), lambda: datetime(2026, 1, 1, tzinfo=UTC))
        again.embedder.wake()
        assert again.settled(20)
        again.embedder.close()
        assert windows(stores, alice, WordVectors()) == ["two", "two\nfour", "two\nfour\nfive"]

    @pytest.mark.parametrize("batch", [1, 2, 500])
    @pytest.mark.parametrize("without_user", [False, True])
    def test_swept_text_leaves_the_windows(
        self,
        memories: Memories,
        stores: FormationStores,
        alice: UserId,
        clock: TestClock,
        batch: int,
        without_user: bool,
    ) -> None:
        """What ended is in no window of what stays, in whatever batches it goes; others' windows stay as they were."""
        owner, other = (None, alice) if without_user else (alice, None)
        add(memories, other)
        ends = [None, timedelta(days=1), None, timedelta(days=1), None]
        drafts = [Draft(text, session_id="s", expires_in=end) for text, end in zip(SAID, ends, strict=True)]
        memories.add(owner, drafts)
        assert memories.settled(20)
        memories.embedder.close()
        clock.move(86400)
        swept = 0
        while one := stores.retention.sweep_memories(clock(), datetime.min.replace(tzinfo=UTC), batch)["memories"]:
            swept += one
        assert swept == 2
        assert windows(stores, owner, WordVectors()) == ["one", None, None]
        assert windows(stores, other, WordVectors()) == TEXTS[:5]

    def test_text_deleted_by_date_leaves_the_windows(
        self, memories: Memories, stores: FormationStores, alice: UserId, clock: TestClock
    ) -> None:
        """What is older than a date is in no window of what is newer; of other sessions, and users, all stays."""
        add(memories, None)
        long_ago = clock() - timedelta(days=9)
        drafts = [Draft(text, session_id="s", said_at=long_ago if n == 1 else None) for n, text in enumerate(SAID)]
        memories.add(alice, drafts)
        memories.add(alice, [Draft("one", session_id="t")])
        assert memories.settled(20)
        memories.embedder.close()
        assert stores.retention.delete_data(alice, clock() - timedelta(days=1), "test", clock()) is not None
        assert windows(stores, alice, WordVectors()) == ["one", None, None, "three\nfour\nfive", "one"]
        assert windows(stores, None, WordVectors()) == TEXTS[:5]

    def test_changed_text_leaves_the_windows(
        self, memories: Memories, stores: FormationStores, alice: UserId, clock: TestClock
    ) -> None:
        """A changed text is in no window any more but by its new words."""
        made = add(memories, alice)
        memories.embedder.close()
        assert stores.edits.edit(alice, made[1].id, Edit("six"), clock()) is not None
        found = stored(stores, alice)
        assert [m.window is None for m in found] == [False, True, True, True, False]
        assert found[1].traits is None
        again = Memories(stores.memory, WordVectors(), clock)
        again.embedder.wake()
        assert again.settled(20)
        again.embedder.close()
        expected = ["one", "one\nsix", "one\nsix\nthree", "six\nthree\nfour", "three\nfour\nfive"]
        assert windows(stores, alice, WordVectors()) == expected

    def test_read_before_it_changed(
        self, memories: Memories, stores: FormationStores, alice: UserId, clock: TestClock
    ) -> None:
        """A window that was made while one of its texts went is thrown away: nothing comes back with it."""
        memories.embedder.close()
        made = memories.add(alice, [Draft(text, session_id="s") for text in SAID])
        model = WordVectors()
        stores.memory.set_vectors(stores.memory.unembedded(9), np.stack([model.vector(text) for text in SAID]), "m")
        read = stores.memory.unplaced(9)
        memories.delete(alice, made[1].id)
        vectors = asyncio.run(model.embed([one.text for one in read]))
        stores.memory.set_windows(read, vectors, [traits_of(one.text, one.said_at) for one in read])
        assert [m.window is None for m in stored(stores, alice)] == [False, True, True, False]
        assert [one.before for one in stores.memory.unplaced(9)] == [("one",), ("one", "three")]

    def test_found_by_what_was_said_before(self, memories: Memories, alice: UserId, clock: TestClock) -> None:
        """The search uses them: an answer that shares nothing with the question is found by its window."""
        memories.add(alice, [Draft(text, session_id="s") for text in ("sister town", "Lisbon")])
        memories.add(alice, [Draft(f"thing {n}") for n in range(20)])
        assert memories.settled(20)
        vector = WordVectors().vector("sister town")
        hits = memories.search(alice, "?", vector, limit=30, explain=True)
        features = {hit.text: hit.features or {} for hit in hits}
        assert features["Lisbon"]["window"] > 1 > features["Lisbon"]["vector"]


class TestDates:
    """When something was said is known from its metadata, too."""

    @pytest.mark.parametrize("date", ["2023-05-08", "1:56 pm on 8 May, 2023"])
    def test_date_in_the_metadata(self, memories: Memories, alice: UserId, date: str) -> None:
        """One day that is named there is the day on which it was said."""
        [made] = memories.add(alice, [Draft("tea", {"date": date})])
        assert made.said_at == datetime(2023, 5, 8, 12, tzinfo=UTC)

    @pytest.mark.parametrize("date", ["", "some day", "May 2023", 20230508, "from 1 May 2023 to 8 May 2023"])
    def test_no_day_in_the_metadata(self, memories: Memories, alice: UserId, date: object, clock: TestClock) -> None:
        """Without one day it was said now; and what is told outright counts first."""
        [made] = memories.add(alice, [Draft("tea", {"date": date})])
        assert made.said_at == clock()
        told = datetime(2020, 1, 1, tzinfo=UTC)
        [made] = memories.add(alice, [Draft("tea", {"date": "2023-05-08"}, said_at=told)])
        assert made.said_at == told
