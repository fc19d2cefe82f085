"""Identifiers: what a user is known by."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from muxi.core.identity.types import IdentifierInput
from muxi.core.threads import in_thread
from muxi.server.caller import Caller, requires
from muxi.server.download import JSON_LINES
from muxi.server.importing import CSV, Importing, format_of
from muxi.server.schemas.identifiers import (
    Associated,
    AssociateRequest,
    UnlinkRequest,
    UserIdentifiers,
    core_form,
)
from muxi.server.schemas.users import BulkRequest, BulkResultOut
from muxi.server.shown import linked, looked_up

router = APIRouter(prefix="/identifiers", tags=["identifiers"])


@router.get("")
async def list_identifiers(caller: Annotated[Caller, requires("identities:read")]) -> UserIdentifiers:
    """Every identifier of the acting user."""
    return await in_thread(_listed, caller, caller.user())


@router.post("")
async def associate_identifiers(
    caller: Annotated[Caller, requires("identities:write")], body: AssociateRequest
) -> Associated:
    """Links identifiers to one user: all of them, or none and an error."""
    if body.merge or body.verified:
        caller.require("identities:merge")
    return await in_thread(_associate, caller, body)


@router.post("/bulk")
async def associate_many(caller: Annotated[Caller, requires("identities:import")], body: BulkRequest) -> BulkResultOut:
    """Links the identifiers of many users. A group that conflicts is reported, and the rest is linked."""
    return await in_thread(_associate_many, caller, body)


@router.post(
    "/import",
    response_class=Response,
    responses={HTTPStatus.OK: {"content": {JSON_LINES: {"schema": {"type": "string"}}}}},
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {kind: {"schema": {"type": "string"}} for kind in (CSV, JSON_LINES)},
        }
    },
)
async def import_identifiers(
    request: Request, caller: Annotated[Caller, requires("identities:import")], dry_run: bool = False
) -> Response:
    """Links what a file says. The answer tells how far it is, each conflict, and at last what came of it."""
    return Importing(request, caller, format_of(request.headers.get("content-type", "")), dry_run=dry_run)


@router.post("/unlink")
async def unlink_identifier(
    caller: Annotated[Caller, requires("identities:write")], body: UnlinkRequest
) -> UserIdentifiers:
    """Takes an identifier from its user. Seen again, it is a new user's."""
    return await in_thread(_unlink, caller, body)


def _listed(caller: Caller, raw: IdentifierInput) -> UserIdentifiers:
    user = looked_up(caller, raw)
    return UserIdentifiers(muxi_user_id=user.muxi_user_id, identifiers=user.identifiers)


def _associate(caller: Caller, body: AssociateRequest) -> Associated:
    raws = [core_form(one) for one in body.identifiers]
    named = caller.user_if_named(body.user_id)
    user = caller.formation.identities.associate(
        raws, named, merge=body.merge, verified=body.verified, actor=caller.actor
    )
    return Associated(muxi_user_id=user.id, created=user.new, identifiers=linked(caller.formation, user.id))


def _associate_many(caller: Caller, body: BulkRequest) -> BulkResultOut:
    groups = [one.group() for one in body.groups]
    result = caller.formation.bulk.associate_many(groups, dry_run=body.dry_run, actor=caller.actor)
    return BulkResultOut.of(result)


def _unlink(caller: Caller, body: UnlinkRequest) -> UserIdentifiers:
    raw = (body.identifier, body.type) if body.type else body.identifier
    named = caller.user_if_named(body.user_id)
    user = caller.formation.identities.unlink(raw, named, force=body.force, actor=caller.actor)
    return UserIdentifiers(muxi_user_id=user.id, identifiers=linked(caller.formation, user.id))
