"""Which of an index's memories expire, and when."""

from __future__ import annotations

import heapq
from collections.abc import Iterable
from datetime import datetime

from muxi.core.memory.types import Memory
from muxi.ids import MemoryId


class Endings:
    """The memories of one index that expire, the next one first. It costs nothing for those that stay."""

    def __init__(self) -> None:
        self._next: list[tuple[datetime, MemoryId]] = []
        self._ends: dict[MemoryId, datetime] = {}

    def put(self, memories: Iterable[Memory]) -> None:
        """Notes when memories expire; what was noted of the same ids before no longer holds."""
        for memory in memories:
            if memory.expires_at is not None:
                self.note(memory.id, memory.expires_at)
            elif self._ends:
                self._ends.pop(memory.id, None)

    def note(self, memory_id: MemoryId, at: datetime) -> None:
        """Notes when one expires."""
        self._ends[memory_id] = at
        heapq.heappush(self._next, (at, memory_id))

    def take(self, now: datetime) -> list[MemoryId]:
        """Those that have expired by now, once."""
        taken = []
        while self._next and self._next[0][0] <= now:
            at, memory_id = heapq.heappop(self._next)
            if self._ends.get(memory_id) == at:
                del self._ends[memory_id]
                taken.append(memory_id)
        return taken
