"""The log as a queue, in SQL, of a formation whose facts are in MongoDB.

What is found is written to MongoDB just before the transaction that moves the watermark ends. With the facts goes, in
the same write, up to which message they were found: if the watermark is not moved after all, the messages are read
again, and no fact is written twice.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import datetime

from muxi.core.memory.extraction.queue_store import Remembered
from muxi.core.memory.extraction.work import Batch, Claim, Failure
from muxi.core.memory.facts import Plan
from muxi.core.memory.types import Memory
from muxi.ids import FactId, MemoryId, MessageId, UserId
from muxi.storage.databases.base import Database
from muxi.storage.extraction import SqlExtractionStore
from muxi.storage.extraction_results import SqlResults
from muxi.storage.mongo.facts import MongoFactStore, MongoFactWriter


class ExtractionToMongo(SqlExtractionStore):
    """`muxi.core.memory.extraction.queue_store.ExtractionStore`, with facts in MongoDB."""

    def __init__(self, database: Database, formation_id: str, facts: MongoFactStore) -> None:
        super().__init__(database, formation_id)
        self._there = facts

    def batch(self, claim: Claim, limit: int) -> Batch | None:
        return self._known(super().batch(claim, limit))

    def failed_batch(self, failure: Failure) -> Batch | None:
        return self._known(super().failed_batch(failure))

    @contextmanager
    def finishing(self, claim: Claim) -> Iterator[ResultsToMongo]:  # type: ignore[override]
        with super().finishing(claim) as results, ResultsToMongo(results, self._there, claim.user_id).open() as both:
            yield both

    @contextmanager
    def replaying(self, failure: Failure) -> Iterator[ResultsToMongo]:  # type: ignore[override]
        with super().replaying(failure) as results, ResultsToMongo(results, self._there, None).open() as both:
            yield both

    def _known(self, batch: Batch | None) -> Batch | None:
        if batch is None or not batch.messages:
            return batch
        return replace(batch, facts=tuple(self._there.live(batch.user_id)))


class ResultsToMongo:
    """`muxi.core.memory.extraction.queue_store.Results`: facts to MongoDB, all else in the transaction in SQL.

    Args:
        results: of the transaction.
        facts: of the same formation.
        said_by: whose messages were read; ``None`` for a replay, which is not counted.
    """

    def __init__(self, results: SqlResults, facts: MongoFactStore, said_by: UserId | None) -> None:
        self._results = results
        self._facts = facts
        self._said_by = said_by
        self._stack = ExitStack()
        self._writer: MongoFactWriter | None = None
        self._last = 0

    @contextmanager
    def open(self) -> Iterator[ResultsToMongo]:
        """Writes the facts at its end, if nothing has failed until then."""
        with self._stack:
            yield self
            if self._writer is not None:
                self._writer.commit({self._said_by: self._last} if self._said_by and self._last else None)

    @property
    def user_id(self) -> UserId:
        return self._results.user_id

    @property
    def heard_until(self) -> datetime | None:
        return self._results.heard_until

    @property
    def facts_until(self) -> int:
        return self.facts().heard(self._said_by) if self._said_by else 0

    def facts(self) -> MongoFactWriter:
        if self._writer is None:
            self._writer = self._stack.enter_context(self._facts.writer(self.user_id))
        return self._writer

    def repeated(self, first: int, last: int) -> set[str]:
        return self._results.repeated(first, last)

    def alike(self, key: str, kind: str) -> list[Remembered]:
        return self._results.alike(key, kind)

    def count(self, memory: Remembered, times: int) -> None:
        self._results.count(memory, times)

    def supersede(self, memory: Remembered, by: str, now: datetime) -> None:
        self._results.supersede(memory, by, now)

    def resting_on(self, message_id: MessageId) -> tuple[int, int]:
        resting = self._facts.resting_on(self.user_id, message_id)
        for plan in self._writer.plans if self._writer else []:
            _as_planned(resting, plan, message_id)
        return len(resting), sum(resting.values())

    def stated(self, ids: Collection[MemoryId]) -> list[Remembered]:
        return self._results.stated(ids)

    def memories_of(self, message_id: MessageId) -> list[Remembered]:
        return self._results.memories_of(message_id)

    def remember(self, memories: Sequence[Memory], model: str) -> None:
        self._results.remember(memories, model)

    def finish(self, last: int, tokens: int, heard_until: datetime | None) -> None:
        self._results.finish(last, tokens, heard_until)
        self._last = last

    def bury(self, failure: Failure) -> None:
        self._results.bury(failure)


def _as_planned(resting: dict[FactId, bool], plan: Plan, message_id: MessageId) -> None:
    """What rests on a message, as it will be."""
    for fact in (*plan.repeated, *plan.added):
        if message_id in fact.evidence:
            resting[fact.id] = fact.superseded_at is None
        else:
            # Said again since, it rests on the messages that said so.
            resting.pop(fact.id, None)
    for fact_id in plan.ended:
        if fact_id in resting:
            resting[fact_id] = False
