"""Sessions: conversations, kept apart even where the user is one."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, NoReturn

from muxi.core.clock import Clock
from muxi.core.paging import Page, checked_limit, page, read_cursor
from muxi.core.sessions.store import SessionStore
from muxi.core.sessions.types import Message, Session, WindowMessage
from muxi.core.text import checked_metadata
from muxi.errors import InvalidCursorError, InvalidInputError, SessionEndedError, SessionNotFoundError
from muxi.ids import SessionId, UserId, is_id, new_session_id

MAX_NAME = 255


@dataclass(frozen=True, slots=True)
class Lifetimes:
    """When sessions that are opened by themselves end; ``None``: never.

    Attributes:
        idle: after so much silence.
        whole: so long after they were opened.
    """

    idle: timedelta | None = None
    whole: timedelta | None = None


class Sessions:
    """The conversations of one formation.

    Args:
        store: bound to the formation.
        clock: the time, in UTC.
        lifetimes: of sessions that are opened by themselves.
    """

    def __init__(self, store: SessionStore, clock: Clock, lifetimes: Lifetimes | None = None) -> None:
        self._store = store
        self._clock = clock
        self._lifetimes = lifetimes or Lifetimes()

    def create(
        self,
        user_id: UserId,
        metadata: Mapping[str, Any] | None = None,
        *,
        idle: timedelta | None = None,
        expires_in: timedelta | None = None,
    ) -> Session:
        """Opens a session of its own, before anything is said in it.

        Args:
            user_id: whose.
            metadata: the application's own, kept with it; at most 16 KiB as JSON.
            idle: how much silence ends it; as set (``access.session_idle``) if not told.
            expires_in: how long it lasts at most; as set (``access.session_lifetime``) if not told.

        Raises:
            InvalidInputError: the metadata is not JSON or too large, or a time is below a second.
            UserNotFoundError: the user was erased.
        """
        idle, whole = idle or self._lifetimes.idle, expires_in or self._lifetimes.whole
        if any(one is not None and not 1 <= one.total_seconds() <= 1e10 for one in (idle, whole)):
            raise InvalidInputError("idle and expires_in have to be a second or more.")
        now = self._clock()
        session = Session(
            id=new_session_id(),
            user_id=user_id,
            name="",
            channel="",
            started_at=now,
            last_at=now,
            messages=0,
            metadata=checked_metadata(metadata or {}, InvalidInputError),
            expires_at=now + whole if whole else None,
            idle_s=int(idle.total_seconds()) if idle else None,
        )
        self._store.add(session, _key("session", session.id))
        return session

    def end(self, session_id: str, user_id: UserId | None = None) -> Session:
        """Ends a session: nothing can be said in it any more. What was said stays. A second time changes nothing.

        Args:
            session_id: ``ses_...``, of whichever kind: who comes again by its name, or its identifier, begins anew.
            user_id: whose it has to be; anybody's if not told.

        Raises:
            SessionNotFoundError: there is none of this id, or it is somebody else's.
        """
        if user_id is not None:
            found = self.get(user_id, session_id)
        else:
            known = self._store.get(SessionId(session_id)) if is_id(session_id, "ses") else None
            found = known or _none(session_id)
        self._store.end(found, self._clock())
        return self._store.get(found.id) or _none(session_id)

    def enter(
        self, user_id: UserId | None, session: str | None = None, *, channel: str = "", spoken_to: str = ""
    ) -> Session:
        """The session a message belongs to.

        Args:
            user_id: whose it has to be; ``None`` for what is kept without a user.
            session: a ``ses_`` id, which must be this user's; or the application's own name of a conversation,
                made if the user has none of that name; or ``None`` for the default session of ``spoken_to``.
            channel: kept with a session that is made.
            spoken_to: the identifier the user came by, in normal form: each has its own default session.

        Raises:
            SessionNotFoundError: a ``ses_`` id that this user does not have, or a name that cannot be one.
            SessionEndedError: it has ended.
        """
        key, name = self._place(session, spoken_to)
        if key is None:
            return self._open(self.get(user_id, name))
        return self._store.enter(user_id, new_session_id(), key, name, channel, self._clock())

    def open(
        self, user_id: UserId | None, session: str | None, size: int, *, channel: str = "", spoken_to: str = ""
    ) -> tuple[Session, list[tuple[str, str]]]:
        """The session a message belongs to, with its newest ``size`` messages as (role, text), oldest first.

        Arguments and errors as `enter`; where the session is there already, at the price of one look-up.
        """
        key, _ = self._place(session, spoken_to)
        found = self._store.open(user_id, key, size) if key is not None and user_id is not None else None
        if found:
            return found
        entered = self.enter(user_id, session, channel=channel, spoken_to=spoken_to)
        return entered, self.buffer(entered, size)

    def find(self, user_id: UserId | None, session: str) -> Session | None:
        """A user's session by id or by the application's own name, or ``None``: looking makes none."""
        if is_id(session, "ses"):
            return self._store.find(user_id, SessionId(session))
        return self._store.find_by_key(user_id, _key("name", session))

    def get(self, user_id: UserId | None, session_id: str) -> Session:
        """A session of this user.

        Raises:
            SessionNotFoundError: there is none of this id, or it is somebody else's: the same answer.
        """
        found = self._store.find(user_id, SessionId(session_id)) if is_id(session_id, "ses") else None
        return found or _none(session_id)

    def newest(self, user_id: UserId, *, cursor: str | None = None, limit: int = 50) -> Page[Session]:
        """A user's sessions, the last used first.

        Args:
            user_id: whose.
            cursor: `Page.next_cursor` of the page before; ``None`` for the first.
            limit: how many, 1 to 200.

        Raises:
            InvalidCursorError: not a cursor of this list, or a limit out of range.
        """
        last_at, last_id = read_cursor(cursor, 2) if cursor else ["9999-12-31T00:00:00+00:00", "~"]
        try:
            before = datetime.fromisoformat(str(last_at)).astimezone(UTC)
        except (ValueError, OverflowError) as error:
            raise InvalidCursorError(f"{cursor!r} is not a cursor of this list.") from error
        rows = self._store.newest(user_id, (before, SessionId(str(last_id))), checked_limit(limit) + 1)
        return page(rows, limit, lambda last: [last.last_at.isoformat(), last.id])

    def messages(
        self, user_id: UserId | None, session_id: str, *, cursor: str | None = None, limit: int = 50
    ) -> Page[Message]:
        """A session's messages, newest first.

        Raises:
            SessionNotFoundError: as `get`.
            InvalidCursorError: not a cursor of this list, or a limit out of range.
        """
        session = self.get(user_id, session_id)
        before = read_cursor(cursor, 1)[0] if cursor else 2**62
        if not isinstance(before, int) or isinstance(before, bool) or not 0 <= before <= 2**62:
            raise InvalidCursorError(f"{cursor!r} is not a cursor of this list.")
        rows = self._store.messages(session, before, checked_limit(limit) + 1)
        return page(rows, limit, lambda last: [last.seq])

    def buffer(self, session: Session, size: int) -> list[tuple[str, str]]:
        """The newest ``size`` messages of a session that were not cleared, as (role, text), oldest first."""
        return self._store.buffer(session, size) if session.messages else []

    def windows(self, user_id: UserId | None, size: int) -> list[WindowMessage]:
        """The searchable window, ``size`` messages, of each of an owner's sessions."""
        return self._store.windows(user_id, size)

    def clear_buffer(self, user_id: UserId | None, agent_id: str = "") -> int:
        """Takes an owner's messages out of the buffer, of one agent or of all. The log and the memories stay.

        Returns:
            How many sessions were touched.
        """
        return self._store.clear(user_id, agent_id)

    def _open(self, session: Session) -> Session:
        end = session.end()
        if end is not None and end <= self._clock():
            raise SessionEndedError(f"The session {session.id} has ended. Open a new one.")
        return session

    @staticmethod
    def _place(session: str | None, spoken_to: str) -> tuple[str | None, str]:
        """The key and the name under which a session is found; of an id, no key, and the id."""
        if session is None:
            return _key("identifier", spoken_to), ""
        if is_id(session, "ses"):
            return None, session
        if not session.strip() or len(session) > MAX_NAME or session.startswith("ses_") or not session.isprintable():
            raise SessionNotFoundError(f"There is no session {session[:MAX_NAME]!r}, and none can be named so.")
        return _key("name", session), session


def _none(session_id: str) -> NoReturn:
    raise SessionNotFoundError(f"There is no session {session_id[:MAX_NAME]!r}.")


def _key(kind: str, of: str) -> str:
    # As JSON, so that no two pairs read the same.
    return json.dumps([kind, of], ensure_ascii=False)
