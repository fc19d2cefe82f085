"""What is remembered of keys, roles and tokens, never longer than it is right."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable
from typing import Any

from muxi.core.generations import Generations

#: Given what makes entries doubtful and what forgets them, returns what says until when they may be believed.
Watching = Callable[[Callable[[], None], Callable[[], None]], Callable[[], float]]


class Remembered(Generations[Any]):
    """A bounded map whose entries are believed until somebody says that something has changed.

    Keys, roles and tokens share one, since what a key may do is read from roles: they are forgotten together.

    Args:
        watch: as `Watching`.
        entries: how many are kept; the oldest go first.
    """

    def __init__(self, watch: Watching, *, entries: int = 10_000) -> None:
        super().__init__(entries)
        self._doubts = 0
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
        self._keep(key, value, generation)

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
