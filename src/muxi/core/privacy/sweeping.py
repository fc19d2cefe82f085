"""Clearing away what has ended: memories that have expired, what is older than a formation keeps it, and visitors."""

from __future__ import annotations

import logging
import threading
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from muxi.core.clock import Clock
from muxi.core.privacy.retention_store import RetentionStore
from muxi.core.privacy.scrub import Scrub
from muxi.core.privacy.types import Swept
from muxi.errors import MuxiError

BATCH = 500
#: How long somebody who has stopped in the middle keeps the others from beginning.
LEASE = timedelta(minutes=2)
#: Between two batches, so that others come in between.
PAUSE_S = 0.005
_NEVER = datetime.min.replace(tzinfo=UTC)

_log = logging.getLogger("muxi.privacy")

Batch = Callable[[], Mapping[str, int]]


@dataclass(frozen=True, slots=True)
class Ages:
    """How long a formation keeps what is said and remembered; ``None``: for ever.

    Attributes:
        messages: the log of conversations, and with it the buffer.
        memories: what is remembered, since it was stored or last changed.
        facts: what the context rests on, since it was last said.
    """

    messages: timedelta | None = None
    memories: timedelta | None = None
    facts: timedelta | None = None


class Sweeper:
    """Removes what has ended, in one formation; one process of all at a time.

    Args:
        store: bound to the formation.
        ages: how long what is kept.
        expire_visitors: erases anonymous users whose token has ended, and returns how many.
        clock: the time, in UTC.
        scrub: takes what was removed out of the files.
        on_swept: told that memories are gone: the windows that held them have to be made anew.
        interval: from the end of a sweep to the next one.
    """

    def __init__(
        self,
        store: RetentionStore,
        ages: Ages,
        expire_visitors: Callable[[], int],
        clock: Clock,
        scrub: Scrub,
        on_swept: Callable[[], None],
        *,
        interval: timedelta,
    ) -> None:
        self._store = store
        self._ages = ages
        self._expire_visitors = expire_visitors
        self._clock = clock
        self._scrub = scrub
        self._on_swept = on_swept
        self._interval = interval
        self._holder = uuid.uuid4().hex
        self._closed = threading.Event()
        self._thread: threading.Thread | None = None

    def sweep(self, *, now_and_then: bool = False) -> Swept | None:
        """Removes everything that has ended by now, in batches.

        Args:
            now_and_then: only if the last sweep, by whichever process, is an interval ago.

        Returns:
            What was removed; ``None`` if another process is at it, or it is too early.

        Raises:
            StorageError: the database failed; what was removed until then stays removed.
        """
        now = self._clock()
        if not self._store.begin(self._holder, now, now + LEASE, now - self._interval if now_and_then else now):
            return None
        counts: Counter[str] = Counter()
        for batch in self._batches(now):
            counts.update(self._emptied(batch))
        if counts["memories"]:
            self._on_swept()
        visitors = self._expire_visitors()
        self._store.end(self._holder, self._clock(), +counts)
        # Asked for, it is done in any case; else not for nothing: a small file is written anew by it.
        idle = now_and_then and not counts and not visitors and not self._scrub.due
        return Swept(+counts, visitors, idle or self._scrub())

    def start(self) -> None:
        """Sweeps now and then, in a thread, until `close`."""
        self._thread = threading.Thread(target=self._run, name="muxi-sweeper", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Ends the thread after the batch under way."""
        self._closed.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        while not self._closed.is_set():
            try:
                self.sweep(now_and_then=True)
            except MuxiError as error:
                _log.warning("a sweep failed (%s); the next one tries again", error.code)
            self._closed.wait(self._interval.total_seconds())

    def _batches(self, now: datetime) -> Iterator[Batch]:
        store, ages = self._store, self._ages
        oldest = now - ages.memories if ages.memories else _NEVER
        yield lambda: store.sweep_memories(now, oldest, BATCH)
        if ages.facts:
            of_facts = now - ages.facts
            yield lambda: store.sweep_facts(of_facts, BATCH)
        if ages.messages:
            of_messages = now - ages.messages
            yield lambda: store.sweep_messages(of_messages, BATCH)

    def _emptied(self, batch: Batch) -> Counter[str]:
        """Repeats a batch until nothing is left of it."""
        counts: Counter[str] = Counter()
        while not self._closed.is_set():
            removed = batch()
            if not any(removed.values()):
                break
            counts.update(removed)
            self._store.hold(self._holder, self._clock() + LEASE)
            self._closed.wait(PAUSE_S)
        return counts
