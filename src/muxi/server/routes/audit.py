"""The audit: what was changed about who is who."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter

from muxi.core.formation import Formation
from muxi.core.identity.types import IdentifierInput
from muxi.core.threads import in_thread
from muxi.server.caller import Caller, requires
from muxi.server.schemas.audit import RecordOut, RecordPage, VerdictOut
from muxi.server.schemas.base import Name

router = APIRouter(prefix="/audit", tags=["audit"])


@router.get("")
async def list_audit(
    caller: Annotated[Caller, requires("audit:read")], cursor: str | None = None, limit: int = 50, action: Name = ""
) -> RecordPage:
    """Every change, newest first: of the acting user if one is named, of one action if one is told."""
    return await in_thread(_page, caller.formation, caller.header_user, action, cursor, limit)


@router.get("/verify")
async def verify_audit(caller: Annotated[Caller, requires("audit:read")]) -> VerdictOut:
    """Reads the whole chain and finds the first row that is changed or missing."""
    return VerdictOut.of(await in_thread(caller.formation.audit.verify))


def _page(formation: Formation, raw: IdentifierInput | None, action: str, cursor: str | None, limit: int) -> RecordPage:
    user = formation.identities.find(raw) if raw is not None else None
    if raw is not None and user is None:
        return RecordPage(records=[], next_cursor=None)
    page = formation.audit.newest(user_id=user.id if user else None, action=action, cursor=cursor, limit=limit)
    return RecordPage(records=[RecordOut.of(one) for one in page.items], next_cursor=page.next_cursor)
