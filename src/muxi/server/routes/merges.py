"""Merges: users that are one person, and that are not after all."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter

from muxi.core.formation import Formation
from muxi.core.identity.types import IdentifierInput, Merge
from muxi.core.privacy.joining import preview
from muxi.core.threads import in_thread
from muxi.server.caller import Caller, requires
from muxi.server.schemas.identifiers import core_form
from muxi.server.schemas.merges import MergeList, MergeOut, MergePreviewOut, MergeRequest, SplitRequest

router = APIRouter(tags=["merges"])


@router.post("/users/merge")
async def merge_users(
    caller: Annotated[Caller, requires("identities:merge")], body: MergeRequest
) -> MergeOut | MergePreviewOut:
    """Makes users one: all of them, or none and an error. With `dry_run` it says what each has, and changes nothing."""
    return await in_thread(_merge, caller, body)


@router.post("/users/split")
async def split_merge(caller: Annotated[Caller, requires("identities:merge")], body: SplitRequest) -> MergeOut:
    """Undoes a merge: each side is as it was, and what was written since stays with the survivor."""
    return MergeOut.of(await in_thread(_split, caller, body.merge_id))


@router.get("/merges")
async def list_merges(caller: Annotated[Caller, requires("identities:read")]) -> MergeList:
    """The merges that made the acting user, and those that were undone, newest first."""
    return await in_thread(_merges, caller.formation, caller.user())


def _merge(caller: Caller, body: MergeRequest) -> MergeOut | MergePreviewOut:
    users = [core_form(one) for one in body.users]
    into = None if body.into is None else core_form(body.into)
    if body.dry_run:
        return MergePreviewOut.of(preview(caller.formation, users, into))
    return MergeOut.of(caller.formation.merges.merge(users, into, actor=caller.actor))


def _split(caller: Caller, merge_id: str) -> Merge:
    return caller.formation.merges.split(merge_id, actor=caller.actor)


def _merges(formation: Formation, raw: IdentifierInput) -> MergeList:
    return MergeList(merges=[MergeOut.of(one) for one in formation.merges.of(raw)])
