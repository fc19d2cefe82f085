"""The words of conversations: a session, and a message of its log."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from muxi.ids import MessageId, SessionId, UserId

USER = "user"
ASSISTANT = "assistant"
SYSTEM = "system"
ROLES = (USER, ASSISTANT, SYSTEM)


@dataclass(frozen=True, slots=True)
class Session:
    """One conversation.

    Attributes:
        id: ``ses_...``.
        user_id: whose it is; ``None`` is the formation's own, kept without a user.
        name: the application's own name of it; empty for the default session of an identifier.
        channel: the type of the identifier that began it; empty if untyped.
        started_at: in UTC.
        last_at: when the last message was stored, in UTC.
        messages: how many messages it has.
        metadata: the application's own, of one that was opened by itself.
        ended_at: since when nothing can be said in it.
        expires_at: when it ends by itself; ``None``: never.
        idle_s: how many seconds of silence end it.
    """

    id: SessionId
    user_id: UserId | None
    name: str
    channel: str
    started_at: datetime
    last_at: datetime
    messages: int
    metadata: Mapping[str, Any] | None = None
    ended_at: datetime | None = None
    expires_at: datetime | None = None
    idle_s: int | None = None

    def end(self) -> datetime | None:
        """When it ended, or will end if nothing more is said; ``None``: never."""
        silent = None if self.idle_s is None else self.last_at + timedelta(seconds=self.idle_s)
        return min((one for one in (self.ended_at, self.expires_at, silent) if one is not None), default=None)


@dataclass(frozen=True, slots=True)
class Message:
    """One line of a session's log.

    Attributes:
        id: ``msg_...``.
        session_id: the session it belongs to.
        seq: its place there, from 1.
        role: ``user``, ``assistant`` or ``system``.
        text: what was said.
        agent_id: the agent spoken to, or speaking; may be empty.
        metadata: the application's own.
        created_at: in UTC.
    """

    id: MessageId
    session_id: SessionId
    seq: int
    role: str
    text: str
    agent_id: str
    metadata: Mapping[str, Any]
    created_at: datetime


@dataclass(frozen=True, slots=True)
class WindowMessage:
    """A message of the searchable window, with its session's channel and, if it has one, its vector."""

    message: Message
    channel: str
    vector: NDArray[np.float32] | None = field(default=None)
