"""A lock that whoever waits longest gets next: a plain one goes to whoever asks again at once, time after time."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Turns:
    """Who holds the lock has to pass the gate to have it again, and behind the gate somebody is already waiting."""

    def __init__(self) -> None:
        self._gate = threading.Lock()
        self._held = threading.Lock()

    @contextmanager
    def taken(self, timeout_s: float) -> Iterator[bool]:
        """Holds the lock; False after the time-out (seconds): it is not held."""
        got = self._acquired(timeout_s)
        try:
            yield got
        finally:
            if got:
                self._held.release()

    def _acquired(self, timeout_s: float) -> bool:
        if not self._gate.acquire(timeout=timeout_s):
            return False
        try:
            return self._held.acquire(timeout=timeout_s)
        finally:
            self._gate.release()
