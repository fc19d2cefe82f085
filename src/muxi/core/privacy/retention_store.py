"""What retention needs of a store. A store is bound to one formation: nothing it removes is another's."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Protocol

from muxi.core.privacy.types import Deleted
from muxi.ids import UserId


class RetentionStore(Protocol):
    """What ends: when a user asks for it, by its own date, or by its age."""

    def delete_data(self, user_id: UserId, before: datetime | None, actor: str, now: datetime) -> Deleted | None:
        """Removes what a canonical user and those merged into it said, and what is remembered of them.

        All of it, or only what is older than a time; in one transaction with its audit row. Users and identifiers
        stay. Whoever writes for them at this moment comes before, and is deleted too, or comes after. ``None``: there
        is no such canonical user (any more).
        """

    def begin(self, holder: str, now: datetime, until: datetime, swept_before: datetime) -> bool:
        """Makes one caller of all processes the one who sweeps, until a time.

        False: somebody else is at it, or a sweep has ended since ``swept_before``.
        """

    def hold(self, holder: str, until: datetime) -> None:
        """Goes on for longer."""

    def end(self, holder: str, now: datetime, counts: Mapping[str, int]) -> None:
        """Ends a sweep; if it removed something, a row of the audit says how much, by table."""

    def sweep_memories(self, now: datetime, oldest: datetime, limit: int) -> Mapping[str, int]:
        """Removes about so many memories that have expired, or were stored before ``oldest`` and not changed since.

        Returns:
            How many rows, by table; nothing if none was left.
        """

    def sweep_messages(self, oldest: datetime, limit: int) -> Mapping[str, int]:
        """Removes the oldest messages stored before ``oldest``, with the sessions of which nothing is left then."""

    def sweep_facts(self, oldest: datetime, limit: int) -> Mapping[str, int]:
        """Removes about so many facts that were last said before ``oldest``."""

    def scrub(self, *, rewrite: bool = False) -> bool:
        """Takes what was deleted out of the files, as far as the database can.

        ``rewrite``: tables are written anew, whatever their size; who uses them waits meanwhile.

        Returns:
            Whether it is done; if not, others were in the way, and it can be tried again.
        """
