"""What merging needs of a store. A store is bound to one formation: nothing it returns is another's."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Protocol

from muxi.core.identity.types import Holdings, Merge
from muxi.ids import MergeId, UserId


class MergeStore(Protocol):
    """Merges and what they joined."""

    def holdings(self, user_id: UserId) -> Holdings:
        """What a canonical user holds, those merged into it included."""

    def merge(self, merge_id: MergeId) -> Merge | None:
        """A merge, whether it still stands or not."""

    def merges_of(self, user_id: UserId) -> list[Merge]:
        """The merges that made a canonical user what it is, and those that were undone; newest first."""

    def merging(self, actor: str, now: datetime) -> AbstractContextManager[MergeWriter]:
        """One transaction, recorded in the audit; all of it is kept or nothing."""


class MergeWriter(Protocol):
    """What can be changed inside one transaction."""

    def lock(self, user_ids: Iterable[UserId]) -> bool:
        """Makes other mergers of these users wait, in one order for all. False: one of them is not canonical."""

    def merge(self, merge: Merge) -> None:
        """Points locked users, and whoever was merged into them, to the survivor."""

    def split(self, merge: Merge) -> bool:
        """Puts back whom a merge moved. False: somebody has split it already."""

    def later_merge(self, user_id: UserId) -> MergeId | None:
        """The standing merge that took this user into another."""
