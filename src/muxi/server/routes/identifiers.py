"""Identifiers: what a user is known by."""

from __future__ import annotations

from fastapi import APIRouter

from muxi.core.formation import Formation
from muxi.core.identity.types import IdentifierInput
from muxi.core.threads import in_thread
from muxi.ids import UserId
from muxi.server.caller import Calling
from muxi.server.schemas.identifiers import (
    Associated,
    AssociateRequest,
    IdentifierOut,
    UnlinkRequest,
    UserIdentifiers,
    core_form,
)

router = APIRouter(prefix="/identifiers", tags=["identifiers"])


@router.get("")
async def list_identifiers(caller: Calling) -> UserIdentifiers:
    """Every identifier of the acting user."""
    return await in_thread(_listed, caller.formation, caller.user())


@router.post("")
async def associate_identifiers(caller: Calling, body: AssociateRequest) -> Associated:
    """Links identifiers to one user: all of them, or none and an error."""
    raws = [core_form(one) for one in body.identifiers]
    return await in_thread(_associate, caller.formation, raws, caller.user_if_named(body.user_id))


@router.post("/unlink")
async def unlink_identifier(caller: Calling, body: UnlinkRequest) -> UserIdentifiers:
    """Takes an identifier from its user. Seen again, it is a new user's."""
    raw = (body.identifier, body.type) if body.type else body.identifier
    return await in_thread(_unlink, caller.formation, raw, caller.user_if_named(body.user_id), body.force)


def _listed(formation: Formation, raw: IdentifierInput) -> UserIdentifiers:
    user = formation.identities.get(raw)
    return UserIdentifiers(muxi_user_id=user.id, identifiers=_linked(formation, user.id))


def _associate(formation: Formation, raws: list[IdentifierInput], raw_user: IdentifierInput | None) -> Associated:
    user = formation.identities.associate(raws, raw_user)
    return Associated(muxi_user_id=user.id, created=user.new, identifiers=_linked(formation, user.id))


def _unlink(
    formation: Formation, raw: IdentifierInput, raw_user: IdentifierInput | None, force: bool
) -> UserIdentifiers:
    user = formation.identities.unlink(raw, raw_user, force=force)
    return UserIdentifiers(muxi_user_id=user.id, identifiers=_linked(formation, user.id))


def _linked(formation: Formation, user_id: UserId) -> list[IdentifierOut]:
    return [IdentifierOut.of(one) for one in formation.identities.identifiers(user_id)]
