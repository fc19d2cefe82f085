"""New vectors beside the old ones, in SQL."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from muxi.core.memory.store import EmbeddingSpace, Unembedded
from muxi.ids import MemoryId
from muxi.storage import queries
from muxi.storage.databases.base import Database
from muxi.storage.memory import SqlMemoryStore
from muxi.storage.vectors import read_vector, write_vector


class SqlNewVectorStore:
    """`muxi.core.memory.new_vectors.NewVectorStore` on SQLite and Postgres."""

    def __init__(self, database: Database, formation_id: str) -> None:
        self._database = database
        self._formation_id = formation_id
        self._memories = SqlMemoryStore(database, formation_id)
        self._sql = queries.load(database, "new_embeddings")
        self._formations = queries.load(database, "formations")

    def missing(self, model: str, after: MemoryId, limit: int) -> list[Unembedded]:
        key = {"formation_id": self._formation_id, "model": model, "after": after}
        with self._database.connection() as conn:
            return [Unembedded(*row) for row in self._sql.memories_to_embed_anew(conn, **key, limit=limit)]

    def count(self, model: str) -> int:
        with self._database.connection() as conn:
            return int(self._sql.count_new_embeddings(conn, formation_id=self._formation_id, model=model))

    def keep(self, of: Sequence[Unembedded], vectors: NDArray[np.float32], model: str) -> None:
        with self._database.transaction() as conn:
            for memory, vector in zip(of, vectors, strict=True):
                self._sql.add_new_embedding(
                    conn,
                    formation_id=self._formation_id,
                    id=memory.id,
                    model=model,
                    text_hash=_hash(memory.text),
                    embedding=write_vector(vector),
                )

    def switch(self, space: EmbeddingSpace) -> None:
        with self._database.transaction() as conn:
            self._formations.change_embedding(
                conn, formation_id=self._formation_id, model=space.model, dimension=space.dimension
            )
        if self._database.dialect == "postgres":
            # Who looked just before may be writing still, and holds what this has to wait for. In a transaction of its
            # own it holds nothing else, so that nobody waits in a circle. SQLite has one writer at a time.
            with self._database.transaction() as conn:
                conn.unscoped("LOCK TABLE memories IN SHARE MODE")

    def put_in_place(self, model: str, after: MemoryId, limit: int) -> MemoryId | None:
        key = {"formation_id": self._formation_id, "model": model, "after": after}
        with self._database.connection() as conn:
            rows = list(self._sql.new_embeddings(conn, **key, limit=limit))
        if not rows:
            return None
        fitting = [(Unembedded(*row[:3]), read_vector(row[4])) for row in rows if _hash(row[2]) == row[3]]
        vectors = [vector for _, vector in fitting if vector is not None]
        if vectors:
            self._memories.set_vectors([memory for memory, _ in fitting], np.stack(vectors), model)
        return MemoryId(rows[-1][0])

    def clear(self, model: str) -> None:
        with self._database.transaction() as conn:
            self._sql.forget_new_embeddings(conn, formation_id=self._formation_id)
            self._sql.forget_segments_of_other_models(conn, formation_id=self._formation_id, model=model)


def _hash(text: str) -> str:
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
