"""Extraction as a service: the thread that reads behind the answers, opting out, and what could not be read."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

from muxi.core.clock import Clock
from muxi.core.memory.context import Context
from muxi.core.memory.extraction.queue_store import ExtractionStore
from muxi.core.memory.extraction.work import Extractor, Failure, Status, Written
from muxi.core.memory.extraction.worker import Pace, Worker, waiting_tokens
from muxi.core.paging import Page, checked_limit, page, read_cursor
from muxi.errors import InvalidCursorError, ModelError, StorageError
from muxi.ids import ExtractionFailureId, UserId

FIRST_RETRY_S = 1.0
LAST_RETRY_S = 60.0
#: Model calls under way at once.
PARALLEL_CALLS = 4
#: How often it is looked whether somebody is due, at most and at least, while somebody waits.
LONGEST_TICK_S = 2.0
SHORTEST_TICK_S = 0.05
#: How often it is looked whether another process has left something, while nobody waits.
IDLE_S = 60.0
#: After each batch of a rule-based extractor it rests so many times as long as it worked: answers go first. It rests
#: less the longer what it reads has waited, and not at all after so many seconds: what waits must not only grow.
REST = 4.0
RESTLESS_S = 60.0
#: How long closing may read what waits, where that costs no model call.
LAST_WORDS_S = 2.0

_log = logging.getLogger("muxi.memory")


class Extraction:
    """Finds what users say about themselves, behind the answers.

    Args:
        store: bound to the formation.
        context: of the formation.
        extractor: finds what there is.
        clock: the time, in UTC.
        pace: how much at once, and how often.
        embedding_model: the name of what makes the vectors of new memories.
        on_written: told of each user of whom something was written.
        afterwards: what else is done behind the answers when nobody is left to be read; true: there is more.
        enabled: whether what is said is read at all.
    """

    def __init__(
        self,
        store: ExtractionStore,
        context: Context,
        extractor: Extractor,
        clock: Clock,
        pace: Pace,
        embedding_model: str,
        on_written: Callable[[UserId, Written], None],
        afterwards: Callable[[], Awaitable[bool]],
        *,
        enabled: bool = True,
    ) -> None:
        self._store = store
        self._afterwards = afterwards
        self._clock = clock
        self._pace = pace
        self.extractor = extractor
        self.enabled = enabled
        self.worker = Worker(store, context, extractor, clock, pace, embedding_model, on_written)
        self._woken = threading.Event()
        self._closed = threading.Event()
        self._hurried = threading.Event()
        self._idle = threading.Event()
        self._idle.set()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def waiting_tokens(self, user_id: UserId | None, text: str) -> int:
        """About how long a message of a user is that is to be read; 0: it is not."""
        return waiting_tokens(text) if self.enabled and user_id is not None else 0

    def wake(self) -> None:
        """There is something to read."""
        if not self.enabled or self._woken.is_set():
            return
        self._idle.clear()
        self._woken.set()
        with self._lock:
            if self._thread is None and not self._closed.is_set():
                self._thread = threading.Thread(target=self._run, name="muxi-extraction", daemon=True)
                self._thread.start()

    def start(self) -> None:
        """Goes on with what another run has left."""
        if self.enabled and self._store.waiting():
            self.wake()

    def settled(self, timeout_s: float = 60.0) -> bool:
        """Has everything read that waits, at once, and waits for it; False after the time-out (seconds).

        Users whose messages failed a moment ago are tried when it is their time, and not waited for.
        """
        if not self.enabled:
            return True
        self._hurried.set()
        self.wake()
        return self._idle.wait(timeout_s)

    def close(self) -> None:
        """Stops after the batch under way; what is left waits in the store.

        Where reading costs nothing but a moment, what waits is read first.
        """
        if self._thread is not None and not self.extractor.calls and not self._closed.is_set():
            self.settled(LAST_WORDS_S)
        self._closed.set()
        self._woken.set()
        self._hurried.set()
        with self._lock:
            if self._thread is not None:
                self._thread.join()

    def status(self) -> Status:
        """How the work stands."""
        return self._store.status()

    def failures(self, user_id: UserId | None = None, *, cursor: str | None = None, limit: int = 50) -> Page[Failure]:
        """Dead letters: messages that could not be read, newest first; of one canonical user if told.

        Raises:
            InvalidCursorError: not a cursor of this list, or a limit out of range.
        """
        before = _place(cursor) if cursor else None
        rows = self._store.failures(user_id, before, checked_limit(limit) + 1)
        return page(rows, limit, lambda last: [last.failed_at.isoformat(), last.id])

    async def replay(self, failure_id: str) -> Written:
        """Reads a dead letter again. As `muxi.core.memory.extraction.worker.Worker.replay`."""
        return await self.worker.replay(failure_id)

    def opted_out(self, user_id: UserId) -> datetime | None:
        """Since when nothing is looked for in what a user says; ``None``: it is."""
        return self._store.opted_out(user_id)

    def opt_out(self, user_id: UserId) -> None:
        """Nothing that a user says is read any more, nor what waits; facts that are there stay.

        Raises:
            UserNotFoundError: the user was merged or erased at this moment.
        """
        self._store.opt_out(user_id, self._clock())

    def opt_in(self, user_id: UserId) -> None:
        """What a user says from now on is read again."""
        self._store.opt_in(user_id)

    def _run(self) -> None:
        retry_s = FIRST_RETRY_S
        with asyncio.Runner() as runner:
            while not self._closed.is_set():
                self._woken.clear()
                self._pause(self._tick_s())
                hurried = self._hurried.is_set()
                try:
                    self._drain(runner, hurried)
                    while runner.run(self._finish_up()) and not self._closed.is_set():
                        self._drain(runner, hurried)
                    waiting = self._store.waiting()
                except (ModelError, StorageError) as error:
                    _log.warning("extraction failed (%s), next try in %g s", error.code, retry_s)
                    self._closed.wait(retry_s)
                    retry_s = min(2 * retry_s, LAST_RETRY_S)
                    self._woken.set()
                    continue
                retry_s = FIRST_RETRY_S
                self._settle(hurried)
                if not waiting:
                    self._woken.wait(IDLE_S)

    def _drain(self, runner: asyncio.Runner, hurried: bool) -> None:
        while not self._closed.is_set():
            began = time.monotonic()
            if not runner.run(self._steps(hurried)):
                return
            if not self.extractor.calls and not (hurried or self._hurried.is_set()):
                self._pause(self._rest() * (time.monotonic() - began))

    async def _steps(self, hurried: bool) -> bool:
        """One batch, or, while models are waited for, several of different users."""
        count = PARALLEL_CALLS if self.extractor.calls else 1
        ends = await asyncio.gather(*(self.worker.step(hurried=hurried) for _ in range(count)), return_exceptions=True)
        for end in ends:
            if isinstance(end, BaseException):
                raise end
        return any(ends)

    async def _finish_up(self) -> bool:
        return await self._afterwards()

    def _settle(self, hurried: bool) -> None:
        # Woken meanwhile: then there is more, and nobody may think that it is done.
        if hurried and not self._woken.is_set():
            self._hurried.clear()
            self._idle.set()

    def _pause(self, seconds: float) -> None:
        """Waits, but not while somebody waits for the work."""
        self._hurried.wait(seconds)

    def _rest(self) -> float:
        behind = max(0.0, self.worker.behind.total_seconds())
        return REST * max(0.0, 1 - behind / RESTLESS_S)

    def _tick_s(self) -> float:
        return min(max(self._pace.wait.total_seconds(), SHORTEST_TICK_S), LONGEST_TICK_S)


def _place(cursor: str) -> tuple[datetime, ExtractionFailureId]:
    at, failure_id = read_cursor(cursor, 2)
    try:
        return datetime.fromisoformat(str(at)).astimezone(UTC), ExtractionFailureId(str(failure_id))
    except (ValueError, OverflowError) as error:
        raise InvalidCursorError("The cursor is of another list. Pass next_cursor of the page before.") from error
