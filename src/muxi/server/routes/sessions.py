"""Sessions: conversations and what was said in them."""

from __future__ import annotations

from fastapi import APIRouter

from muxi.core.formation import Formation
from muxi.core.identity.types import IdentifierInput
from muxi.core.threads import in_thread
from muxi.errors import SessionNotFoundError
from muxi.server.caller import Calling
from muxi.server.schemas.sessions import MessageOut, MessagePage, SessionOut, SessionPage

router = APIRouter(prefix="/sessions", tags=["sessions"])


@router.get("")
async def list_sessions(caller: Calling, cursor: str | None = None, limit: int = 50) -> SessionPage:
    """The acting user's sessions, the last used first."""
    return await in_thread(_sessions, caller.formation, caller.user(), cursor, limit)


@router.get("/{session_id}/messages")
async def list_messages(caller: Calling, session_id: str, cursor: str | None = None, limit: int = 50) -> MessagePage:
    """The messages of one of the acting user's sessions, newest first."""
    return await in_thread(_messages, caller.formation, caller.user(), session_id, cursor, limit)


def _sessions(formation: Formation, raw: IdentifierInput, cursor: str | None, limit: int) -> SessionPage:
    user = formation.identities.find(raw)
    if user is None:
        return SessionPage(sessions=[], next_cursor=None)
    page = formation.sessions.newest(user.id, cursor=cursor, limit=limit)
    return SessionPage(sessions=[SessionOut.of(one) for one in page.items], next_cursor=page.next_cursor)


def _messages(
    formation: Formation, raw: IdentifierInput, session_id: str, cursor: str | None, limit: int
) -> MessagePage:
    user = formation.identities.find(raw)
    if user is None:
        raise SessionNotFoundError(f"There is no session {session_id[:64]!r}.")
    page = formation.sessions.messages(user.id, session_id, cursor=cursor, limit=limit)
    return MessagePage(messages=[MessageOut.of(one) for one in page.items], next_cursor=page.next_cursor)
