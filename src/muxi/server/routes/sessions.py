"""Sessions: conversations and what was said in them."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter

from muxi.core.formation import Formation
from muxi.core.identity.types import IdentifierInput
from muxi.core.threads import in_thread
from muxi.errors import SessionNotFoundError
from muxi.server.caller import Caller, requires
from muxi.server.schemas.proofs import span
from muxi.server.schemas.sessions import MessageOut, MessagePage, NewSession, SessionOut, SessionPage

router = APIRouter(prefix="/sessions", tags=["sessions"])


@router.get("")
async def list_sessions(
    caller: Annotated[Caller, requires("sessions:read")], cursor: str | None = None, limit: int = 50
) -> SessionPage:
    """The acting user's sessions, the last used first."""
    return await in_thread(_sessions, caller.formation, caller.user(), cursor, limit)


@router.post("", status_code=HTTPStatus.CREATED)
async def create_session(caller: Annotated[Caller, requires("sessions:write")], body: NewSession) -> SessionOut:
    """Opens a session of the acting user, before anything is said in it."""
    return await in_thread(_create, caller, body)


@router.post("/{session_id}/end")
async def end_session(caller: Annotated[Caller, requires("sessions:write")], session_id: str) -> SessionOut:
    """Ends one of the acting user's sessions: nothing can be said in it any more. What was said stays."""
    return await in_thread(_end, caller, session_id)


@router.get("/{session_id}/messages")
async def list_messages(
    caller: Annotated[Caller, requires("sessions:read")], session_id: str, cursor: str | None = None, limit: int = 50
) -> MessagePage:
    """The messages of one of the acting user's sessions, newest first."""
    return await in_thread(_messages, caller.formation, caller.user(), session_id, cursor, limit)


def _create(caller: Caller, body: NewSession) -> SessionOut:
    user = caller.formation.identities.resolve(caller.user(body.user_id))
    idle, expires_in = span(body.idle), span(body.expires_in)
    return SessionOut.of(caller.formation.sessions.create(user.id, body.metadata, idle=idle, expires_in=expires_in))


def _end(caller: Caller, session_id: str) -> SessionOut:
    user = caller.formation.identities.find(caller.user())
    if user is None:
        raise SessionNotFoundError(f"There is no session {session_id[:64]!r}.")
    return SessionOut.of(caller.formation.sessions.end(session_id, user.id))


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
