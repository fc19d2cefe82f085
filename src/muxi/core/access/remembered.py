"""What is remembered of keys, roles and tokens, never longer than it is right.

Own code rather than `cachetools`: a hit has to cost less than a microsecond, and what is remembered must not outlive
a revocation, here or in another process.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable
from itertools import islice
from typing import Any

#: Given what makes entries doubtful and what forgets them, returns what says until when they may be believed.
Watching = Callable[[Callable[[], None], Callable[[], None]], Callable[[], float]]


class Remembered:
    """A bounded map whose entries are believed until somebody says that something has changed.

    Keys, roles and tokens share one, since what a key may do is read from roles: they are forgotten together.

    Args:
        watch: as `Watching`.
        entries: how many are kept; the oldest go first.
    """

    def __init__(self, watch: Watching, *, entries: int = 10_000) -> None:
        self._bound = entries
        self._entries: dict[Hashable, Any] = {}
        self._lock = threading.Lock()
        self._doubts = 0
        self._trusted_until = 0.0
        #: Moves at every clearing; what was read before one is not put in after it.
        self.generation = 0
        self._ask = watch(self._doubt, self.clear)

    def get(self, key: Hashable) -> Any:
        """The entry, or ``None`` if it has to be looked up.

        Raises:
            StorageError: whether it is still right cannot be found out.
        """
        if time.monotonic() >= self._trusted_until:
            self._make_sure()
        return self._entries.get(key)

    def at_hand(self, key: Hashable) -> Any:
        """As `get`, but asks nobody: ``None`` also if somebody would have to be asked."""
        return self._entries.get(key) if time.monotonic() < self._trusted_until else None

    def put(self, key: Hashable, value: Any, generation: int) -> None:
        """Remembers what was read while ``generation`` was the current one."""
        with self._lock:
            if generation != self.generation:
                return
            self._entries[key] = value
            if len(self._entries) > self._bound:
                for old in list(islice(self._entries, max(1, self._bound // 16))):
                    del self._entries[old]

    def clear(self) -> None:
        """Forgets everything."""
        with self._lock:
            self.generation += 1
            self._entries.clear()

    def _make_sure(self) -> None:
        doubts = self._doubts
        until = self._ask()
        with self._lock:
            # Who doubted meanwhile is to be heard at the next call.
            if doubts == self._doubts:
                self._trusted_until = until

    def _doubt(self) -> None:
        with self._lock:
            self._doubts += 1
            self._trusted_until = 0.0
