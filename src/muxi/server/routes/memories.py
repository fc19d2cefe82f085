"""Memories: remember, recall, forget."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter

from muxi.core.chat.search import search
from muxi.core.formation import Formation
from muxi.core.identity.types import IdentifierInput
from muxi.core.memory.service import Draft
from muxi.core.memory.types import Memory
from muxi.core.text import checked_metadata
from muxi.core.threads import in_thread
from muxi.errors import InvalidMemoryError, MemoryNotFoundError
from muxi.server.caller import Caller, requires
from muxi.server.schemas.memories import (
    AddMemories,
    HitOut,
    Hits,
    MemoryList,
    MemoryOut,
    MemoryPage,
    NewMemories,
    SearchRequest,
)

router = APIRouter(prefix="/memories", tags=["memories"])


@router.post("", status_code=HTTPStatus.CREATED)
async def add_memories(
    caller: Annotated[Caller, requires("memories:write")], body: AddMemories
) -> MemoryOut | MemoryList:
    """Remembers a text of a user, or up to 1,000: all or none."""
    raw = caller.user(body.user_id)
    if isinstance(body, NewMemories):
        drafts = [one.draft() for one in body.memories]
        stored = await in_thread(_add, caller.formation, raw, drafts, caller.request_key)
        return MemoryList(memories=[MemoryOut.of(one) for one in stored])
    stored = await in_thread(_add, caller.formation, raw, [body.draft()], caller.request_key)
    return MemoryOut.of(stored[0])


@router.get("")
async def list_memories(
    caller: Annotated[Caller, requires("memories:read")], cursor: str | None = None, limit: int = 50
) -> MemoryPage:
    """The acting user's memories, newest first."""
    return await in_thread(_page, caller.formation, caller.user(), cursor, limit)


@router.post("/search")
async def search_memories(caller: Annotated[Caller, requires("memories:read")], body: SearchRequest) -> Hits:
    """What a user's memories, or their recent messages, say about something, the best first."""
    hits = await search(
        caller.formation,
        body.query,
        user=caller.user(body.user_id),
        agent_id=body.agent,
        long_term=body.scope == "long_term",
        where=checked_metadata(body.filter_metadata or {}, InvalidMemoryError),
        limit=body.limit,
        explain=body.explain,
    )
    return Hits(hits=[HitOut.of(hit) for hit in hits])


@router.delete("/{memory_id}", status_code=HTTPStatus.NO_CONTENT)
async def delete_memory(caller: Annotated[Caller, requires("memories:write")], memory_id: str) -> None:
    """Forgets one of the acting user's memories."""
    await in_thread(_delete, caller.formation, caller.user(), memory_id)


def _add(formation: Formation, raw: IdentifierInput, drafts: list[Draft], request_key: str | None) -> list[Memory]:
    user = formation.identities.resolve(raw)
    channel = "" if raw == user.id else formation.identities.normal_form(raw).type
    return formation.memories.add(user.id, drafts, channel=channel or "api", request_key=request_key)


def _page(formation: Formation, raw: IdentifierInput, cursor: str | None, limit: int) -> MemoryPage:
    user = formation.identities.find(raw)
    if user is None:
        return MemoryPage(memories=[], next_cursor=None)
    page = formation.memories.newest(user.id, cursor=cursor, limit=limit)
    return MemoryPage(memories=[MemoryOut.of(one) for one in page.items], next_cursor=page.next_cursor)


def _delete(formation: Formation, raw: IdentifierInput, memory_id: str) -> None:
    user = formation.identities.find(raw)
    if user is None:
        raise MemoryNotFoundError(f"There is no memory {memory_id[:64]!r}.")
    formation.memories.delete(user.id, memory_id)
