"""Context: what is known of a user, by path, and how it came to be."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter

from muxi.core.formation import Formation
from muxi.core.identity.types import IdentifierInput
from muxi.core.memory.facts import Change, Fact
from muxi.core.threads import in_thread
from muxi.server.caller import Caller, requires
from muxi.server.schemas.base import Moment
from muxi.server.schemas.context import ContextOut, Deleted, FactList, FactOut, FactPage, Knowledge, NewValue

router = APIRouter(prefix="/context", tags=["context"])


@router.get("")
async def get_context(caller: Annotated[Caller, requires("context:read")], at: Moment | None = None) -> ContextOut:
    """What is known of the acting user; as it was, if a time is given. Nobody has an empty one."""
    return await in_thread(_get, caller.formation, caller.user(), at)


@router.get("/facts")
async def get_facts(caller: Annotated[Caller, requires("context:read")]) -> FactList:
    """The facts that the acting user's context rests on, each with where it comes from."""
    return await in_thread(_facts, caller.formation, caller.user())


@router.get("/history")
async def get_history(
    caller: Annotated[Caller, requires("context:read")], path: str = "", cursor: str | None = None, limit: int = 50
) -> FactPage:
    """How the acting user's context came to be, or what is at a path, newest first."""
    return await in_thread(_history, caller.formation, caller.user(), path, cursor, limit)


@router.patch("")
async def merge_context(caller: Annotated[Caller, requires("context:write")], body: Knowledge) -> FactList:
    """Adds a document: each of its values replaces the one at its path, and nothing else is touched."""
    return await in_thread(_merge, caller.formation, caller.user(body.user_id), body)


@router.put("/{path:path}")
async def put_value(caller: Annotated[Caller, requires("context:write")], path: str, body: NewValue) -> FactList:
    """Gives a path its value; with `op`, adds a value to the list there, or takes one from it."""
    return await in_thread(_change, caller.formation, caller.user(body.user_id), body.change(path))


@router.delete("/{path:path}")
async def delete_path(caller: Annotated[Caller, requires("context:write")], path: str, forget: bool = False) -> Deleted:
    """Ends what is at a path and below it; with `forget` its history goes, too."""
    return await in_thread(_delete, caller.formation, caller.user(), path, forget)


def _get(formation: Formation, raw: IdentifierInput, at: Moment | None) -> ContextOut:
    user = formation.identities.find(raw)
    return ContextOut(context=formation.context.get(user.id, at=at) if user else {})


def _facts(formation: Formation, raw: IdentifierInput) -> FactList:
    user = formation.identities.find(raw)
    return _listed(formation.context.facts(user.id) if user else [])


def _history(formation: Formation, raw: IdentifierInput, path: str, cursor: str | None, limit: int) -> FactPage:
    user = formation.identities.find(raw)
    if user is None:
        return FactPage(facts=[], next_cursor=None)
    page = formation.context.history(user.id, path, cursor=cursor, limit=limit)
    return FactPage(facts=[FactOut.of(one) for one in page.items], next_cursor=page.next_cursor)


def _merge(formation: Formation, raw: IdentifierInput, body: Knowledge) -> FactList:
    user = formation.identities.resolve(raw)
    return _listed(formation.context.merge(user.id, body.knowledge, body.origin()))


def _change(formation: Formation, raw: IdentifierInput, change: Change) -> FactList:
    user = formation.identities.resolve(raw)
    return _listed(formation.context.write(user.id, [change]))


def _delete(formation: Formation, raw: IdentifierInput, path: str, forget: bool) -> Deleted:
    user = formation.identities.find(raw)
    return Deleted(deleted=formation.context.delete(user.id, path, forget=forget) if user else False)


def _listed(facts: Sequence[Fact]) -> FactList:
    return FactList(facts=[FactOut.of(one) for one in facts])
