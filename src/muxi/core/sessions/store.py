"""What sessions need of a store. A store is bound to one formation: nothing it returns is another's."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from muxi.core.sessions.types import Message, Session, WindowMessage
from muxi.ids import SessionId, UserId


class SessionStore(Protocol):
    """Sessions and their log. ``user_id=None`` means what is kept without a user, never everybody's."""

    def find(self, user_id: UserId | None, session_id: SessionId) -> Session | None:
        """This owner's session of this id; another's is ``None`` too."""

    def find_by_key(self, user_id: UserId | None, key: str) -> Session | None:
        """This owner's session of this key."""

    def open(self, user_id: UserId, key: str, size: int) -> tuple[Session, list[tuple[str, str]]] | None:
        """A user's session of a key with its newest ``size`` messages, as `find_by_key` and `buffer` in one."""

    def enter(
        self, user_id: UserId | None, session_id: SessionId, key: str, name: str, channel: str, now: datetime
    ) -> Session:
        """This owner's session of this key, made (as ``session_id``) if there is none. Race-free."""

    def add(self, session: Session, key: str) -> None:
        """Keeps a new session.

        Raises:
            UserNotFoundError: its user was erased.
        """

    def get(self, session_id: SessionId) -> Session | None:
        """A session, whoever's it is."""

    def end(self, session: Session, now: datetime) -> None:
        """Ends a session, unless it has ended. Its key finds no session any more."""

    def newest(self, user_id: UserId, before: tuple[datetime, SessionId], limit: int) -> list[Session]:
        """A user's sessions before a (last_at, id), newest first."""

    def messages(self, session: Session, before_seq: int, limit: int) -> list[Message]:
        """A session's messages below a seq, newest first. The caller has made sure that it may be read."""

    def buffer(self, session: Session, limit: int) -> list[tuple[str, str]]:
        """The newest messages of a session that were not cleared, as (role, text), oldest first."""

    def windows(self, user_id: UserId | None, size: int) -> list[WindowMessage]:
        """The newest ``size`` messages of each of an owner's sessions, without what was cleared."""

    def clear(self, user_id: UserId | None, agent_id: str) -> int:
        """Takes an owner's messages (of one agent, or of all if empty) out of the buffer; how many sessions."""
