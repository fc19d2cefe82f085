"""What is remembered of a store, in a process: bounded, and all forgotten at once.

Own code rather than `cachetools`: a hit has to cost less than a microsecond, and what is remembered must never outlive
a change, here or in another process.
"""

from __future__ import annotations

import threading
from collections.abc import Hashable
from itertools import islice
from typing import Generic, TypeVar

Value = TypeVar("Value")


class Generations(Generic[Value]):
    """A bounded map that is cleared whole; what was read before a clearing is not put in after it.

    Args:
        entries: how many are kept; the oldest go first.
    """

    def __init__(self, entries: int) -> None:
        self._bound = entries
        self._entries: dict[Hashable, Value] = {}
        self._lock = threading.Lock()
        #: Up to when (`time.monotonic`) the entries may be believed without asking.
        self._trusted_until = 0.0
        #: Moves at every clearing.
        self.generation = 0

    def __len__(self) -> int:
        return len(self._entries)

    def clear(self) -> None:
        """Forgets everything."""
        with self._lock:
            self.generation += 1
            self._entries.clear()

    def _keep(self, key: Hashable, value: Value, generation: int) -> None:
        with self._lock:
            if generation != self.generation:
                return
            self._entries[key] = value
            if len(self._entries) > self._bound:
                # A sixteenth at once: finding the oldest one by one would cost a scan each.
                for old in list(islice(self._entries, max(1, self._bound // 16))):
                    del self._entries[old]
