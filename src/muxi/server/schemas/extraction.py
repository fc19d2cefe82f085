"""Extraction as JSON."""

from __future__ import annotations

from datetime import datetime

from muxi.core.memory.extraction.work import Failure, Status, Written
from muxi.server.schemas.base import Request, Response
from muxi.server.schemas.identifiers import IdentifierIn


class StatusOut(Response):
    """How reading what users say stands."""

    waiting: int
    waiting_since: datetime | None
    failing: int
    errors: dict[str, int]
    failures: int

    @classmethod
    def of(cls, status: Status) -> StatusOut:
        return cls(
            waiting=status.waiting,
            waiting_since=status.waiting_since,
            failing=status.failing,
            errors=dict(status.errors),
            failures=status.failures,
        )


class FailureOut(Response):
    """Messages of a user that could not be read."""

    failure_id: str
    muxi_user_id: str
    messages: int
    code: str
    message: str
    tries: int
    failed_at: datetime

    @classmethod
    def of(cls, failure: Failure) -> FailureOut:
        return cls(
            failure_id=failure.id,
            muxi_user_id=failure.user_id,
            messages=failure.last_place - failure.first_place + 1,
            code=failure.code,
            message=failure.message,
            tries=failure.tries,
            failed_at=failure.failed_at,
        )


class FailurePage(Response):
    """A page of what could not be read, newest first."""

    failures: list[FailureOut]
    next_cursor: str | None


class WrittenOut(Response):
    """What reading some messages has changed."""

    facts: int
    memories: int
    refused: int

    @classmethod
    def of(cls, written: Written) -> WrittenOut:
        return cls(facts=written.facts, memories=written.memories, refused=written.refused)


class Choice(Request):
    """Whether what a user says about themself is to be found by itself."""

    enabled: bool
    user_id: IdentifierIn | None = None


class ChoiceOut(Response):
    """Whether it is, and since when not."""

    enabled: bool
    opted_out_at: datetime | None
