"""Merges as JSON."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import Field, StrictBool, StrictStr

from muxi.core.identity.types import Holdings, Merge, MergePreview
from muxi.server.schemas.base import Request, Response
from muxi.server.schemas.identifiers import IdentifierIn


class MergeRequest(Request):
    """Users to make one."""

    users: list[IdentifierIn] = Field(max_length=100, description="Two or more; with `into`, one or more.")
    into: IdentifierIn | None = Field(None, description="The user that survives; the oldest if not told.")
    dry_run: StrictBool = Field(False, description="Only say what each of them has.")


class SplitRequest(Request):
    """A merge to undo."""

    merge_id: StrictStr


class MergeOut(Response):
    """Users that were made one."""

    merge_id: str
    survivor: str
    merged: list[str]
    merged_at: datetime
    merged_by: str
    split_at: datetime | None = Field(description="When it was undone; null while it stands.")

    @classmethod
    def of(cls, merge: Merge) -> MergeOut:
        return cls(
            merge_id=merge.id,
            survivor=merge.survivor_id,
            merged=list(merge.merged_ids),
            merged_at=merge.merged_at,
            merged_by=merge.merged_by,
            split_at=merge.split_at,
        )


class HoldingsOut(Response):
    """What a user has, counted."""

    identifiers: int
    sessions: int
    messages: int
    memories: int
    facts: int = Field(description="Those that hold.")

    @classmethod
    def of(cls, holdings: Holdings) -> HoldingsOut:
        return cls(
            identifiers=holdings.identifiers,
            sessions=holdings.sessions,
            messages=holdings.messages,
            memories=holdings.memories,
            facts=holdings.facts,
        )


class DisagreementOut(Response):
    """A path of the context at which users say different things."""

    path: str
    values: dict[str, Any] = Field(description="By usr_ id, of those who have one there.")


class MergePreviewOut(Response):
    """What a merge would join: the answer to a dry run."""

    survivor: str
    holdings: dict[str, HoldingsOut] = Field(description="By usr_ id, the survivor first.")
    disagreements: list[DisagreementOut] = Field(description="Where what was said last would be shown.")

    @classmethod
    def of(cls, preview: MergePreview) -> MergePreviewOut:
        held = {user: HoldingsOut.of(holdings) for user, holdings in preview.holdings.items()}
        differing = [DisagreementOut(path=one.path, values=dict(one.values)) for one in preview.disagreements]
        return cls(survivor=preview.survivor_id, holdings=held, disagreements=differing)


class MergeList(Response):
    """A user's merges, newest first."""

    merges: list[MergeOut]
