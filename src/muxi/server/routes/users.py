"""Users: whom an identifier means, and users as things."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool

from muxi.core.formation import Formation
from muxi.core.threads import in_thread
from muxi.server.caller import Caller, requires
from muxi.server.schemas.identifiers import ResolvedUser, ResolveRequest, UserOut
from muxi.server.schemas.users import Expired, UserDetailsOut, UserPage, UserSummaryOut
from muxi.server.shown import looked_up, user_id_of

router = APIRouter(prefix="/users", tags=["users"])


@router.post("/resolve")
async def resolve_user(caller: Annotated[Caller, requires("identities:write")], body: ResolveRequest) -> ResolvedUser:
    """The user that an identifier means; one that nobody has makes a user."""
    raw = (body.identifier, body.type) if body.type else body.identifier
    user = await in_thread(caller.formation.identities.resolve, raw)
    return ResolvedUser(muxi_user_id=user.id, created=user.new, created_at=user.created_at)


@router.get("")
async def list_users(
    caller: Annotated[Caller, requires("users:read")],
    search: str = "",
    disabled: bool | None = None,
    cursor: str | None = None,
    limit: int = 50,
) -> UserPage:
    """Users, newest first: all, or those with an identifier that begins like `search`."""
    return await in_thread(_page, caller.formation, search, disabled, cursor, limit)


@router.get("/{user_id}")
async def get_user(caller: Annotated[Caller, requires("identities:read")], user_id: str) -> UserOut:
    """A user by ``usr_`` id, with every identifier."""
    return await in_thread(looked_up, caller, caller.own(user_id_of(user_id)))


@router.get("/{user_id}/details")
async def show_user(caller: Annotated[Caller, requires("users:read")], user_id: str) -> UserDetailsOut:
    """A user, also a disabled one, with what they have and their merges."""
    details = await in_thread(caller.formation.users.show, user_id_of(user_id))
    return UserDetailsOut.of_details(details)


@router.post("/{user_id}/disable")
async def disable_user(caller: Annotated[Caller, requires("users:write")], user_id: str) -> UserSummaryOut:
    """Shuts a user out, at once and in every process: nothing of them is read or written."""
    return await in_thread(_disable, caller, user_id)


@router.post("/{user_id}/enable")
async def enable_user(caller: Annotated[Caller, requires("users:write")], user_id: str) -> UserSummaryOut:
    """Lets a user in again."""
    return await in_thread(_enable, caller, user_id)


@router.post("/expire")
async def expire_anonymous(caller: Annotated[Caller, requires("users:erase")]) -> Expired:
    """Erases visitors whose token has ended and who never signed in, with all they said."""
    return Expired(erased=await run_in_threadpool(caller.formation.anonymous.expire_anonymous))


def _page(formation: Formation, search: str, disabled: bool | None, cursor: str | None, limit: int) -> UserPage:
    page = formation.users.list(search, disabled=disabled, cursor=cursor, limit=limit)
    return UserPage(users=[UserSummaryOut.of(one) for one in page.items], next_cursor=page.next_cursor)


def _disable(caller: Caller, user_id: str) -> UserSummaryOut:
    return UserSummaryOut.of(caller.formation.users.disable(user_id_of(user_id), actor=caller.actor))


def _enable(caller: Caller, user_id: str) -> UserSummaryOut:
    return UserSummaryOut.of(caller.formation.users.enable(user_id_of(user_id), actor=caller.actor))
