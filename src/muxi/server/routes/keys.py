"""Keys of applications, and who one is."""

from __future__ import annotations

from datetime import timedelta
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter

from muxi.core.threads import in_thread
from muxi.server.caller import ANY, Caller, requires
from muxi.server.schemas.access import AccessOut, KeyOut, KeyPage, NewKey, NewKeyOut, RotateRequest

router = APIRouter(tags=["keys"])


@router.get("/access")
async def get_access(caller: Annotated[Caller, requires(ANY)]) -> AccessOut:
    """Who calls, and what they may do."""
    return AccessOut(
        formation=caller.formation.id,
        actor=caller.actor,
        muxi_user_id=caller.bound,
        permissions=sorted(caller.permissions),
    )


@router.post("/keys", status_code=HTTPStatus.CREATED)
async def create_key(caller: Annotated[Caller, requires("keys:write")], body: NewKey) -> NewKeyOut:
    """Makes a key, and shows it this once. Nobody can give more than they may do themselves."""
    return await in_thread(_create, caller, body)


@router.get("/keys")
async def list_keys(
    caller: Annotated[Caller, requires("keys:read")], cursor: str | None = None, limit: int = 50
) -> KeyPage:
    """Every key that was made, newest first, without what opens."""
    page = await in_thread(caller.formation.access.keys.newest, cursor=cursor, limit=limit)
    return KeyPage(keys=[KeyOut.of(one) for one in page.items], next_cursor=page.next_cursor)


@router.get("/keys/{key_id}")
async def get_key(caller: Annotated[Caller, requires("keys:read")], key_id: str) -> KeyOut:
    """What is kept of a key."""
    return KeyOut.of(await in_thread(caller.formation.access.keys.get, key_id))


@router.post("/keys/{key_id}/rotate", status_code=HTTPStatus.CREATED)
async def rotate_key(
    caller: Annotated[Caller, requires("keys:write")], key_id: str, body: RotateRequest | None = None
) -> NewKeyOut:
    """A new key in the place of one, which works on for a while."""
    return await in_thread(_rotate, caller, key_id, body or RotateRequest())


@router.delete("/keys/{key_id}")
async def revoke_key(caller: Annotated[Caller, requires("keys:write")], key_id: str) -> KeyOut:
    """Ends a key, in every process within a second."""
    return KeyOut.of(await in_thread(caller.formation.access.keys.revoke, key_id, actor=caller.actor))


def _create(caller: Caller, body: NewKey) -> NewKeyOut:
    named = caller.user_if_named(body.user_id)
    new = caller.formation.access.keys.create(
        body.name,
        role=body.role,
        owner=body.owner,
        scopes=body.scopes,
        user_id=None if named is None else caller.formation.identities.resolve(named).id,
        expires_in=body.lifetime(),
        actor=caller.actor,
        within=caller.permissions,
    )
    return NewKeyOut.of_new(new)


def _rotate(caller: Caller, key_id: str, body: RotateRequest) -> NewKeyOut:
    keys, overlap = caller.formation.access.keys, timedelta(seconds=body.overlap)
    return NewKeyOut.of_new(keys.rotate(key_id, overlap=overlap, actor=caller.actor, within=caller.permissions))
