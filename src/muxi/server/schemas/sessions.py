"""Sessions and their messages as JSON."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import Field

from muxi.core.sessions.types import Message, Session
from muxi.server.schemas.base import Metadata, Request, Response
from muxi.server.schemas.identifiers import IdentifierIn


class NewSession(Request):
    """A session to be opened; ``idle`` and ``expires_in`` in seconds."""

    user_id: IdentifierIn | None = None
    metadata: Metadata | None = None
    idle: Annotated[float, Field(ge=1, le=3_153_600_000)] | None = None
    expires_in: Annotated[float, Field(ge=1, le=3_153_600_000)] | None = None


class SessionOut(Response):
    """One conversation."""

    session_id: str
    name: str
    channel: str
    started_at: datetime
    last_at: datetime
    messages: int
    metadata: Metadata
    ends_at: datetime | None

    @classmethod
    def of(cls, session: Session) -> SessionOut:
        return cls(
            session_id=session.id,
            name=session.name,
            channel=session.channel,
            started_at=session.started_at,
            last_at=session.last_at,
            messages=session.messages,
            metadata=dict(session.metadata or {}),
            ends_at=session.end(),
        )


class SessionPage(Response):
    """A page of a user's sessions, the last used first."""

    sessions: list[SessionOut]
    next_cursor: str | None


class MessageOut(Response):
    """One line of a session's log."""

    message_id: str
    seq: int
    role: str
    text: str
    agent: str
    metadata: Metadata
    created_at: datetime

    @classmethod
    def of(cls, message: Message) -> MessageOut:
        return cls(
            message_id=message.id,
            seq=message.seq,
            role=message.role,
            text=message.text,
            agent=message.agent_id,
            metadata=dict(message.metadata),
            created_at=message.created_at,
        )


class MessagePage(Response):
    """A page of a session's messages, newest first."""

    messages: list[MessageOut]
    next_cursor: str | None
