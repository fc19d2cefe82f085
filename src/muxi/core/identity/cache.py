"""Who an identifier means, remembered for a while (rule 10).

Own code rather than `cachetools`: a hit has to cost less than a microsecond, and what is remembered
must never outlive an unlink, here or in another process.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable
from itertools import islice

from muxi.core.identity.types import User

DEFAULT_TTL_S = 3600.0
#: An entry is at most a few hundred bytes (an identifier has at most 255 characters): some 30 MB when full.
DEFAULT_ENTRIES = 100_000


class UserCache:
    """A bounded map from an identifier, as it was passed in, to its user.

    Args:
        watch: given what forgets everything, returns what says until when (`time.monotonic`) the entries may be
            believed; it is asked again after that.
        ttl_s: how long an entry lives, in seconds.
        entries: how many are kept; the oldest go first.
        monotonic: a clock in seconds that never goes back.
    """

    def __init__(
        self,
        watch: Callable[[Callable[[], None]], Callable[[], float]],
        *,
        ttl_s: float = DEFAULT_TTL_S,
        entries: int = DEFAULT_ENTRIES,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._ttl_s = ttl_s
        self._bound = entries
        self._monotonic = monotonic
        self._entries: dict[Hashable, tuple[User, float]] = {}
        self._lock = threading.Lock()
        self._trusted_until = 0.0
        #: Moves at every clearing; what was read before one is not put in after it.
        self.generation = 0
        self._ask = watch(self.clear)

    def get(self, key: Hashable) -> User | None:
        """The user, or ``None`` if it has to be looked up."""
        now = self._monotonic()
        if now >= self._trusted_until:
            self._trusted_until = self._ask()
        entry = self._entries.get(key)
        if entry is None or now >= entry[1]:
            return None
        return entry[0]

    def put(self, key: Hashable, user: User, generation: int) -> None:
        """Remembers what was read while ``generation`` was the current one."""
        with self._lock:
            if generation != self.generation:
                return
            self._entries[key] = (user, self._monotonic() + self._ttl_s)
            if len(self._entries) > self._bound:
                # A sixteenth at once: finding the oldest one by one would cost a scan each.
                for old in list(islice(self._entries, max(1, self._bound // 16))):
                    del self._entries[old]

    def clear(self) -> None:
        """Forgets everything: a link has changed."""
        with self._lock:
            self.generation += 1
            self._entries.clear()

    def __len__(self) -> int:
        return len(self._entries)
