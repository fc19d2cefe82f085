"""Users as things, as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated

from pydantic import Field, StrictBool

from muxi.core.identity.bulk_types import BulkResult, Conflict, Group
from muxi.core.identity.types import UserDetails, UserSummary
from muxi.core.privacy.types import Deleted, Erased, Restored
from muxi.server.schemas.base import Request, Response
from muxi.server.schemas.identifiers import IdentifierIn, IdentifierOut, core_form
from muxi.server.schemas.merges import HoldingsOut, MergeOut

MOST_GROUPS = 1000


class UserSummaryOut(Response):
    """One user of a list."""

    muxi_user_id: str
    created_at: datetime
    disabled_at: datetime | None = Field(description="Since when the user is shut out; null if they are not.")
    last_at: datetime | None = Field(description="When something was last said; null: never.")
    identifiers: list[IdentifierOut]

    @classmethod
    def of(cls, summary: UserSummary) -> UserSummaryOut:
        return cls(
            muxi_user_id=summary.id,
            created_at=summary.created_at,
            disabled_at=summary.disabled_at,
            last_at=summary.last_at,
            identifiers=[IdentifierOut.of(one) for one in summary.identifiers],
        )


class UserPage(Response):
    """A page of users, newest first."""

    users: list[UserSummaryOut]
    next_cursor: str | None


class UserDetailsOut(UserSummaryOut):
    """A user, what they have, and their merges."""

    holdings: HoldingsOut
    merges: list[MergeOut]

    @classmethod
    def of_details(cls, details: UserDetails) -> UserDetailsOut:
        summary = UserSummaryOut.of(details.summary)
        return cls(
            **dict(summary),
            holdings=HoldingsOut.of(details.holdings),
            merges=[MergeOut.of(one) for one in details.merges],
        )


class ErasedOut(Response):
    """The receipt of an erasure."""

    muxi_user_id: str
    users: list[str] = Field(description="Every id that was erased: this one, and those that were merged into it.")
    counts: Mapping[str, int] = Field(description="Rows that were erased, by table.")
    receipt: int = Field(description="The place of its row in the audit.")
    erased_at: datetime

    @classmethod
    def of(cls, erased: Erased) -> ErasedOut:
        return cls(
            muxi_user_id=erased.user_id,
            users=list(erased.users),
            counts=erased.counts,
            receipt=erased.receipt,
            erased_at=erased.erased_at,
        )


class DeletedOut(Response):
    """The receipt of a deletion: the user stays."""

    muxi_user_id: str
    counts: Mapping[str, int] = Field(description="Rows that were deleted, by table.")
    before: datetime | None = Field(description="Only what was older was deleted; null: all.")
    receipt: int = Field(description="The place of its row in the audit.")
    deleted_at: datetime

    @classmethod
    def of(cls, deleted: Deleted) -> DeletedOut:
        return cls(
            muxi_user_id=deleted.user_id,
            counts=deleted.counts,
            before=deleted.before,
            receipt=deleted.receipt,
            deleted_at=deleted.deleted_at,
        )


class RestoredOut(Response):
    """What came back from an export."""

    muxi_user_id: str
    counts: Mapping[str, int] = Field(description="Rows that were written, by table.")
    skipped: Mapping[str, int] = Field(description="Rows that could not be taken over, by table.")

    @classmethod
    def of(cls, restored: Restored) -> RestoredOut:
        return cls(muxi_user_id=restored.user_id, counts=restored.counts, skipped=restored.skipped)


class Expired(Response):
    """What became of visitors whose token has ended."""

    erased: int


class GroupIn(Request):
    """Identifiers of one user."""

    identifiers: list[IdentifierIn] = Field(max_length=100)
    user_id: IdentifierIn | None = None

    def group(self) -> Group:
        """As the core takes it."""
        user = None if self.user_id is None else core_form(self.user_id)
        return Group([core_form(one) for one in self.identifiers], user)


class BulkRequest(Request):
    """Identifiers of many users."""

    groups: Annotated[list[GroupIn], Field(max_length=MOST_GROUPS)]
    dry_run: StrictBool = Field(False, description="Only say what would be.")


class ConflictOut(Response):
    """A group of which nothing was linked."""

    place: int = Field(description="Which group, from 1.")
    code: str
    message: str
    identifiers: list[str]
    owners: list[str]

    @classmethod
    def of(cls, conflict: Conflict) -> ConflictOut:
        return cls(
            place=conflict.place,
            code=conflict.code,
            message=conflict.message,
            identifiers=list(conflict.identifiers),
            owners=list(conflict.owners),
        )


class BulkResultOut(Response):
    """What came of many groups, or of the lines of a file."""

    groups: int
    linked: int
    users_made: int
    unchanged: int
    conflict_count: int
    conflicts: list[ConflictOut]
    dry_run: bool
    resumed_after: int = Field(description="Lines of the file that an import which was broken off had done before.")

    @classmethod
    def of(cls, result: BulkResult) -> BulkResultOut:
        return cls(
            groups=result.groups,
            linked=result.linked,
            users_made=result.users_made,
            unchanged=result.unchanged,
            conflict_count=result.conflict_count,
            conflicts=[ConflictOut.of(one) for one in result.conflicts],
            dry_run=result.dry_run,
            resumed_after=result.resumed_after,
        )
