"""Searches in what is held, before the store is asked whether it is still right."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest

from muxi.core.formation import Formation
from muxi.core.memory.edit_store import Edit
from muxi.core.memory.service import Draft
from muxi.errors import UserNotFoundError
from muxi.ids import UserId
from tests.conftest import TestClock
from tests.support.formations import open_formation
from tests.support.packing import pack
from tests.support.vectors import WordVectors

THINGS = ("tea", "rain", "chess", "trains")
COUNT = 40


class Asked:
    """A store of memories that counts how often it is asked how far they are."""

    def __init__(self, store: Any) -> None:
        self._store = store
        self.times = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def versions(self, user_id: UserId | None) -> Any:
        self.times += 1
        return self._store.versions(user_id)


@pytest.fixture
def twin(database_url: str, clock: TestClock, formation: Formation) -> Iterator[Formation]:
    """The same formation in another process."""
    made = open_formation(database_url, clock)
    yield made
    made.close()


@pytest.fixture
def ann(formation: Formation) -> UserId:
    """A user with packed memories, searched for until nothing was new."""
    user = formation.identities.resolve("ann@x.org").id
    formation.memories.add(user, [Draft(f"{THINGS[n % 4]} number{n}", importance=n / COUNT) for n in range(COUNT)])
    assert formation.memories.settled()
    assert pack(formation, user) == COUNT
    formation.memories.cache.clear()
    for _ in range(2):
        assert len(texts(formation, user, "nothing of it", limit=3)) == 3
    return user


def texts(formation: Formation, user: UserId, query: str = "tea", limit: int = 10) -> list[str]:
    hits = formation.memories.search(user, query, WordVectors().vector(query), limit=limit)
    return [hit.memory.text for hit in hits]


def edit(twin: Formation, user: UserId) -> None:
    newest = twin.memories.newest(user).items[0]
    twin.edits.edit(user, newest.id, Edit(text="tea tea", importance=1.0))


def delete(twin: Formation, user: UserId) -> None:
    for memory in twin.memories.newest(user, limit=50).items:
        if "tea" in memory.text:
            twin.memories.delete(user, memory.id)


def add(twin: Formation, user: UserId) -> None:
    twin.memories.add(user, [Draft("tea tea tea", importance=1.0)])


def erase(twin: Formation, user: UserId) -> None:
    twin.privacy.erase(user)


def merge(twin: Formation, user: UserId) -> None:
    other = twin.identities.resolve("bob@x.org").id
    twin.memories.add(other, [Draft("tea, said by another", importance=1.0)])
    twin.merges.merge([user, other], into=user)


@pytest.mark.parametrize("change", [add, edit, delete, merge, erase])
@pytest.mark.parametrize("seen", [False, True])
def test_what_is_new_is_found(
    formation: Formation, twin: Formation, ann: UserId, change: Callable[[Formation, UserId], None], seen: bool
) -> None:
    """What another process did just before is in what is found, whether or not the hits had to be read."""
    if seen:
        texts(formation, ann, limit=COUNT)
    change(twin, ann)
    assert twin.memories.settled()
    found = texts(formation, ann)
    formation.memories.cache.clear()
    assert found == texts(formation, ann)
    assert ("tea" in "".join(found)) is (change not in (delete, erase))


def test_asked_once_together_with_the_hits(formation: Formation, ann: UserId) -> None:
    """The store is asked by itself only where no hit is read, or something was new last time."""
    cache = formation.memories.cache
    asked = cache._store = Asked(cache._store)  # type: ignore[assignment]
    assert isinstance(asked, Asked)
    assert all("tea" in text for text in texts(formation, ann, limit=5)) and asked.times == 0
    texts(formation, ann, limit=5)  # the same hits
    assert asked.times == 1
    formation.memories.add(ann, [Draft("tea again")])
    assert formation.memories.settled()
    texts(formation, ann)
    before = asked.times
    # Something was new: now it is asked first, and then nothing is.
    texts(formation, ann)
    assert asked.times == before + 1
    assert texts(formation, ann, "chess", limit=20) and asked.times == before + 1


def test_what_has_expired_is_not_found(formation: Formation, clock: TestClock, ann: UserId) -> None:
    """Time passes without anybody writing."""
    formation.memories.add(ann, [Draft("tea for an hour", importance=1.0, expires_in=timedelta(hours=1))])
    assert formation.memories.settled()
    for _ in range(3):
        assert "tea for an hour" in texts(formation, ann)
    clock.now += timedelta(hours=2)
    assert "tea for an hour" not in texts(formation, ann)


def test_a_stranger_finds_nothing(formation: Formation, ann: UserId) -> None:
    """Neither by another user's id nor by one that was never given."""
    other = formation.identities.resolve("eve@x.org").id
    for _ in range(3):
        assert texts(formation, other) == []
        assert texts(formation, UserId("usr_00000000000000000000000000")) == []
    with pytest.raises(UserNotFoundError):
        formation.identities.resolve("usr_00000000000000000000000000")
    assert texts(formation, ann)
