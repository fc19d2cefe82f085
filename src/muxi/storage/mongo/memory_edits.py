"""Changed memories in MongoDB: what one said before is in its own document, so that a change is one write."""

from __future__ import annotations

from datetime import datetime

from muxi.core.memory.edit_store import Edit, Revision
from muxi.core.memory.same_text import text_key
from muxi.core.memory.types import Memory
from muxi.ids import MemoryId, UserId
from muxi.storage.mongo.connection import Document, MongoDatabase
from muxi.storage.mongo.documents import VECTOR, json_text, micros, read_memory, read_revision, revision_document
from muxi.storage.mongo.errors import translated
from muxi.storage.mongo.memory import MongoMemoryStore
from muxi.storage.mongo.owners import Owners


class MongoEditStore:
    """`muxi.core.memory.edit_store.EditStore` on MongoDB.

    Args:
        database: where.
        formation_id: whose.
        owners: of the same formation.
        memories: of the same formation.
    """

    def __init__(self, database: MongoDatabase, formation_id: str, owners: Owners, memories: MongoMemoryStore) -> None:
        self._stored = database.memories
        self._formation_id = formation_id
        self._owners = owners
        self._memories = memories

    def get(self, user_id: UserId, memory_id: MemoryId) -> Memory | None:
        found = self._memories.find(user_id, memory_id)
        return read_memory(found) if found else None

    def edit(self, user_id: UserId, memory_id: MemoryId, edit: Edit, now: datetime) -> Memory | None:
        found = self._memories.find(user_id, memory_id)
        if found is None:
            return None
        with self._owners.holding(found["user_id"]) as held:
            # As it is now that nobody else changes it.
            memory = self._memories.find(user_id, memory_id)
            if memory is None:
                return None
            moved = edit.text is not None and edit.text != memory["text"]
            whose = {"formation_id": self._formation_id, "user_id": held.user_id, "_id": memory_id}
            with translated():
                if moved:
                    self._memories.forget_windows_with(memory)
                self._stored.update_one(whose, _change(memory, edit, moved, held.memory + 1, now))
            self._owners.commit_memories(held, 1)
        return self.get(user_id, memory_id)

    def revisions(self, user_id: UserId, memory_id: MemoryId) -> list[Revision]:
        if self._memories.find(user_id, memory_id) is None:
            return []
        whose = {"formation_id": self._formation_id, "_id": memory_id}
        with translated():
            found = self._stored.find_one(whose, {"revisions": 1}) or {}
        return [read_revision(one) for one in reversed(found.get("revisions", []))]


def _change(memory: Document, edit: Edit, moved: bool, version: int, now: datetime) -> Document:
    made: Document = {"version": version, "changed_at": micros(now)}
    if edit.importance is not None:
        made["importance"] = edit.importance
    if edit.metadata is not None:
        made["metadata"] = json_text(edit.metadata)
    change: Document = {"$push": {"revisions": revision_document(memory, now)}, "$inc": {"edits": 1}}
    if edit.text is not None and moved:
        made |= {"text": edit.text, "text_key": text_key(edit.text), "waits": VECTOR}
        # The vectors are of the old words.
        change["$unset"] = {"embedding": "", "embedding_model": "", "window": "", "traits": ""}
    return {**change, "$set": made}
