"""Very many users in one process: what is kept at hand of them is bounded, on each database."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from muxi.core.formation import Formation
from muxi.core.memory.cache import ENTRY_BYTES, MEMORY_BYTES
from muxi.core.memory.embedder import BATCH, RESTLESS_BATCHES
from muxi.core.memory.service import Draft
from muxi.core.memory.sizes import object_bytes
from tests.conftest import TestClock
from tests.support.extraction import by_hand, say

USERS = 200


@pytest.fixture
def formation(database_url: str, clock: TestClock) -> Iterator[Formation]:
    made = by_hand(database_url, clock, memory={"cache_mb": 1})
    yield made
    made.close()


async def test_who_speaks_once_is_counted(formation: Formation) -> None:
    """Nobody comes back, and yet the indexes at hand stay within their bound: the oldest go."""
    cache = formation.memories.cache
    for number in range(USERS):
        await say(formation, f"u{number}@x.org", f"I like tea number {number}")
        assert cache.nbytes <= cache.max_bytes == 2**20
    # As they are now, and not as they were when they were made, with nothing in them.
    held = cache._entries.values()
    indexes = sum(ENTRY_BYTES + MEMORY_BYTES * len(entry.index) + entry.index.nbytes for entry in held)
    waiting = [memory for entry in held for memory in entry.waiting]
    assert [memory.text[:10] for memory in waiting] == ["I like tea"] * len(held)
    assert cache.nbytes == indexes + sum(
        object_bytes(memory) + (0 if memory.vector is None else memory.vector.nbytes) for memory in waiting
    )
    assert cache.nbytes >= len(cache) * ENTRY_BYTES > 2**19
    assert 10 < len(cache) < USERS, "the oldest are gone"


async def test_what_was_just_said_is_there_when_it_is_looked_for(formation: Formation) -> None:
    """It waits to be put among the rest until then; what was deleted meanwhile never gets there."""
    memories = formation.memories
    memories.embedder.close()  # what it writes would be read together with what waits
    for text in ("I like green tea", "I like black tea"):
        await say(formation, "ann@x.org", text)
    user = formation.identities.resolve("ann@x.org").id
    (entry,) = memories.cache._entries.values()
    assert [memory.text for memory in entry.waiting] == ["I like black tea"] and len(entry.index) == 1
    found = memories.search(user, "tea", None, limit=9)
    assert {hit.memory.text for hit in found} == {"I like green tea", "I like black tea"} and not entry.waiting
    await say(formation, "ann@x.org", "I like white tea")
    assert [memory.text for memory in entry.waiting] == ["I like white tea"]
    memories.delete(user, entry.waiting[0].id)
    assert {hit.memory.text for hit in memories.search(user, "tea", None, limit=9)} == {
        "I like green tea",
        "I like black tea",
    }


async def test_windows_are_not_put_off_for_ever(formation: Formation) -> None:
    """While people talk it rests between batches of windows, but not when full ones follow each other."""
    embedder = formation.memories.embedder
    embedder.close()
    user = formation.identities.resolve("ann@x.org").id
    formation.memories.add(user, [Draft(f"tea {number}") for number in range(2 * BATCH)])
    while await embedder._embed_memories():
        pass
    assert await embedder._embed_windows()
    assert embedder._full_batches == 1 and embedder._windows_from > time.monotonic()
    embedder._full_batches = RESTLESS_BATCHES - 1
    assert await embedder._embed_windows()
    assert embedder._full_batches == RESTLESS_BATCHES and embedder._windows_from <= time.monotonic()
    assert not await embedder._embed_windows()
