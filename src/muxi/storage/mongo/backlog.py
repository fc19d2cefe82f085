"""What waits for vectors in MongoDB: a part of its memory store."""

from __future__ import annotations

from muxi.core.memory.store import ToEmbed
from muxi.storage.mongo.connection import MongoDatabase
from muxi.storage.mongo.documents import VECTOR, moment
from muxi.storage.mongo.errors import translated


class Backlog:
    """Reads what waits.

    Args:
        database: which.
        formation_id: of whose.
    """

    def __init__(self, database: MongoDatabase, formation_id: str) -> None:
        self._memories = database.memories
        self._formation_id = formation_id

    def waiting(self) -> ToEmbed:
        """As `muxi.core.memory.store.MemoryStore`."""
        where = {"formation_id": self._formation_id, "waits": VECTOR}
        with translated():
            first = self._memories.find_one(where, {"created_at": 1}, sort=[("created_at", 1)])
            return ToEmbed(self._memories.count_documents(where), moment(first["created_at"]) if first else None)
