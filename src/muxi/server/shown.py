"""Users as they are shown to a caller."""

from __future__ import annotations

from muxi.core.formation import Formation
from muxi.core.identity.types import IdentifierInput, User
from muxi.errors import UserDisabledError, UserNotFoundError
from muxi.ids import UserId, is_id
from muxi.server.caller import Caller
from muxi.server.schemas.identifiers import IdentifierOut, UserOut


def linked(formation: Formation, user_id: UserId) -> list[IdentifierOut]:
    """A user's identifiers."""
    return [IdentifierOut.of(one) for one in formation.identities.identifiers(user_id)]


def whole(formation: Formation, user: User) -> UserOut:
    """A user with every identifier."""
    return UserOut(muxi_user_id=user.id, created_at=user.created_at, identifiers=linked(formation, user.id))


def looked_up(caller: Caller, raw: IdentifierInput) -> UserOut:
    """A user, who must be there; a disabled one is shown to admins only.

    Raises:
        UserNotFoundError, UserDisabledError, InvalidIdentifierError, AmbiguousIdentifierError: there is none to show.
    """
    formation = caller.formation
    try:
        return whole(formation, formation.identities.get(raw))
    except UserDisabledError:
        if not caller.may("users:read"):
            raise
    summary = formation.users.show(raw).summary
    identifiers = [IdentifierOut.of(one) for one in summary.identifiers]
    return UserOut(muxi_user_id=summary.id, created_at=summary.created_at, identifiers=identifiers)


def user_id_of(segment: str) -> UserId:
    """The ``usr_`` id in a path: an identifier there would be in every log on the way.

    Raises:
        UserNotFoundError: it is none.
    """
    if not is_id(segment, "usr"):
        raise UserNotFoundError(f"There is no user {segment[:64]!r}.")
    return UserId(segment)
