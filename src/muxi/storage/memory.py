"""Memories and their vectors in SQL."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from muxi.core.memory.same_text import text_key
from muxi.core.memory.store import SHARED, EmbeddingSpace, ToEmbed, Unembedded, Unplaced, Version
from muxi.core.memory.traits import Numbers
from muxi.core.memory.types import Memory
from muxi.errors import UserNotFoundError
from muxi.ids import MemoryId, UserId
from muxi.storage import queries
from muxi.storage.binary import read_binary
from muxi.storage.databases.base import Database
from muxi.storage.vectors import read_traits, read_vector, write_traits, write_vector


class SqlMemoryStore:
    """`muxi.core.memory.store.MemoryStore` on SQLite and Postgres; ``model`` as in `Storage.for_formation`."""

    def __init__(self, database: Database, formation_id: str, model: str | None = None) -> None:
        self._database = database
        self._formation_id = formation_id
        self._model = model
        self._sql = queries.load(database, "memory")
        self._formations = queries.load(database, "formations")

    def versions(self, user_id: UserId | None) -> dict[UserId | None, Version]:
        with self._database.connection() as conn:
            if user_id is None or user_id == SHARED:
                [row] = self._sql.memory_versions_without_user(conn, formation_id=self._formation_id)
                return {user_id: Version(row[1], row[2])}
            rows = self._sql.memory_versions(conn, formation_id=self._formation_id, user_id=user_id)
            return {owner: Version(version, floor) for owner, version, floor in rows}

    def since(self, owner: UserId | None, version: int) -> list[Memory]:
        key: dict[str, Any] = {"formation_id": self._formation_id, "version": version, "model": self._model}
        query = self._sql.memories_since_without_user if owner is None else self._sql.memories_since
        if owner == SHARED:
            query = self._sql.notes_since_without_user
        elif owner is not None:
            key["user_id"] = owner
        with self._database.connection() as conn:
            rows = read_binary(self._database, conn, query.sql, key)
            return [read_memory(row, read_vector(row[17]), read_traits(row[18])) for row in rows]

    def add(self, memories: Sequence[Memory], request_key: str | None, model: str) -> list[Memory]:
        owner = memories[0].user_id
        with self._database.transaction() as conn:
            last = move_version(self._sql, conn, self._formation_id, owner, len(memories))
            if request_key is not None and (stored := self._of_request(conn, owner, request_key)):
                return stored
            versions = range(last - len(memories) + 1, last + 1)
            added = [replace(m, seq=m.seq or version) for m, version in zip(memories, versions, strict=True)]
            for memory, version in zip(added, versions, strict=True):
                insert_memory(self._sql, conn, self._formation_id, memory, version, model, request_key)
        return added

    def newest(self, user_id: UserId | None, before: MemoryId, limit: int) -> list[Memory]:
        key = {"formation_id": self._formation_id, "before": before, "limit": limit}
        with self._database.connection() as conn:
            if user_id is None:
                rows = self._sql.memories_without_user(conn, **key)
            else:
                rows = self._sql.memories_of(conn, **key, user_id=user_id)
            return [read_memory(row) for row in rows]

    def delete(self, user_id: UserId | None, memory_id: MemoryId) -> bool:
        key = {"formation_id": self._formation_id, "id": memory_id}
        # The owner's row first, as every writer does: two of them cannot wait for each other.
        with self._database.transaction() as conn:
            if user_id is None:
                if self._sql.memory_without_user_exists(conn, **key) is None:
                    return False
                move_floor(self._sql, conn, self._formation_id, None)
                self._sql.forget_windows_with(conn, **key)
                return bool(self._sql.delete_memory_without_user(conn, **key))
            owner = self._sql.owner_of_memory(conn, **key, user_id=user_id)
            if owner is None:
                return False
            move_floor(self._sql, conn, self._formation_id, owner)
            self._sql.forget_windows_with(conn, **key, user_id=owner)
            return bool(self._sql.delete_memory(conn, **key, user_id=owner))

    def unembedded(self, limit: int) -> list[Unembedded]:
        with self._database.connection() as conn:
            rows = self._sql.memories_to_embed(conn, formation_id=self._formation_id, limit=limit)
            return [Unembedded(*row) for row in rows]

    def waiting(self) -> ToEmbed:
        with self._database.connection() as conn:
            row = self._sql.memories_waiting(conn, formation_id=self._formation_id)
        return ToEmbed(row[0], row[1])

    def of_other_models(self, model: str, after: MemoryId, limit: int) -> list[Unembedded]:
        with self._database.connection() as conn:
            rows = self._sql.memories_of_other_models(
                conn, formation_id=self._formation_id, model=model, after=after, limit=limit
            )
            return [Unembedded(*row) for row in rows]

    def count_of_other_models(self, model: str) -> int:
        with self._database.connection() as conn:
            return int(self._sql.count_other_embeddings(conn, formation_id=self._formation_id, model=model))

    def set_vectors(self, of: Sequence[Unembedded], vectors: NDArray[np.float32], model: str) -> None:
        def write(conn: Any, which: int) -> None:
            memory = of[which]
            version = move_version(self._sql, conn, self._formation_id, memory.user_id, 1)
            self._sql.set_embedding(
                conn,
                formation_id=self._formation_id,
                id=memory.id,
                user_id=memory.user_id,
                text=memory.text,
                embedding=write_vector(vectors[which]),
                model=model,
                version=version,
            )

        self._of_many_owners([memory.user_id for memory in of], write)

    def unplaced(self, limit: int) -> list[Unplaced]:
        with self._database.connection() as conn:
            rows = self._sql.memories_to_place(conn, formation_id=self._formation_id, limit=limit, model=self._model)
            return [_unplaced(row) for row in rows]

    def set_windows(self, of: Sequence[Unplaced], vectors: NDArray[np.float32], traits: Sequence[Numbers]) -> None:
        def write(conn: Any, which: int) -> None:
            memory, window, read = of[which], write_vector(vectors[which]), write_traits(traits[which])
            key = {"formation_id": self._formation_id, "id": memory.id, "user_id": memory.user_id}
            version = move_version(self._sql, conn, self._formation_id, memory.user_id, 1)
            # The owner's row is ours now: what was deleted or changed since it was read must not come back.
            now = self._sql.memory_in_place(conn, **key, model=self._model)
            if now is not None and _unplaced(now) == memory:
                self._sql.set_window(conn, **key, window=window, traits=read, version=version)

        self._of_many_owners([memory.user_id for memory in of], write)

    def _of_many_owners(self, owners: Sequence[UserId | None], write: Callable[[Any, int], None]) -> None:
        """Writes what is of several owners: together where nobody else holds them at this moment, else one by one.

        So it never waits for one owner with others in hand, for whom somebody may wait who has that one.
        """
        by_owner: dict[UserId | None, list[int]] = {}
        for which, owner in enumerate(owners):
            by_owner.setdefault(owner, []).append(which)
        ids = self._database.text_list(owner for owner in by_owner if owner is not None)
        with self._database.transaction() as conn:
            held = [row[0] for row in self._sql.hold_free_owners(conn, formation_id=self._formation_id, ids=ids)]
            for which in chain.from_iterable(by_owner.pop(owner) for owner in held):
                write(conn, which)
        for of_owner in by_owner.values():
            # Of who was erased meanwhile there is nothing left to write.
            with suppress(UserNotFoundError), self._database.transaction() as conn:
                for which in of_owner:
                    write(conn, which)

    def embedding_space(self) -> EmbeddingSpace | None:
        with self._database.connection() as conn:
            return _space(self._formations.formation(conn, formation_id=self._formation_id))

    def claim_embedding_space(self, space: EmbeddingSpace) -> EmbeddingSpace:
        key = {"formation_id": self._formation_id}
        with self._database.transaction() as conn:
            self._formations.claim_embedding(conn, **key, model=space.model, dimension=space.dimension)
            return _space(self._formations.formation(conn, **key)) or space

    def change_embedding_space(self, space: EmbeddingSpace) -> None:
        with self._database.transaction() as conn:
            self._sql.forget_all_segments(conn, formation_id=self._formation_id)
            self._formations.change_embedding(
                conn, formation_id=self._formation_id, model=space.model, dimension=space.dimension
            )

    def _of_request(self, conn: Any, owner: UserId | None, request_key: str) -> list[Memory]:
        key = {"formation_id": self._formation_id, "request_key": request_key}
        if owner is None:
            rows = self._sql.memories_by_request_without_user(conn, **key)
        else:
            rows = self._sql.memories_by_request(conn, **key, user_id=owner)
        return sorted((read_memory(row) for row in rows), key=lambda memory: memory.seq)


def move_version(sql: Any, conn: Any, formation_id: str, owner: UserId | None, count: int) -> int:
    """Counts writes to an owner's memories and returns the count; holds the owner's row until the transaction ends.

    Raises:
        UserNotFoundError: the owner was erased.
    """
    if owner is None:
        return int(sql.move_memory_version_without_user(conn, formation_id=formation_id, count=count))
    version: int | None = sql.move_memory_version(conn, formation_id=formation_id, user_id=owner, count=count)
    if version is None:
        raise UserNotFoundError("This user was erased at this moment. Nothing was stored.")
    return version


def move_floor(sql: Any, conn: Any, formation_id: str, owner: UserId | None) -> None:
    """Has everybody read an owner's memories anew: something is deleted, and with it all that was packed.

    Holds the owner's row as `move_version`.
    """
    if owner is None:
        sql.move_memory_floor_without_user(conn, formation_id=formation_id)
    else:
        sql.move_memory_floor(conn, formation_id=formation_id, user_id=owner)
        sql.forget_segments(conn, formation_id=formation_id, user_id=owner)


def insert_memory(
    sql: Any, conn: Any, formation_id: str, memory: Memory, version: int, model: str, request_key: str | None
) -> None:
    """Writes one memory's row."""
    row = memory_row(formation_id, memory, model)
    sql.add_memory(conn, **row, version=version, seq=memory.seq, request_key=request_key)


