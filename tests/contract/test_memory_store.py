"""What every memory store does, on each database."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone

import numpy as np
import pytest

from muxi.core.identity.service import Identities
from muxi.core.memory.service import Draft, Memories
from muxi.core.memory.store import EmbeddingSpace
from muxi.errors import (
    EmbeddingMismatchError,
    InvalidCursorError,
    InvalidMemoryError,
    MemoryNotFoundError,
    MessageTooLargeError,
)
from muxi.ids import UserId
from muxi.storage.open import FormationStores, Storage
from tests.conftest import TestClock
from tests.support.vectors import WordVectors

MODEL = WordVectors()


@pytest.fixture
def identities(stores: FormationStores, clock: TestClock) -> Identities:
    return Identities(stores.identity, stores.hash_key, clock)


@pytest.fixture
def alice(identities: Identities) -> UserId:
    return identities.resolve("alice@acme.com").id


@pytest.fixture
def bob(identities: Identities) -> UserId:
    return identities.resolve("bob@acme.com").id


@pytest.fixture
def memories(stores: FormationStores, clock: TestClock):
    made = Memories(stores.memory, MODEL, clock)
    yield made
    made.embedder.close()


@pytest.fixture
def elsewhere(stores: FormationStores, clock: TestClock):
    """The same formation as another process has it: with a cache of its own."""
    made = Memories(stores.memory, MODEL, clock)
    yield made
    made.embedder.close()


def texts(memories: Memories, owner: UserId | None, query: str = "tea", **options: object) -> list[str]:
    return [hit.text for hit in memories.search(owner, query, MODEL.vector(query), **options)]  # type: ignore[arg-type]


class TestRemember:
    """What is added is found, at once and by its owner only."""

    def test_found_at_once_by_words_and_then_by_its_vector(self, memories: Memories, alice: UserId) -> None:
        """Read your own writes: before the embedder has run, and after."""
        [stored] = memories.add(alice, [Draft("I like green tea", {"mood": "calm"}, importance=0.7)])
        assert stored.id.startswith("mem_") and (stored.kind, stored.channel) == ("note", "api")
        assert texts(memories, alice) == ["I like green tea"]
        assert memories.settled(10)
        [hit] = memories.search(alice, "tea", MODEL.vector("tea"))
        assert hit.memory.metadata == {"mood": "calm"} and hit.memory.importance == 0.7
        [listed] = memories.newest(alice).items
        assert listed.vector is not None
        assert np.allclose(listed.vector, MODEL.vector("I like green tea"))

    def test_another_user_formation_and_nobody_find_nothing(
        self, memories: Memories, alice: UserId, bob: UserId, other_stores: FormationStores, clock: TestClock
    ) -> None:
        """The words are there, but not for them; nor is the id."""
        [hers] = memories.add(alice, [Draft("tea at five")])
        memories.add(None, [Draft("tea for all")])
        abroad = Memories(other_stores.memory, MODEL, clock)
        assert texts(memories, bob) == [] and texts(abroad, alice) == [] and texts(abroad, None) == []
        assert texts(memories, None) == ["tea for all"] and texts(memories, alice) == ["tea at five"]
        assert memories.newest(bob).items == [] and abroad.newest(alice).items == []
        for service, owner in ((memories, bob), (memories, None), (abroad, alice)):
            with pytest.raises(MemoryNotFoundError):
                service.delete(owner, hers.id)
        assert texts(memories, alice) == ["tea at five"]

    def test_written_elsewhere_found_here(self, memories: Memories, elsewhere: Memories, alice: UserId) -> None:
        """An index in memory is never older than the store: additions, vectors and deletions of other processes."""
        assert texts(memories, alice) == []
        [first] = elsewhere.add(alice, [Draft("black tea")])
        assert texts(memories, alice) == ["black tea"]
        assert elsewhere.settled(10)
        texts(memories, alice)
        assert memories.cache.index(alice).embedded == 1
        elsewhere.add(alice, [Draft("white tea")])
        elsewhere.delete(alice, first.id)
        assert texts(memories, alice) == ["white tea"]

    def test_order_within_a_batch_is_kept(self, memories: Memories, alice: UserId) -> None:
        """Neighbours of a conversation are neighbours in it: seq grows in the order given."""
        stored = memories.add(alice, [Draft(f"line {n}", {"session": "s"}) for n in range(5)])
        assert [m.seq for m in stored] == sorted(m.seq for m in stored) and len({m.seq for m in stored}) == 5
        assert {m.session_id for m in stored} == {"s"}

    def test_a_repeated_request_stores_once(self, memories: Memories, alice: UserId, bob: UserId) -> None:
        """The same key returns what it stored, however often and at once; another user's same key is another's."""
        drafts = [Draft("one"), Draft("two")]
        with ThreadPoolExecutor(8) as pool:
            made = list(pool.map(lambda _: memories.add(alice, drafts, request_key="k"), range(16)))
        assert {tuple(m.id for m in batch) for batch in made} == {tuple(m.id for m in made[0])}
        assert [m.text for m in made[0]] == ["one", "two"] and len(memories.newest(alice).items) == 2
        assert memories.add(bob, drafts, request_key="k")[0].id != made[0][0].id
        shared = [memories.add(None, drafts, request_key="k") for _ in range(2)]
        assert [m.id for m in shared[0]] == [m.id for m in shared[1]]

    def test_writers_at_once_lose_nothing(self, memories: Memories, elsewhere: Memories, alice: UserId) -> None:
        """Two processes, many threads, readers between: every memory is found at the end."""

        def write(n: int) -> None:
            (memories if n % 2 else elsewhere).add(alice, [Draft(f"tea {n}")])
            texts(memories, alice, limit=1)

        with ThreadPoolExecutor(8) as pool:
            list(pool.map(write, range(40)))
        assert sorted(texts(memories, alice, limit=100)) == sorted(f"tea {n}" for n in range(40))

    @pytest.mark.parametrize(
        ("draft", "error"),
        [
            (Draft(""), InvalidMemoryError),
            (Draft(" \n"), InvalidMemoryError),
            (Draft(7), InvalidMemoryError),  # type: ignore[arg-type]
            (Draft("a\x00b"), InvalidMemoryError),
            (Draft("\ud800"), InvalidMemoryError),
            (Draft("x" * (256 * 1024 + 1)), MessageTooLargeError),
            (Draft("x", importance=1.1), InvalidMemoryError),
            (Draft("x", importance=float("nan")), InvalidMemoryError),
            (Draft("x", {"n": float("inf")}), InvalidMemoryError),
            (Draft("x", {"o": object()}), InvalidMemoryError),
            (Draft("x", {"s": "\x00"}), InvalidMemoryError),
            (Draft("x", {"s": "x" * 20_000}), InvalidMemoryError),
            (Draft("x", session_id="\ud800"), InvalidMemoryError),
            (Draft("x", {"session": "s" * 256}), InvalidMemoryError),
            (Draft("x", agent_id="a\nb"), InvalidMemoryError),
            (Draft("x", said_at=datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=1)))), InvalidMemoryError),
        ],
    )
    def test_one_bad_text_stores_nothing(
        self, memories: Memories, alice: UserId, draft: Draft, error: type[Exception]
    ) -> None:
        """The good one before it is not stored either."""
        with pytest.raises(error):
            memories.add(alice, [Draft("good"), draft])
        assert memories.newest(alice).items == []

    def test_unicode_comes_back_as_it_went(self, memories: Memories, alice: UserId) -> None:
        """Emoji, right-to-left, an escaped NUL as text, quotes: byte for byte."""
        text, metadata = "naïve 🍵 שלום \\u0000 '\"; DROP TABLE", {"k": ["\\u0000", {"é": None}]}
        memories.add(alice, [Draft(text, metadata)])
        [stored] = memories.newest(alice).items
        assert stored.text == text and stored.metadata == metadata


class TestForget:
    """Deleting."""

    def test_a_deleted_memory_is_found_no_more(self, memories: Memories, alice: UserId) -> None:
        """Not by search, not in the list, and not by a second deletion."""
        kept, gone = memories.add(alice, [Draft("green tea"), Draft("black tea")])
        assert len(texts(memories, alice)) == 2
        memories.delete(alice, gone.id)
        assert texts(memories, alice) == ["green tea"]
        assert [m.id for m in memories.newest(alice).items] == [kept.id]
        with pytest.raises(MemoryNotFoundError):
            memories.delete(alice, gone.id)

    def test_one_without_a_user(self, memories: Memories) -> None:
        """What is kept without a user is deleted without one."""
        [shared] = memories.add(None, [Draft("tea for all")])
        assert texts(memories, None) == ["tea for all"]
        memories.delete(None, shared.id)
        assert texts(memories, None) == []


class TestList:
    """Paging."""

    def test_newest_first_in_pages(self, memories: Memories, alice: UserId, bob: UserId) -> None:
        """Nothing twice, nothing left out, nobody else's."""
        for n in range(5):
            memories.add(alice, [Draft(f"m{n}")])
        memories.add(bob, [Draft("his")])
        first = memories.newest(alice, limit=3)
        second = memories.newest(alice, limit=3, cursor=first.next_cursor)
        assert [m.text for m in (*first.items, *second.items)] == ["m4", "m3", "m2", "m1", "m0"]
        assert second.next_cursor is None
        with pytest.raises(InvalidCursorError):
            memories.newest(alice, cursor="nonsense")


