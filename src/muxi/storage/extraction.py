"""The log as a queue, in SQL: claims, batches, results and dead letters."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from muxi.core.memory.extraction.queue_store import Due, LeaseLostError
from muxi.core.memory.extraction.work import Batch, Claim, Failure, Heard, Known, Status
from muxi.errors import UserNotFoundError
from muxi.ids import ExtractionFailureId, SessionId, UserId
from muxi.storage import queries
from muxi.storage.databases.base import Database
from muxi.storage.extraction_results import SqlResults
from muxi.storage.facts import SqlFactStore

#: How many of the user's messages before a batch are read along, in each of its sessions.
EARLIER = 6

_NEWEST = (datetime.max.replace(tzinfo=UTC), ExtractionFailureId("exf_~"))


class SqlExtractionStore:
    """`muxi.core.memory.extraction.queue_store.ExtractionStore` on SQLite and Postgres."""

    def __init__(self, database: Database, formation_id: str) -> None:
        self._database = database
        self._formation_id = formation_id
        self._facts = SqlFactStore(database, formation_id)
        self._sql = queries.load(database, "extraction")
        self._locks = queries.load(database, f"extraction_{database.dialect}")

    def claim(self, due: Due, token: str) -> Claim | None:
        with self._database.transaction() as conn:
            row = self._locks.claim(
                conn,
                formation_id=self._formation_id,
                token=token,
                now=due.now,
                before=due.before,
                enough=due.enough,
                lease_until=due.lease_until,
                latest_try=due.latest_try,
                today=due.today,
                cost=due.cost,
                most=due.most,
            )
        return Claim(*row) if row else None

    def batch(self, claim: Claim, limit: int) -> Batch | None:
        return self._batch(claim.user_id, claim.watermark, claim.said, limit)

    def failed_batch(self, failure: Failure) -> Batch | None:
        count = failure.last_place - failure.first_place + 1
        return self._batch(failure.user_id, failure.first_place - 1, failure.last_place, count)

    def statements(self, user_id: UserId, limit: int) -> list[Known]:
        with self._database.connection() as conn:
            return [Known(*row) for row in self._sql.newest_statements(conn, **self._of(user_id), limit=limit)]

    @contextmanager
    def finishing(self, claim: Claim) -> Iterator[SqlResults]:
        with self._database.transaction() as conn:
            canonical = self._held(conn, claim.user_id)
            row = self._locks.lock_claim(conn, **self._of(claim.user_id), token=claim.token)
            if row is None:
                raise LeaseLostError
            results = SqlResults(self._database, self._facts, conn, self._formation_id, canonical, claim, row[0])
            yield results

    @contextmanager
    def replaying(self, failure: Failure) -> Iterator[SqlResults]:
        with self._database.transaction() as conn:
            canonical = self._held(conn, failure.user_id)
            if not self._sql.take_failure(conn, **self._of(failure.user_id), id=failure.id):
                raise LeaseLostError
            yield SqlResults(self._database, self._facts, conn, self._formation_id, canonical, None, None)

    def pass_over(self, claim: Claim) -> None:
        with self._database.transaction() as conn:
            self._sql.pass_over(conn, **self._of(claim.user_id), token=claim.token, last=claim.said)

    def put_off(self, claim: Claim, code: str, tries: int, next_try: datetime) -> None:
        with self._database.transaction() as conn:
            self._sql.put_off(
                conn, **self._of(claim.user_id), token=claim.token, tries=tries, error=code, next_try=next_try
            )

    def waiting(self) -> bool:
        with self._database.connection() as conn:
            return self._sql.anybody_waits(conn, formation_id=self._formation_id) is not None

    def status(self) -> Status:
        key = {"formation_id": self._formation_id}
        with self._database.connection() as conn:
            waiting, since = self._sql.extraction_status(conn, **key)
            errors = dict(self._sql.extraction_errors(conn, **key))
            failures = self._sql.count_failures(conn, **key)
        return Status(waiting, since, sum(errors.values()), errors, failures)

    def failures(
        self, user_id: UserId | None, before: tuple[datetime, ExtractionFailureId] | None, limit: int
    ) -> list[Failure]:
        at, before_id = before or _NEWEST
        page = {"formation_id": self._formation_id, "before": at, "before_id": before_id, "limit": limit}
        with self._database.connection() as conn:
            if user_id is None:
                return [Failure(*row) for row in self._sql.failures(conn, **page)]
            return [Failure(*row) for row in self._sql.failures_of(conn, **page, user_id=user_id)]

    def failure(self, failure_id: ExtractionFailureId) -> Failure | None:
        with self._database.connection() as conn:
            row = self._sql.failure(conn, formation_id=self._formation_id, id=failure_id)
        return Failure(*row) if row else None

    def failed_again(self, failure: Failure, code: str, message: str, now: datetime) -> None:
        with self._database.transaction() as conn:
            self._sql.failed_again(
                conn, **self._of(failure.user_id), id=failure.id, code=code, message=message, now=now
            )

    def opted_out(self, user_id: UserId) -> datetime | None:
        with self._database.connection() as conn:
            since: datetime | None = self._sql.opted_out(conn, **self._of(user_id))
        return since

    def opt_out(self, user_id: UserId, now: datetime) -> None:
        with self._database.transaction() as conn:
            # As whoever reads the messages: the user's row first.
            if self._locks.lock_user(conn, **self._of(user_id)) is None:
                raise UserNotFoundError("This user was merged or erased at this moment. Try again.")
            self._sql.opt_out(conn, **self._of(user_id), now=now)
            self._sql.drop_failures(conn, **self._of(user_id))
            self._sql.drop_synopses(conn, **self._of(user_id))

    def opt_in(self, user_id: UserId) -> None:
        with self._database.transaction() as conn:
            self._sql.opt_in(conn, **self._of(user_id))

    def _batch(self, owner: UserId, after: int, last: int, limit: int) -> Batch | None:
        with self._database.connection() as conn:
            whose = self._sql.whose(conn, **self._of(owner))
            if whose is None:
                return Batch(owner, ())
            if whose[1]:
                return None
            canonical = UserId(whose[0])
            rows = self._sql.messages_waiting(conn, **self._of(owner), after=after, last=last, limit=limit)
            messages = tuple(Heard(*(*row[:8], row[8] or "")) for row in rows)
            earlier, facts = self._earlier(conn, canonical, messages), self._facts.live_on(conn, canonical)
            return Batch(canonical, messages, earlier, tuple(facts))

    def _earlier(self, conn: Any, user_id: UserId, messages: tuple[Heard, ...]) -> dict[SessionId, tuple[str, ...]]:
        first: dict[SessionId, int] = {}
        for message in messages:
            first[message.session_id] = min(message.seq, first.get(message.session_id, message.seq))
        found = {}
        for session_id, seq in first.items():
            key = {**self._of(user_id), "session_id": session_id, "seq": seq, "limit": EARLIER}
            found[session_id] = tuple(row[0] for row in self._sql.said_before(conn, **key))[::-1]
        return found

    def _held(self, conn: Any, owner: UserId) -> UserId:
        """The canonical user, whose row nobody else changes until the transaction ends."""
        whose = self._sql.whose(conn, **self._of(owner))
        if whose is None or whose[1]:
            raise LeaseLostError
        canonical = UserId(whose[0])
        if self._locks.lock_user(conn, **self._of(canonical)) is None:
            raise LeaseLostError
        return canonical

    def _of(self, user_id: UserId) -> dict[str, str]:
        return {"formation_id": self._formation_id, "user_id": user_id}
