"""The words of a chat turn."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from muxi.core.identity.types import IdentifierInput
from muxi.core.memory.store import Version
from muxi.core.memory.synopsis import State
from muxi.core.memory.types import Hit, Memory
from muxi.core.models.base import Usage
from muxi.core.sessions.types import Session
from muxi.ids import MessageId, SessionId, UserId


@dataclass(frozen=True, slots=True)
class Turn:
    """What a person sends.

    Attributes:
        message: what was said.
        user: whoever says it, by any identifier; ``None`` is nobody in particular.
        session: a ``ses_`` id, the application's own name of a conversation, or ``None`` for the identifier's default.
        agent: who should answer, by name; ``None`` for the default.
        metadata: the application's own, kept with the message and its memory.
        request_key: a second turn with the same key gets the first one's answer and is not stored again.
    """

    message: str
    user: IdentifierInput | None = None
    session: str | None = None
    agent: str | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    request_key: str | None = None


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer, and what it rests on.

    Attributes:
        text: the answer.
        user_id: who asked; ``None`` if nobody in particular.
        session_id: the conversation it is part of.
        message_id: the answer's own id in the log.
        agent: who answered.
        recalled: what was remembered for it, the best first.
        usage: tokens of the model call.
    """

    text: str
    user_id: UserId | None
    session_id: SessionId
    message_id: MessageId
    agent: str
    recalled: tuple[Hit, ...] = ()
    usage: Usage = field(default_factory=Usage)

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of an answer that is still being written."""

    text: str


@dataclass(frozen=True, slots=True)
class LoggedMessage:
    """A message about to be stored; its place in the session is given by the store."""

    id: MessageId
    role: str
    text: str
    agent_id: str
    metadata: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Exchange:
    """What one turn leaves behind: stored whole or not at all.

    Attributes:
        session: where it happened.
        user_id: who said it (a canonical user), or ``None``.
        messages: in order.
        memory: what is remembered of the first message; ``None`` if nothing is.
        now: in UTC.
        request_key: names the request, if it may be repeated.
        waiting_tokens: about how long the first message is, if it is to be read for what the user says about themself;
            0 if it is not.
        waiting_since: since when it waits to be read; ``now`` if not told.
    """

    session: Session
    user_id: UserId | None
    messages: tuple[LoggedMessage, ...]
    memory: Memory | None
    now: datetime
    request_key: str | None = None
    waiting_tokens: int = 0
    waiting_since: datetime | None = None


@dataclass(frozen=True, slots=True)
class TeamLook:
    """How far what a team shares is.

    Attributes:
        id: the team's, which owns it.
        name: the team's.
        memories: as in `Look`.
        profile: changes whenever its context does.
    """

    id: UserId
    name: str
    memories: Mapping[UserId | None, Version]
    profile: State


@dataclass(frozen=True, slots=True)
class Look:
    """How far what is kept of a canonical user is.

    Attributes:
        memories: by each user whom it is made of.
        profile: what its synopsis rests on.
        teams: those that the user is in at this moment.
        shared: what everybody in the formation shares; empty if nothing was ever stored without a user.
    """

    memories: Mapping[UserId | None, Version]
    profile: State
    teams: tuple[TeamLook, ...] = ()
    shared: Mapping[UserId | None, Version] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Saved:
    """An exchange that was just stored.

    Attributes:
        memory: what is remembered of it, with its place in the session.
        version: the owner's memory version that this write made; 0 if nothing is remembered.
    """

    memory: Memory | None
    version: int = 0


@dataclass(frozen=True, slots=True)
class Answered:
    """An exchange that is in the log already."""

    message: str
    session_id: SessionId
    message_id: MessageId
    text: str
    agent_id: str
