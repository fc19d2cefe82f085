"""What the server answers about extraction, as values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class ExtractionStatus:
    """How reading what users say stands.

    Attributes:
        waiting: users with messages that were not read yet.
        waiting_since: when the oldest of these was said.
        failing: users among them whose messages failed and will be tried again.
        errors: codes of these failures, each with its number of users.
        failures: how many entries `list_failures` has.
    """

    waiting: int
    waiting_since: datetime | None
    failing: int
    errors: Mapping[str, int]
    failures: int


@dataclass(frozen=True, slots=True)
class ExtractionFailure:
    """Messages of a user that could not be read, however often it was tried.

    Attributes:
        failure_id: ``exf_...``, for `replay`.
        muxi_user_id: whose.
        messages: how many.
        code: of the last error.
        message: of the last error.
        tries: how often.
        failed_at: the last time.
    """

    failure_id: str
    muxi_user_id: str
    messages: int
    code: str
    message: str
    tries: int
    failed_at: datetime


@dataclass(frozen=True, slots=True)
class Extracted:
    """What reading some messages has changed.

    Attributes:
        facts: written, or said again.
        memories: remembered besides.
        refused: what the context could not take.
    """

    facts: int
    memories: int
    refused: int
