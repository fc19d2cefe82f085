"""Roles: what keys may do."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter

from muxi.core.access.policy import ROLES
from muxi.core.threads import in_thread
from muxi.server.caller import Caller, requires
from muxi.server.schemas.access import RoleIn, RoleList, RoleOut

router = APIRouter(prefix="/roles", tags=["roles"])


@router.get("")
async def list_roles(caller: Annotated[Caller, requires("roles:read")]) -> RoleList:
    """Those that every formation has, then the formation's own."""
    found = await in_thread(caller.formation.access.roles.all)
    return RoleList(roles=[RoleOut.of(one, built_in=one.name in ROLES) for one in found])


@router.put("/{name}")
async def put_role(caller: Annotated[Caller, requires("roles:write")], name: str, body: RoleIn) -> RoleOut:
    """Makes a role, or changes it: keys that have it may do then what it says."""
    role = await in_thread(
        caller.formation.access.roles.put,
        name,
        body.permissions,
        body.description,
        actor=caller.actor,
        within=caller.permissions,
    )
    return RoleOut.of(role, built_in=False)


@router.delete("/{name}", status_code=HTTPStatus.NO_CONTENT)
async def remove_role(caller: Annotated[Caller, requires("roles:write")], name: str) -> None:
    """Removes a role that no key has."""
    await in_thread(caller.formation.access.roles.remove, name, actor=caller.actor)
