"""Memories and their vectors in MongoDB."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import groupby
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pymongo import UpdateOne
from pymongo.errors import DuplicateKeyError

from muxi.core.memory.store import EmbeddingSpace, Unembedded, Unplaced, Version
from muxi.core.memory.traits import Numbers
from muxi.core.memory.types import WINDOW as WINDOW_SIZE
from muxi.core.memory.types import Memory
from muxi.errors import UserNotFoundError
from muxi.ids import MemoryId, UserId
from muxi.storage.mongo.backlog import Backlog
from muxi.storage.mongo.connection import Document, MongoDatabase
from muxi.storage.mongo.documents import VECTOR, WINDOW, memory_document, moment, read_memory, vector_binary
from muxi.storage.mongo.errors import translated
from muxi.storage.mongo.owners import Counts, Owners
from muxi.storage.vectors import write_traits

#: The users that a canonical user is made of, itself included; empty: it is not canonical, or erased.
Members = Callable[[UserId], Sequence[UserId]]

_WITHOUT_HISTORY = {"revisions": 0}
_AS_LISTED = {"revisions": 0, "window": 0, "traits": 0}
_TO_EMBED = {"user_id": 1, "text": 1}
_TO_PLACE = {"user_id": 1, "text": 1, "said_at": 1, "session_id": 1, "seq": 1}


class MongoMemoryStore(Backlog):
    """`muxi.core.memory.store.MemoryStore` on MongoDB.

    Args:
        database: where.
        formation_id: whose.
        owners: of the same formation.
        members: whom a canonical user is made of.
        model: as in `muxi.storage.open.Storage.for_formation`.
    """

    def __init__(
        self,
        database: MongoDatabase,
        formation_id: str,
        owners: Owners,
        members: Members,
        model: str | None = None,
    ) -> None:
        self._of_model = {} if model is None else {"embedding_model": model}
        self._model = model
        super().__init__(database, formation_id)
        self._formations = database.formations
        self._owners = owners
        self._members = members

    def versions(self, user_id: UserId | None) -> dict[UserId | None, Version]:
        return self.versions_of(self._users(user_id))

    def versions_of(self, users: Sequence[UserId | None]) -> dict[UserId | None, Version]:
        """As `versions`, of users whose members are known."""
        counts = self._owners.counts(users)
        return {owner: Version(one.memory, one.floor) for owner, one in counts.items()}

    def since(self, owner: UserId | None, version: int) -> list[Memory]:
        reached = self._owners.counts([owner])[owner].memory
        where = {**self._own(owner), "version": {"$gt": version}, "born": {"$lte": reached}}
        with translated():
            return [self._read(one) for one in self._memories.find(where, _WITHOUT_HISTORY)]

    def add(self, memories: Sequence[Memory], request_key: str | None, model: str) -> list[Memory]:
        owner = memories[0].user_id
        with self._owners.holding(owner) as held:
            if request_key is not None and (stored := self._of_request(owner, request_key)):
                return stored
            versions = range(held.memory + 1, held.memory + 1 + len(memories))
            added = [replace(one, seq=one.seq or version) for one, version in zip(memories, versions, strict=True)]
            documents = [
                memory_document(self._formation_id, one, version, model, request_key)
                for one, version in zip(added, versions, strict=True)
            ]
            held.inserted += [one.id for one in added]
            with translated():
                self._memories.insert_many(documents)
            self._owners.commit_memories(held, len(added))
        return added

    def newest(self, user_id: UserId | None, before: MemoryId, limit: int) -> list[Memory]:
        where = {**self.reached(self._users(user_id)), "_id": {"$lt": before}}
        with translated():
            found = self._memories.find(where, _AS_LISTED).sort("_id", -1).limit(limit)
            return [read_memory(one) for one in found]

    def delete(self, user_id: UserId | None, memory_id: MemoryId) -> bool:
        found = self.find(user_id, memory_id)
        if found is None:
            return False
        with self._owners.holding(found["user_id"]) as held:
            with translated():
                self.forget_windows_with(found)
                gone = self._memories.delete_one({**self._own(held.user_id), "_id": memory_id}).deleted_count
            self._owners.commit_memories(held, 1, purged=True)
        return bool(gone)

    def unembedded(self, limit: int) -> list[Unembedded]:
        with translated():
            return [_unembedded(one) for one in self._waiting(VECTOR, _TO_EMBED, limit)]

    def of_other_models(self, model: str, after: MemoryId, limit: int) -> list[Unembedded]:
        where = {**self._all(), "_id": {"$gt": after}, "embedding_model": {"$ne": model}}
        with translated():
            return [_unembedded(one) for one in self._memories.find(where, _TO_EMBED).sort("_id", 1).limit(limit)]

    def count_of_other_models(self, model: str) -> int:
        with translated():
            return self._memories.count_documents({**self._all(), "embedding_model": {"$ne": model}})

    def set_vectors(self, of: Sequence[Unembedded], vectors: NDArray[np.float32], model: str) -> None:
        rows = sorted(zip(of, vectors, strict=True), key=lambda row: row[0].user_id or "")
        for owner, of_owner in groupby(rows, key=lambda row: row[0].user_id):
            with suppress(UserNotFoundError), self._owners.holding(owner) as held:
                changes = []
                for version, (memory, vector) in enumerate(of_owner, held.memory + 1):
                    made = {"embedding": vector_binary(vector), "embedding_model": model, "version": version}
                    # Of the words as they were read: what was changed meanwhile waits for another one.
                    where = {**self._own(owner), "_id": memory.id, "text": memory.text}
                    changes.append(UpdateOne(where, {"$set": {**made, "waits": WINDOW}, "$unset": {"window": ""}}))
                with translated():
                    self._memories.bulk_write(changes)
                self._owners.commit_memories(held, len(changes))

    def unplaced(self, limit: int) -> list[Unplaced]:
        with translated():
            return [self._unplaced(one) for one in self._waiting(WINDOW, _TO_PLACE, limit, self._of_model)]

    def set_windows(self, of: Sequence[Unplaced], vectors: NDArray[np.float32], traits: Sequence[Numbers]) -> None:
        rows = sorted(zip(of, vectors, traits, strict=True), key=lambda row: row[0].user_id or "")
        for owner, group in groupby(rows, key=lambda row: row[0].user_id):
            of_owner = list(group)
            with suppress(UserNotFoundError), self._owners.holding(owner) as held:
                changes, in_place = [], self._in_place([row[0] for row in of_owner])
                for version, (memory, vector, read) in enumerate(of_owner, held.memory + 1):
                    if memory.id in in_place:
                        made = {"window": vector_binary(vector), "traits": write_traits(read), "version": version}
                        where = {**self._own(owner), "_id": memory.id}
                        changes.append(UpdateOne(where, {"$set": made, "$unset": {"waits": ""}}))
                if changes:
                    with translated():
                        self._memories.bulk_write(changes)
                    self._owners.commit_memories(held, len(of_owner))

    def embedding_space(self) -> EmbeddingSpace | None:
        with translated():
            found = self._formations.find_one({"_id": self._formation_id})
        return EmbeddingSpace(found["model"], found["dimension"]) if found else None

    def claim_embedding_space(self, space: EmbeddingSpace) -> EmbeddingSpace:
        claimed = {"_id": self._formation_id, "model": space.model, "dimension": space.dimension}
        with translated(), suppress(DuplicateKeyError):
            self._formations.insert_one(claimed)
        return self.embedding_space() or space

    def change_embedding_space(self, space: EmbeddingSpace) -> None:
        made = {"model": space.model, "dimension": space.dimension}
        with translated():
            self._formations.update_one({"_id": self._formation_id}, {"$set": made}, upsert=True)

    def holds(self, ids: Sequence[MemoryId]) -> set[MemoryId]:
        """Which of these memories are here, whoever's they are."""
        with translated():
            found = self._memories.find({**self._all(), "_id": {"$in": list(ids)}}, {"_id": 1})
            return {MemoryId(one["_id"]) for one in found}

    def count(self, user_id: UserId) -> int:
        """How many memories a canonical user has here."""
        with translated():
            return self._memories.count_documents(self.reached(self._users(user_id)))

    def find(self, user_id: UserId | None, memory_id: MemoryId) -> Document | None:
        """A user's memory; another user's id is as unknown as none."""
        where = {**self.reached(self._users(user_id)), "_id": memory_id}
        with translated():
            return self._memories.find_one(where, _AS_LISTED)

    def reached(self, users: Sequence[UserId | None]) -> Document:
        """What counts of these users' memories, as a condition."""
        counts: Mapping[UserId | None, Counts] = self._owners.counts(users)
        each = [{"user_id": owner, "born": {"$lte": one.memory}} for owner, one in counts.items()]
        # Of nobody there is nothing: an empty list of conditions would be an error.
        return {**self._all(), "$or": each or [{"user_id": ""}]}

    def forget_windows_with(self, memory: Document) -> None:
        """Of the two memories after one in its session: their windows hold its text. Its owner is held."""
        if not memory["session_id"]:
            return
        here = {**self._own(memory["user_id"]), "session_id": memory["session_id"]}
        after = [{"seq": {"$gt": memory["seq"]}}, {"seq": memory["seq"], "_id": {"$gt": memory["_id"]}}]
        found = self._memories.find({**here, "$or": after}, {"_id": 1}).sort([("seq", 1), ("_id", 1)])
        ids = [one["_id"] for one in found.limit(WINDOW_SIZE - 1)]
        wait = {"$set": {"waits": WINDOW}, "$unset": {"window": ""}}
        self._memories.update_many({"_id": {"$in": ids}, "waits": {"$ne": VECTOR}}, wait)

    def _users(self, user_id: UserId | None) -> Sequence[UserId | None]:
        return [None] if user_id is None else list(self._members(user_id))

    def _all(self) -> Document:
        return {"formation_id": self._formation_id}

    def _own(self, owner: UserId | None) -> Document:
        return {"formation_id": self._formation_id, "user_id": owner}

    def _of_request(self, owner: UserId | None, request_key: str) -> list[Memory]:
        where = {**self.reached(self._users(owner)), "request_key": request_key}
        with translated():
            found = self._memories.find(where, _AS_LISTED)
            return sorted((read_memory(one) for one in found), key=lambda memory: memory.seq)

    def _read(self, stored: Document) -> Memory:
        memory = read_memory(stored)
        if self._model is None or stored.get("embedding_model") in (None, self._model):
            return memory
        return replace(memory, vector=None, window=None)

    def _waiting(
        self, what: str, fields: Mapping[str, Any], limit: int, also: Document | None = None
    ) -> list[Document]:
        found = self._memories.find({**self._all(), "waits": what, **(also or {})}, fields).sort("_id", 1)
        return list(found.limit(limit))

    def _unplaced(self, stored: Document) -> Unplaced:
        memory = _unembedded(stored)
        return Unplaced(memory.id, memory.user_id, memory.text, moment(stored["said_at"]), self._before(stored))

    def _before(self, stored: Document) -> tuple[str, ...]:
        """The texts of those just before a memory in its session."""
        if not stored["session_id"]:
            return ()
        here = {**self._own(stored["user_id"]), "session_id": stored["session_id"]}
        place = [{"seq": {"$lt": stored["seq"]}}, {"seq": stored["seq"], "_id": {"$lt": stored["_id"]}}]
        found = self._memories.find({**here, "$or": place}, {"text": 1}).sort([("seq", -1), ("_id", -1)])
        return tuple(one["text"] for one in found.limit(WINDOW_SIZE - 1))[::-1]

    def _in_place(self, of: Sequence[Unplaced]) -> set[MemoryId]:
        """Which of one owner's memories are what they were when they were read, with those before them. It is held."""
        waiting = {"_id": {"$in": [memory.id for memory in of]}, "waits": WINDOW}
        where = {**self._own(of[0].user_id), **waiting, **self._of_model}
        with translated():
            now = {one["_id"]: one for one in self._memories.find(where, _TO_PLACE)}
            return {memory.id for memory in of if memory.id in now and self._unplaced(now[memory.id]) == memory}


def _unembedded(stored: Document) -> Unembedded:
    return Unembedded(MemoryId(stored["_id"]), stored["user_id"], stored["text"])