class TestVectors:
    """Vectors of one model only."""

    async def test_the_first_vector_decides(self, memories: Memories, stores: FormationStores, alice: UserId) -> None:
        """Then another model, or another dimension of it, is refused with both names."""
        await memories.embed("tea")
        assert stores.memory.embedding_space() == EmbeddingSpace("words-16", 16)
        for other in (WordVectors("other"), WordVectors("words-16", 8)):
            with pytest.raises(EmbeddingMismatchError, match=r"words-16.*muxi db reembed"):
                await Memories(stores.memory, other, memories._clock).embed("tea")

    def test_what_a_crash_left_is_embedded_later(
        self, stores: FormationStores, clock: TestClock, alice: UserId
    ) -> None:
        """The memories without a vector are the queue."""
        crashed = Memories(stores.memory, MODEL, clock)
        crashed.embedder.close()
        crashed.add(alice, [Draft("tea")])
        assert [m.text for m in stores.memory.unembedded(10)] == ["tea"]
        restarted = Memories(stores.memory, MODEL, clock)
        restarted.embedder.wake()
        assert restarted.settled(10)
        restarted.embedder.close()
        assert stores.memory.unembedded(10) == []

    def test_a_vector_for_what_was_deleted_brings_nothing_back(
        self, stores: FormationStores, clock: TestClock, alice: UserId
    ) -> None:
        """Deleted while it was being embedded: it stays deleted."""
        asleep = Memories(stores.memory, MODEL, clock)
        asleep.embedder.close()
        [memory] = asleep.add(alice, [Draft("tea")])
        waiting = stores.memory.unembedded(10)
        asleep.delete(alice, memory.id)
        stores.memory.set_vectors(waiting, np.stack([MODEL.vector("tea")]), MODEL.name)
        assert asleep.newest(alice).items == []

    @pytest.mark.postgres
    def test_an_owner_whom_somebody_holds_holds_up_nobody(
        self, stores: FormationStores, storage: Storage, clock: TestClock, alice: UserId, bob: UserId
    ) -> None:
        """Vectors of others are written, and their rows are free again, while one owner's are waited for: of two who
        wait for each other's owners neither would ever end."""
        if storage.dialect == "sqlite":
            pytest.skip("who writes holds the whole database")
        made = Memories(stores.memory, MODEL, clock)
        made.embedder.close()
        for owner in (alice, bob):
            made.add(owner, [Draft("tea")])
        waiting = stores.memory.unembedded(10)
        vectors = np.array([MODEL.vector("tea")] * 2)
        with ThreadPoolExecutor(1) as elsewhere, storage._database.owning() as conn:
            with conn.transaction():
                conn.execute("SELECT 1 FROM users WHERE id = %s FOR UPDATE", (bob,))
                writing = elsewhere.submit(stores.memory.set_vectors, waiting, vectors, MODEL.name)
                while [one.user_id for one in stores.memory.unembedded(10)] != [bob]:
                    assert not writing.done()
                # Not held any more: it can be locked at once, or this raises.
                conn.execute("SELECT 1 FROM users WHERE id = %s FOR UPDATE NOWAIT", (alice,))
            writing.result(60)
        assert stores.memory.unembedded(10) == []


