"""When keys were last used: noted behind the requests, once a minute and key."""

from __future__ import annotations

import logging
import threading
import time
from datetime import datetime

from muxi.core.access.key_store import KeyStore
from muxi.core.clock import Clock
from muxi.errors import MuxiError
from muxi.ids import KeyId

EVERY_S = 60.0

_log = logging.getLogger("muxi.access")


class KeyUses:
    """Writes uses down in a thread of its own, so that no request waits for it.

    Args:
        store: bound to the formation.
        clock: the time, in UTC.
    """

    def __init__(self, store: KeyStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._next: dict[KeyId, float] = {}
        self._waiting: dict[KeyId, datetime] = {}
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._closed = False
        self._thread: threading.Thread | None = None

    def used(self, key_id: KeyId) -> None:
        """A key was used now."""
        if time.monotonic() >= self._next.get(key_id, 0.0):
            self._note(key_id)

    def close(self) -> None:
        """Writes what waits, and ends the thread."""
        self._closed = True
        self._wake.set()
        if self._thread is not None:
            self._thread.join()

    def _note(self, key_id: KeyId) -> None:
        with self._lock:
            self._next[key_id] = time.monotonic() + EVERY_S
            self._waiting[key_id] = self._clock()
            if self._thread is None and not self._closed:
                self._thread = threading.Thread(target=self._run, name="muxi-key-uses", daemon=True)
                self._thread.start()
        self._wake.set()

    def _run(self) -> None:
        while not self._closed:
            self._wake.wait()
            self._wake.clear()
            self._write()

    def _write(self) -> None:
        with self._lock:
            waiting, self._waiting = self._waiting, {}
        if waiting:
            try:
                self._store.used(waiting)
            except MuxiError as error:
                # The next use is noted again a minute later: nothing depends on it.
                _log.warning("when keys were last used could not be written: %s", error.code)
