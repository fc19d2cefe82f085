"""Identifiers: what a user is known by."""

from __future__ import annotations

from fastapi import APIRouter

from muxi.core.formation import Formation
from muxi.core.identity.types import IdentifierInput
from muxi.core.threads import in_thread
from muxi.ids import UserId
from muxi.server.caller import Caller, Calling
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
    if body.merge:
        caller.require_admin()
    return await in_thread(_associate, caller, body)


@router.post("/unlink")
async def unlink_identifier(caller: Calling, body: UnlinkRequest) -> UserIdentifiers:
    """Takes an identifier from its user. Seen again, it is a new user's."""
    return await in_thread(_unlink, caller, body)


def _listed(formation: Formation, raw: IdentifierInput) -> UserIdentifiers:
    user = formation.identities.get(raw)
    return UserIdentifiers(muxi_user_id=user.id, identifiers=_linked(formation, user.id))


def _associate(caller: Caller, body: AssociateRequest) -> Associated:
    raws = [core_form(one) for one in body.identifiers]
    named = caller.user_if_named(body.user_id)
    user = caller.formation.identities.associate(raws, named, merge=body.merge, actor=caller.actor)
    return Associated(muxi_user_id=user.id, created=user.new, identifiers=_linked(caller.formation, user.id))


def _unlink(caller: Caller, body: UnlinkRequest) -> UserIdentifiers:
    raw = (body.identifier, body.type) if body.type else body.identifier
    named = caller.user_if_named(body.user_id)
    user = caller.formation.identities.unlink(raw, named, force=body.force, actor=caller.actor)
    return UserIdentifiers(muxi_user_id=user.id, identifiers=_linked(caller.formation, user.id))


def _linked(formation: Formation, user_id: UserId) -> list[IdentifierOut]:
    return [IdentifierOut.of(one) for one in formation.identities.identifiers(user_id)]
