"""How often callers may ask: counted by key, by user and by formation, in windows that begin with the first request.

`limits` counts where several processes share a store. In one process this module does: the memory store of that library
starts a thread every ten milliseconds to look at all its counters, which cost 15 us a request of wall time with 20,000
users, and more where others wait for the interpreter's lock.
"""

from __future__ import annotations

import math
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from itertools import islice
from typing import Protocol

import structlog

from muxi.core.threads import in_thread
from muxi.server.refusals import RateLimitedError
from muxi.settings import LimitSettings

_SECONDS = {"second": 1, "minute": 60, "hour": 3600, "day": 86_400}
_RATE = re.compile(r"(\d+)/(?:(\d+) )?([a-z]+?)s?")
#: Windows that one process remembers at most; the oldest go first.
MOST_WINDOWS = 100_000

log = structlog.get_logger("muxi.server")


@dataclass(frozen=True, slots=True)
class Limit:
    """So many requests in so many seconds, of what."""

    of: str
    most: int
    seconds: int

    @property
    def policy(self) -> str:
        """As an item of ``RateLimit-Policy`` (draft-ietf-httpapi-ratelimit-headers-10)."""
        return f'"{self.of}";q={self.most};w={self.seconds}'


class Counters(Protocol):
    """Counts in windows of time."""

    def count(self, place: str, seconds: int) -> tuple[int, float]:
        """One more. How many there are in the window, and in how many seconds it ends."""


class OwnCounters:
    """Counts in this process. Called from the event loop only."""

    def __init__(self, most: int = MOST_WINDOWS) -> None:
        self._most = most
        self._windows: dict[str, tuple[int, float]] = {}

    def count(self, place: str, seconds: int) -> tuple[int, float]:
        now = time.monotonic()
        times, ends = self._windows.get(place, (0, 0.0))
        if ends <= now:
            times, ends = 0, now + seconds
            self._make_room(now)
        self._windows[place] = (times + 1, ends)
        return times + 1, ends - now

    def _make_room(self, now: float) -> None:
        if len(self._windows) < self._most:
            return
        ended = [place for place, (_, ends) in self._windows.items() if ends <= now]
        for place in ended or list(islice(self._windows, max(1, self._most // 16))):
            del self._windows[place]


class SharedCounters:
    """Counts in Redis or Valkey, together with other processes.

    Args:
        address: ``redis://...`` or ``valkey://...``; with an s, ``rediss://...``, by TLS.
    """

    def __init__(self, address: str) -> None:
        # Loaded here only: it takes a third of a second.
        storage = import_module("limits.storage")
        # Both speak the same protocol, so one driver is enough.
        self._store = storage.storage_from_string(re.sub("^valkey", "redis", address), wrap_exceptions=True)
        self.failures: type[Exception] = import_module("limits.errors").StorageError

    def count(self, place: str, seconds: int) -> tuple[int, float]:
        times = int(self._store.incr(place, seconds))
        return times, max(0.0, float(self._store.get_expiry(place)) - time.time())


class Rates:
    """The limits of one formation.

    Args:
        settings: which.
        formation_id: of what.
    """

    def __init__(self, settings: LimitSettings, formation_id: str) -> None:
        named = {"key": settings.per_key, "user": settings.per_user, "formation": settings.per_formation}
        self._limits = {of: _limit(of, rate) for of, rate in named.items() if rate is not None}
        self._formation_id = formation_id
        self._own = OwnCounters()
        self._shared = SharedCounters(settings.store.get_secret_value()) if settings.store and self._limits else None
        self._policy = ", ".join(one.policy for one in self._limits.values())

    def __bool__(self) -> bool:
        return bool(self._limits)

    @property
    def of_users(self) -> bool:
        """Whether it matters for whom somebody calls."""
        return "user" in self._limits

    async def count(self, caller: str, user: str | None) -> tuple[Mapping[str, str], RateLimitedError | None]:
        """Counts a request: headers that tell what is left, and the error if it is one too many.

        Args:
            caller: by whom: one key, or one user's tokens.
            user: for whom, if that is known.
        """
        subjects = {"key": caller, "user": user, "formation": ""}
        places = [
            (limit, f"muxi:{self._formation_id}:{of}:{subjects[of]}")
            for of, limit in self._limits.items()
            if subjects[of] is not None
        ]
        if self._shared is None:
            counted = [self._own.count(place, limit.seconds) for limit, place in places]
        else:
            counted = await in_thread(self._together, self._shared, places)
        return self._told([limit for limit, _ in places], counted)

    def _together(self, shared: SharedCounters, places: list[tuple[Limit, str]]) -> list[tuple[int, float]]:
        try:
            return [shared.count(place, limit.seconds) for limit, place in places]
        except shared.failures as error:
            # A store that is away must not take the server along.
            log.warning("the store of rate limits does not answer", cause=type(error).__name__)
            return [(0, 0.0)] * len(places)

    def _told(
        self, limits: list[Limit], counted: list[tuple[int, float]]
    ) -> tuple[Mapping[str, str], RateLimitedError | None]:
        left, over = [], None
        for limit, (times, ends) in zip(limits, counted, strict=True):
            seconds = math.ceil(ends)
            left.append(f'"{limit.of}";r={max(0, limit.most - times)};t={seconds}')
            if times > limit.most and (over is None or seconds > over[1]):
                over = (limit, seconds)
        headers = {"RateLimit-Policy": self._policy, "RateLimit": ", ".join(left)}
        return headers, None if over is None else _refusal(*over)


def _refusal(limit: Limit, seconds: int) -> RateLimitedError:
    wait = max(1, seconds)
    return RateLimitedError(
        f"More than {limit.most} requests of this {limit.of} in {limit.seconds} s. Try again in {wait} s.",
        limit=limit.of,
        retry_after=wait,
    )


def _limit(of: str, rate: str) -> Limit:
    found = _RATE.fullmatch(rate)
    if found is None:
        raise ValueError("a rate is checked where settings are read")
    most, many, unit = found.groups()
    return Limit(of, int(most), int(many or 1) * _SECONDS[unit])
