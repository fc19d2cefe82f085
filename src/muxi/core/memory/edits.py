"""Changing what is remembered: a memory keeps its id, and what it said before is kept beside it."""

from __future__ import annotations

from muxi.core.clock import Clock
from muxi.core.memory.edit_store import Edit, EditStore, Revision
from muxi.core.memory.embedder import Embedder
from muxi.core.memory.keeping import Keep, without_private_values
from muxi.core.memory.types import Memory
from muxi.core.text import checked_metadata, checked_text
from muxi.errors import InvalidMemoryError, MemoryNotFoundError
from muxi.ids import MemoryId, UserId, is_id


class Edits:
    """Single memories of one formation's users: read, changed, and how they came to be.

    Args:
        store: bound to the formation.
        embedder: gives a changed text its vector.
        clock: the time, in UTC.
        keep: what may be kept of a text.
    """

    def __init__(self, store: EditStore, embedder: Embedder, clock: Clock, keep: Keep = without_private_values) -> None:
        self._keep = keep
        self._store = store
        self._embedder = embedder
        self._clock = clock

    def get(self, user_id: UserId, memory_id: str) -> Memory:
        """One of a user's memories.

        Raises:
            MemoryNotFoundError: there is none of this id, or it is somebody else's: the same answer.
        """
        found = self._store.get(user_id, MemoryId(memory_id)) if is_id(memory_id, "mem") else None
        return _found(None if found and found.has_expired(self._clock()) else found, memory_id)

    def edit(self, user_id: UserId, memory_id: str, edit: Edit) -> Memory:
        """Changes a memory. By its new words it is found at once, by their vector soon after.

        Raises:
            MemoryNotFoundError: as `get`.
            InvalidMemoryError: nothing is to be changed, an empty text, an importance out of range, metadata that is
                not JSON.
            MessageTooLargeError: a text over the limit.
        """
        checked = _checked(edit, self._keep)
        found = self.get(user_id, memory_id)
        changed = self._store.edit(user_id, found.id, checked, self._clock())
        self._embedder.wake()
        return _found(changed, memory_id)

    def revisions(self, user_id: UserId, memory_id: str) -> list[Revision]:
        """What a memory said before it was changed, newest first; empty if it never was.

        Raises:
            MemoryNotFoundError: as `get`.
        """
        memory = self.get(user_id, memory_id)
        return self._store.revisions(user_id, memory.id)


def _checked(edit: Edit, keep: Keep) -> Edit:
    if edit.text is None and edit.importance is None and edit.metadata is None:
        raise InvalidMemoryError("Nothing is to be changed: give a text, an importance or metadata.")
    if edit.importance is not None and not 0.0 <= edit.importance <= 1.0:  # also refuses NaN
        raise InvalidMemoryError(f"importance is {edit.importance}; it must be 0 to 1.")
    return Edit(
        None if edit.text is None else keep(checked_text(edit.text, InvalidMemoryError)),
        None if edit.importance is None else float(edit.importance),
        None if edit.metadata is None else checked_metadata(edit.metadata, InvalidMemoryError),
    )


def _found(memory: Memory | None, memory_id: str) -> Memory:
    if memory is None:
        raise MemoryNotFoundError(f"There is no memory {memory_id[:64]!r}.")
    return memory