def memory_row(formation_id: str, memory: Memory, model: str) -> dict[str, Any]:
    """A memory as parameters of a query, but for what the store gives it: its version and its place."""
    return {
        "formation_id": formation_id,
        "id": memory.id,
        "user_id": memory.user_id,
        "kind": memory.kind,
        "text": memory.text,
        "importance": memory.importance,
        "channel": memory.channel,
        "agent_id": memory.agent_id,
        "session_id": memory.session_id,
        "said_at": memory.said_at,
        "created_at": memory.created_at,
        "metadata": dict(memory.metadata),
        "embedding": write_vector(memory.vector),
        "embedding_model": model if memory.vector is not None else None,
        "text_key": text_key(memory.text),
        "expires_at": memory.expires_at,
        "author_id": memory.author_id,
    }


def read_memory(
    row: tuple[Any, ...], window: NDArray[np.float32] | None = None, traits: Numbers | None = None
) -> Memory:
    """A memory of a row of the queries that read memories."""
    return Memory(*(*row[:12], read_vector(row[12]), row[13], row[14] is not None, row[15], window, traits, row[16]))


def _unplaced(row: tuple[Any, ...]) -> Unplaced:
    return Unplaced(*(*row[:4], tuple(text for text in row[4:6] if text is not None)))


def _space(row: tuple[Any, ...] | None) -> EmbeddingSpace | None:
    return EmbeddingSpace(row[1], row[2]) if row and row[1] is not None else None
