"""Who an identifier means, remembered for a while (rule 10)."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable

from muxi.core.generations import Generations
from muxi.core.identity.types import User

DEFAULT_TTL_S = 3600.0
#: An entry is at most a few hundred bytes (an identifier has at most 255 characters): some 30 MB when full.
DEFAULT_ENTRIES = 100_000


class UserCache(Generations[tuple[User, float]]):
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
        super().__init__(entries)
        self._ttl_s = ttl_s
        self._monotonic = monotonic
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
        self._keep(key, (user, self._monotonic() + self._ttl_s), generation)
