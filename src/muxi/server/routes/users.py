"""Users: whom an identifier means."""

from __future__ import annotations

from fastapi import APIRouter

from muxi.core.formation import Formation
from muxi.core.threads import in_thread
from muxi.errors import UserNotFoundError
from muxi.ids import is_id
from muxi.server.caller import Calling
from muxi.server.schemas.identifiers import IdentifierOut, ResolvedUser, ResolveRequest, UserOut

router = APIRouter(prefix="/users", tags=["users"])


@router.post("/resolve")
async def resolve_user(caller: Calling, body: ResolveRequest) -> ResolvedUser:
    """The user that an identifier means; one that nobody has makes a user."""
    raw = (body.identifier, body.type) if body.type else body.identifier
    user = await in_thread(caller.formation.identities.resolve, raw)
    return ResolvedUser(muxi_user_id=user.id, created=user.new, created_at=user.created_at)


@router.get("/{user_id}")
async def get_user(caller: Calling, user_id: str) -> UserOut:
    """A user by ``usr_`` id, with every identifier."""
    return await in_thread(_user, caller.formation, user_id)


def _user(formation: Formation, user_id: str) -> UserOut:
    if not is_id(user_id, "usr"):
        raise UserNotFoundError(f"There is no user {user_id[:64]!r}.")
    user = formation.identities.get(user_id)
    linked = [IdentifierOut.of(one) for one in formation.identities.identifiers(user.id)]
    return UserOut(muxi_user_id=user.id, created_at=user.created_at, identifiers=linked)
