"""What changing memories needs of a store. A store is bound to one formation: nothing it returns is another's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from muxi.core.memory.types import Memory
from muxi.ids import MemoryId, UserId


@dataclass(frozen=True, slots=True)
class Edit:
    """What is to be different; ``None`` leaves a thing as it is."""

    text: str | None = None
    importance: float | None = None
    metadata: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Revision:
    """What a memory was, until it was changed.

    Attributes:
        text: what it said.
        importance: as it was.
        metadata: as it was.
        replaced_at: when it was changed, in UTC.
    """

    text: str
    importance: float
    metadata: Mapping[str, Any]
    replaced_at: datetime


class EditStore(Protocol):
    """Memories by id, and what they said before. ``user_id`` is a canonical user, and means those merged into it."""

    def get(self, user_id: UserId, memory_id: MemoryId) -> Memory | None:
        """A user's memory, vector included; ``None``: this user has none of that id."""

    def edit(self, user_id: UserId, memory_id: MemoryId, edit: Edit, now: datetime) -> Memory | None:
        """Changes a memory, keeps what it was, and returns it; ``None``: this user has none of that id.

        One whose text has changed waits for a new vector.
        """

    def revisions(self, user_id: UserId, memory_id: MemoryId) -> list[Revision]:
        """What a user's memory was before, newest first; also of one that is another's: none."""
