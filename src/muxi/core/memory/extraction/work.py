"""The words of the work behind the log: what is read, what is found in it, and what fails."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from muxi.core.memory.facts import Change, Fact
from muxi.core.models.base import Usage
from muxi.ids import ExtractionFailureId, MemoryId, MessageId, SessionId, UserId

#: The source of facts that were found in what a user said.
EXTRACTION = "extraction"
#: The channel of conversations that were brought in from elsewhere: said when they say, whatever was read since.
IMPORTED = "import"


@dataclass(frozen=True, slots=True)
class Heard:
    """A message of a user.

    Attributes:
        place: its place among all that the user said, from 1.
        id: of the message.
        session_id: the conversation.
        seq: its place there.
        agent_id: to whom it was said.
        channel: where.
        text: what was said.
        said_at: when, in UTC.
        asked: what the agent had said just before; may be empty.
    """

    place: int
    id: MessageId
    session_id: SessionId
    seq: int
    agent_id: str
    channel: str
    text: str
    said_at: datetime
    asked: str = ""


@dataclass(frozen=True, slots=True)
class Known:
    """A statement that was found before, and stands.

    Attributes:
        id: of the memory.
        text: its words.
        said_at: when it was said last, in UTC.
    """

    id: MemoryId
    text: str
    said_at: datetime


@dataclass(frozen=True, slots=True)
class Batch:
    """What is read in one go.

    Attributes:
        user_id: whose it is now: the canonical user.
        messages: in the order in which they were said.
        earlier: of each session, what the user said in it before, oldest first.
        facts: what is known of the user, in the order in which it was last said.
        statements: what else is, the newest first.
    """

    user_id: UserId
    messages: tuple[Heard, ...]
    earlier: Mapping[SessionId, tuple[str, ...]] = field(default_factory=dict)
    facts: tuple[Fact, ...] = ()
    statements: tuple[Known, ...] = ()


@dataclass(frozen=True, slots=True)
class Statement:
    """Something to remember that has no path.

    Attributes:
        text: what, in a sentence.
        importance: 0 to 1.
        confidence: 0 to 1.
        evidence: the messages that it rests on.
        said_at: when the last of them was said.
        replaces: the memories that are not true any more, if it is.
    """

    text: str
    importance: float
    confidence: float
    evidence: tuple[MessageId, ...]
    said_at: datetime
    replaces: tuple[MemoryId, ...] = ()


@dataclass(frozen=True, slots=True)
class Found:
    """What a batch says about its user.

    Attributes:
        changes: of the context, in order; each with the message it rests on and when that was said.
        statements: what else there is to remember.
        usage: tokens of the model call, if there was one.
    """

    changes: tuple[Change, ...] = ()
    statements: tuple[Statement, ...] = ()
    usage: Usage = field(default_factory=Usage)


class Extractor(Protocol):
    """Finds what users say about themselves.

    Attributes:
        calls: model calls that one batch costs; 0 for rules.
    """

    calls: int

    async def extract(self, batch: Batch) -> Found:
        """What a batch says about its user.

        Raises:
            ModelError: the model failed, or what it answered cannot be used. Never for "there is nothing".
        """


@dataclass(frozen=True, slots=True)
class Claim:
    """A user whose messages somebody is reading; nobody else is.

    Attributes:
        user_id: under whom they are stored.
        token: says that it is this claim and not a later one.
        watermark: the place of the last message that was read.
        said: the place of the newest message.
        tries: how often this batch has failed.
        waiting_since: when the first of the messages was said.
    """

    user_id: UserId
    token: str
    watermark: int
    said: int
    tries: int
    waiting_since: datetime


@dataclass(frozen=True, slots=True)
class Failure:
    """A dead letter: messages of a user that could not be read, however often it was tried.

    Attributes:
        id: ``exf_...``
        user_id: under whom they are stored.
        first_place: of the first message.
        last_place: of the last one.
        code: of the last error.
        message: of the last error; it holds nothing of what was said.
        tries: how often.
        failed_at: the last time, in UTC.
    """

    id: ExtractionFailureId
    user_id: UserId
    first_place: int
    last_place: int
    code: str
    message: str
    tries: int
    failed_at: datetime


@dataclass(frozen=True, slots=True)
class Status:
    """How the work stands.

    Attributes:
        waiting: users with messages that were not read yet.
        waiting_since: when the oldest of these was said; ``None`` if there is none.
        failing: users among them whose batch has failed and will be tried again.
        errors: the codes of those failures, with how many users each has.
        failures: dead letters.
    """

    waiting: int
    waiting_since: datetime | None
    failing: int
    errors: Mapping[str, int]
    failures: int


@dataclass(frozen=True, slots=True)
class Written:
    """What reading some messages has changed.

    Attributes:
        facts: written, or said again.
        memories: remembered besides.
        refused: changes that the context cannot take, or the formation's schema does not allow.
    """

    facts: int
    memories: int
    refused: int = 0
