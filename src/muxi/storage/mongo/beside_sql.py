"""The memories of a formation whose Memobase is on MongoDB.

What applications store is there; what is said in conversations, and what is found in it, is stored with the log, in
one transaction, in SQL. Both are read together, and ranked as one.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import datetime
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from muxi.core.chat.store import ExchangeStore
from muxi.core.chat.types import Answered, Exchange, Look, Saved
from muxi.core.memory.edit_store import Edit, EditStore, Revision
from muxi.core.memory.store import SHARED, EmbeddingSpace, MemoryStore, ToEmbed, Unembedded, Unplaced, Version
from muxi.core.memory.synopsis import SynopsisStore
from muxi.core.memory.traits import Numbers
from muxi.core.memory.types import Memory
from muxi.ids import MemoryId, UserId
from muxi.storage.mongo.memory import MongoMemoryStore
from muxi.storage.mongo.memory_edits import MongoEditStore

#: What is in MongoDB is counted under a name of its own: each side has its own versions.
_THERE = "mongodb:"

Waiting = TypeVar("Waiting", Unembedded, Unplaced)


class MemoriesOfBoth:
    """`muxi.core.memory.store.MemoryStore`: what is added goes to MongoDB, what is read comes from both.

    Args:
        here: in SQL.
        there: in MongoDB.
    """

    def __init__(self, here: MemoryStore, there: MongoMemoryStore) -> None:
        self._here = here
        self._there = there

    def versions(self, user_id: UserId | None) -> dict[UserId | None, Version]:
        if user_id == SHARED:
            noted = self._there.versions_of([None])[None]
            return {**self._here.versions(SHARED), UserId(f"{_THERE}{SHARED}"): noted}
        both = dict(self._here.versions(user_id))
        there = self._there.versions_of(list(both))
        return both | {UserId(f"{_THERE}{owner or ''}"): version for owner, version in there.items()}

    def since(self, owner: UserId | None, version: int) -> list[Memory]:
        if owner is None or not owner.startswith(_THERE):
            return self._here.since(owner, version)
        name = UserId(owner.removeprefix(_THERE))
        # All that is there was stored on purpose.
        return self._there.since(None if name in ("", SHARED) else name, version)

    def add(self, memories: Sequence[Memory], request_key: str | None, model: str) -> list[Memory]:
        return self._there.add(memories, request_key, model)

    def newest(self, user_id: UserId | None, before: MemoryId, limit: int) -> list[Memory]:
        both = (store.newest(user_id, before, limit) for store in (self._here, self._there))
        return heapq.nlargest(limit, (memory for found in both for memory in found), key=lambda memory: memory.id)

    def delete(self, user_id: UserId | None, memory_id: MemoryId) -> bool:
        return self._there.delete(user_id, memory_id) or self._here.delete(user_id, memory_id)

    def unembedded(self, limit: int) -> list[Unembedded]:
        return self._here.unembedded(limit) or self._there.unembedded(limit)

    def waiting(self) -> ToEmbed:
        here, there = self._here.waiting(), self._there.waiting()
        since = [one.since for one in (here, there) if one.since is not None]
        return ToEmbed(here.count + there.count, min(since, default=None))

    def of_other_models(self, model: str, after: MemoryId, limit: int) -> list[Unembedded]:
        both = (store.of_other_models(model, after, limit) for store in (self._here, self._there))
        return heapq.nsmallest(limit, (memory for found in both for memory in found), key=lambda memory: memory.id)

    def count_of_other_models(self, model: str) -> int:
        return self._here.count_of_other_models(model) + self._there.count_of_other_models(model)

    def set_vectors(self, of: Sequence[Unembedded], vectors: NDArray[np.float32], model: str) -> None:
        for store, places in self._where(of):
            store.set_vectors([of[place] for place in places], vectors[places], model)

    def unplaced(self, limit: int) -> list[Unplaced]:
        return self._here.unplaced(limit) or self._there.unplaced(limit)

    def set_windows(self, of: Sequence[Unplaced], vectors: NDArray[np.float32], traits: Sequence[Numbers]) -> None:
        for store, places in self._where(of):
            store.set_windows([of[place] for place in places], vectors[places], [traits[place] for place in places])

    def embedding_space(self) -> EmbeddingSpace | None:
        here, there = self._here.embedding_space(), self._there.embedding_space()
        if here is None or there is None or here == there:
            return here or there
        # It fits no model: the vectors have to be made anew.
        return EmbeddingSpace(f"{here.model}, and {there.model} in MongoDB", here.dimension)

    def claim_embedding_space(self, space: EmbeddingSpace) -> EmbeddingSpace:
        here = self._here.claim_embedding_space(space)
        return here if here != space else self._there.claim_embedding_space(space)

    def change_embedding_space(self, space: EmbeddingSpace) -> None:
        self._here.change_embedding_space(space)
        self._there.change_embedding_space(space)

    def _where(self, of: Sequence[Waiting]) -> Iterable[tuple[MemoryStore, list[int]]]:
        there = self._there.holds([memory.id for memory in of])
        places: dict[bool, list[int]] = {True: [], False: []}
        for place, memory in enumerate(of):
            places[memory.id in there].append(place)
        stores: dict[bool, MemoryStore] = {True: self._there, False: self._here}
        return [(stores[side], found) for side, found in places.items() if found]


class EditsOfBoth:
    """`muxi.core.memory.edit_store.EditStore`: a memory is changed where it is.

    Args:
        here: in SQL.
        there: in MongoDB.
    """

    def __init__(self, here: EditStore, there: MongoEditStore) -> None:
        self._here = here
        self._there = there

    def get(self, user_id: UserId, memory_id: MemoryId) -> Memory | None:
        return self._there.get(user_id, memory_id) or self._here.get(user_id, memory_id)

    def edit(self, user_id: UserId, memory_id: MemoryId, edit: Edit, now: datetime) -> Memory | None:
        there = self._there.edit(user_id, memory_id, edit, now)
        return there or self._here.edit(user_id, memory_id, edit, now)

    def revisions(self, user_id: UserId, memory_id: MemoryId) -> list[Revision]:
        return self._there.revisions(user_id, memory_id) or self._here.revisions(user_id, memory_id)


class ExchangesBesideMongo:
    """`muxi.core.chat.store.ExchangeStore`: as in SQL, but what a turn has to know of a user is in both.

    Args:
        here: in SQL.
        memory: of both.
        synopses: of the facts in MongoDB.
    """

    def __init__(self, here: ExchangeStore, memory: MemoryStore, synopses: SynopsisStore) -> None:
        self._here = here
        self._memory = memory
        self._synopses = synopses

    def held(self) -> AbstractContextManager[None]:
        return self._here.held()

    def look(self, user_id: UserId) -> Look:
        teams = tuple(
            replace(
                one,
                memories=self._memory.versions(one.id),
                profile=replace(self._synopses.state(one.id), wanted=False),
            )
            for one in self._here.look(user_id).teams
        )
        shared = self._memory.versions(SHARED)
        written = any(one.version for one in shared.values())
        return Look(self._memory.versions(user_id), self._synopses.state(user_id), teams, shared if written else {})

    def save(self, exchange: Exchange, model: str) -> Saved | Answered:
        return self._here.save(exchange, model)

    def answered(self, user_id: UserId, request_key: str) -> Answered | None:
        return self._here.answered(user_id, request_key)