class TestCache:
    """Indexes in memory, bounded in bytes."""

    def test_the_bound_holds_and_answers_stay_right(
        self, stores: FormationStores, clock: TestClock, identities: Identities
    ) -> None:
        """More users than fit: the oldest go, and are read again when asked."""
        users = [identities.resolve(f"u{n}").id for n in range(6)]
        filler = Memories(stores.memory, MODEL, clock)
        for n, user in enumerate(users):
            filler.add(user, [Draft(f"tea of {n} number {i}") for i in range(20)])
        assert filler.settled(20)
        assert texts(filler, users[0], limit=1)
        one = filler.cache.nbytes
        filler.embedder.close()
        small = Memories(stores.memory, MODEL, clock, cache_bytes=int(2.5 * one))
        for _ in range(2):
            for n, user in enumerate(users):
                assert len(texts(small, user, f"tea {n}", limit=50)) == 20
                assert small.cache.nbytes <= 2.5 * one and len(small.cache) <= 2

    def test_a_filter_sees_only_what_it_keeps(self, memories: Memories, alice: UserId) -> None:
        """A condition on metadata counts before the best are chosen."""
        memories.add(alice, [Draft(f"tea {n}", {"kind": "noise"}) for n in range(30)])
        memories.add(alice, [Draft("tea, the one", {"kind": "wanted"})])
        assert texts(memories, alice, limit=1, keep=lambda m: m.metadata["kind"] == "wanted") == ["tea, the one"]
