"""Reads what users say, behind the answers: one batch of one user at a time, each written whole or not at all."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from muxi.core.clock import Clock
from muxi.core.memory.context import Context
from muxi.core.memory.extraction.finishing import said_in_order, write
from muxi.core.memory.extraction.queue_store import Due, ExtractionStore, LeaseLostError
from muxi.core.memory.extraction.work import Batch, Claim, Extractor, Failure, Found, Heard, Written
from muxi.core.tokens import tokens
from muxi.errors import (
    ModelContextFullError,
    ModelError,
    ModelResponseError,
    ModelTimeoutError,
    MuxiError,
    NotFoundError,
    UserNotFoundError,
)
from muxi.ids import ExtractionFailureId, UserId, is_id, new_extraction_failure_id

#: After so many tries of the same messages they become a dead letter.
MOST_TRIES = 5
FIRST_RETRY = timedelta(seconds=2)
LAST_RETRY = timedelta(minutes=10)
#: How long a batch is its worker's own. Who works longer only works in vain.
LEASE = timedelta(seconds=10)
MODEL_LEASE = timedelta(minutes=3)
#: Of the statements that stand, so many are looked through for what new ones contradict.
MOST_STATEMENTS = 500
#: What a message costs beside its own tokens.
OVERHEAD = 20

#: What is wrong with the messages or with what the model makes of them, and not with the model's being there.
_OF_THE_BATCH = (ModelResponseError, ModelContextFullError, ModelTimeoutError)

_log = logging.getLogger("muxi.memory")


@dataclass(frozen=True, slots=True)
class Pace:
    """How much is read at once, and how often.

    Attributes:
        wait: how long messages wait for more of the same user.
        batch_tokens: so many waiting tokens are enough, and a batch has no more, but for its first message.
        batch_messages: a batch has at most so many messages.
        calls_per_day: model calls that a user may cost a day; what is over it waits for the next day.
    """

    wait: timedelta = timedelta(seconds=1)
    batch_tokens: int = 2000
    batch_messages: int = 32
    calls_per_day: int = 100


class Worker:
    """One reader of the log. Any number of them may work on one store.

    Args:
        store: bound to the formation.
        context: of the formation.
        extractor: finds what there is.
        clock: the time, in UTC.
        pace: how much at once.
        embedding_model: the name of what makes the vectors of new memories.
        on_written: told of each user of whom something was written.

    Attributes:
        behind: how long what was claimed last had waited.
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
    ) -> None:
        self._store = store
        self._context = context
        self._extractor = extractor
        self._clock = clock
        self._pace = pace
        self._embedding_model = embedding_model
        self._on_written = on_written
        self.behind = timedelta()

    async def step(self, *, hurried: bool = False) -> bool:
        """Reads one batch of who has waited longest; False if nobody is due.

        Args:
            hurried: whoever waits is due, however short.

        Raises:
            ModelError: the model is not there; the messages wait, and are tried again later.
            StorageError: the database failed; nothing was written.
        """
        claim = self._store.claim(self._due(hurried), secrets.token_hex(8))
        if claim is None:
            return False
        self.behind = self._clock() - claim.waiting_since
        try:
            await self._read(claim)
        except (LeaseLostError, UserNotFoundError):
            _log.info("%s was taken over, merged or erased while it was read", claim.user_id)
        return True

    async def replay(self, failure_id: str) -> Written:
        """Reads the messages of a dead letter again; the letter is gone if it works.

        Raises:
            NotFoundError: there is no such letter, or somebody else has replayed it.
            ModelError: it failed again.
        """
        known = is_id(failure_id, "exf")
        failure = self._store.failure(ExtractionFailureId(failure_id)) if known else None
        if failure is None:
            raise _no_failure(failure_id)
        batch = self._store.failed_batch(failure) or Batch(failure.user_id, ())
        try:
            found = await self._extract(batch)
        except ModelError as error:
            self._store.failed_again(failure, error.code, error.message, self._clock())
            raise
        try:
            with self._store.replaying(failure) as results:
                written = write(results, batch, found, self._context, self._clock(), self._embedding_model, late=True)
        except LeaseLostError as error:
            raise _no_failure(failure_id) from error
        self._on_written(batch.user_id, written)
        return written

    def _due(self, hurried: bool) -> Due:
        now, calls = self._clock(), self._extractor.calls
        return Due(
            now=now,
            before=now if hurried else now - self._pace.wait,
            enough=self._pace.batch_tokens,
            lease_until=now + (MODEL_LEASE if calls else LEASE),
            latest_try=now + LAST_RETRY,
            today=now.astimezone(UTC).date().isoformat(),
            cost=calls,
            most=self._pace.calls_per_day,
        )

    async def _read(self, claim: Claim) -> None:
        # Of messages that failed together fewer are tried at once: in the end one that fails fails alone.
        limit = max(1, self._pace.batch_messages // 3**claim.tries)
        batch = self._store.batch(claim, limit)
        if batch is None or not batch.messages:
            self._store.pass_over(claim)
            return
        batch = replace(batch, messages=self._fitting(batch.messages))
        try:
            found = await self._extract(batch)
        except ModelError as error:
            self._failed(claim, batch, error)
            if not isinstance(error, _OF_THE_BATCH):
                raise
            return
        self._finish(claim, batch, found)

    async def _extract(self, batch: Batch) -> Found:
        if not batch.messages:
            return Found()
        if self._extractor.calls:  # rules read messages only
            batch = replace(batch, statements=tuple(self._store.statements(batch.user_id, MOST_STATEMENTS)))
        return await self._extractor.extract(batch)

    def _fitting(self, messages: tuple[Heard, ...]) -> tuple[Heard, ...]:
        room = self._pace.batch_tokens
        for count, message in enumerate(messages):
            room -= waiting_tokens(message.text)
            if room < 0 and count:
                return messages[:count]
        return messages

    def _finish(self, claim: Claim, batch: Batch, found: Found) -> None:
        now, read = self._clock(), sum(waiting_tokens(message.text) for message in batch.messages)
        with self._store.finishing(claim) as results:
            written = write(results, batch, found, self._context, now, self._embedding_model)
            times = said_in_order(results, batch, now).values()
            heard = max(times if results.heard_until is None else [results.heard_until, *times])
            results.finish(batch.messages[-1].place, read, heard)
        self._on_written(batch.user_id, written)

    def _failed(self, claim: Claim, batch: Batch, error: ModelError) -> None:
        counted = isinstance(error, _OF_THE_BATCH)
        tries = claim.tries + counted
        now = self._clock()
        if tries >= MOST_TRIES:
            self._bury(claim, batch, error, now)
            return
        wait = min(FIRST_RETRY * 2**tries, LAST_RETRY)
        _log.warning("reading what %s said failed (%s), try %d of %d", batch.user_id, error.code, tries, MOST_TRIES)
        self._store.put_off(claim, error.code, tries, now + wait)

    def _bury(self, claim: Claim, batch: Batch, error: MuxiError, now: datetime) -> None:
        first, last = batch.messages[0].place, batch.messages[-1].place
        failure = Failure(
            new_extraction_failure_id(), claim.user_id, first, last, error.code, error.message, MOST_TRIES, now
        )
        read = sum(waiting_tokens(message.text) for message in batch.messages)
        _log.error("what %s said could not be read (%s): see dead letter %s", batch.user_id, error.code, failure.id)
        with self._store.finishing(claim) as results:
            results.bury(failure)
            results.finish(last, read, results.heard_until)


def waiting_tokens(text: str) -> int:
    """About how many tokens a message takes in a batch."""
    return tokens(text) + OVERHEAD


def _no_failure(failure_id: str) -> NotFoundError:
    return NotFoundError(f"There is no failed extraction {failure_id[:64]!r}.")
