"""Extraction: how it stands, what could not be read, and each user's choice."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter

from muxi.core.formation import Formation
from muxi.core.identity.types import IdentifierInput
from muxi.core.threads import in_thread
from muxi.server.caller import Caller, requires
from muxi.server.schemas.extraction import Choice, ChoiceOut, FailureOut, FailurePage, StatusOut, WrittenOut

router = APIRouter(prefix="/extraction", tags=["extraction"])


@router.get("")
async def get_status(caller: Annotated[Caller, requires("extraction:read")]) -> StatusOut:
    """How many users wait to be read, since when, and what fails."""
    return StatusOut.of(await in_thread(caller.formation.extraction.status))


@router.get("/failures")
async def list_failures(
    caller: Annotated[Caller, requires("extraction:read")], cursor: str | None = None, limit: int = 50
) -> FailurePage:
    """Messages that could not be read, newest first: all, or the acting user's if one is named."""
    return await in_thread(_page, caller.formation, caller.header_user, cursor, limit)


@router.post("/failures/{failure_id}/replay")
async def replay_failure(caller: Annotated[Caller, requires("extraction:write")], failure_id: str) -> WrittenOut:
    """Reads them again. What was said since stays; if it fails again, they stay in the list."""
    return WrittenOut.of(await caller.formation.extraction.replay(failure_id))


@router.get("/choice")
async def get_choice(caller: Annotated[Caller, requires("preferences:read")]) -> ChoiceOut:
    """Whether what the acting user says about themself is found by itself."""
    return await in_thread(_choice, caller.formation, caller.user())


@router.put("/choice")
async def put_choice(caller: Annotated[Caller, requires("preferences:write")], body: Choice) -> ChoiceOut:
    """Opts a user out, or in again. What is known already stays; what is said while opted out is never read."""
    return await in_thread(_choose, caller.formation, caller.user(body.user_id), body.enabled)


def _page(formation: Formation, raw: IdentifierInput | None, cursor: str | None, limit: int) -> FailurePage:
    user = formation.identities.find(raw) if raw is not None else None
    if raw is not None and user is None:
        return FailurePage(failures=[], next_cursor=None)
    page = formation.extraction.failures(user.id if user else None, cursor=cursor, limit=limit)
    return FailurePage(failures=[FailureOut.of(one) for one in page.items], next_cursor=page.next_cursor)


def _choice(formation: Formation, raw: IdentifierInput) -> ChoiceOut:
    user = formation.identities.find(raw)
    since = formation.extraction.opted_out(user.id) if user else None
    return ChoiceOut(enabled=formation.extraction.enabled and since is None, opted_out_at=since)


def _choose(formation: Formation, raw: IdentifierInput, enabled: bool) -> ChoiceOut:
    user = formation.identities.resolve(raw)
    if enabled:
        formation.extraction.opt_in(user.id)
    else:
        formation.extraction.opt_out(user.id)
    return _choice(formation, user.id)
