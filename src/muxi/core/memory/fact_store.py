"""What the context needs of a store. A store is bound to one formation: nothing it returns is another's."""

from __future__ import annotations

from contextlib import AbstractContextManager
from datetime import datetime
from typing import Protocol

from muxi.core.memory.facts import Entry, Fact, Plan
from muxi.ids import FactId, UserId


class FactStore(Protocol):
    """Facts. ``user_id`` is a canonical user, and means those merged into it, too."""

    def entries(self, user_id: UserId, at: datetime | None = None) -> list[Entry]:
        """The facts that hold, or held at a time; in the order in which they were last said by then."""

    def live(self, user_id: UserId) -> list[Fact]:
        """The same facts as `entries`, whole."""

    def history(self, user_id: UserId, path: str, before: tuple[datetime, FactId] | None, limit: int) -> list[Fact]:
        """Facts at a path, below it, and at the paths above it, newest observed first; an empty path: all.

        ``before`` is the place of the last one of the page before: its ``observed_at`` and id.
        """

    def version(self, user_id: UserId) -> int:
        """Counts the writes: what was made of the facts at the same count is up to date. 0: none yet."""

    def writing(self, user_id: UserId) -> AbstractContextManager[FactWriter]:
        """One transaction, all of it kept or nothing; writers for one user wait for each other.

        Raises:
            UserNotFoundError: the user was merged into another, or erased, at this moment.
        """


class FactWriter(Protocol):
    """What can be done inside one transaction."""

    def live(self) -> list[Fact]:
        """As `FactStore.live`; nobody changes it before the transaction ends."""

    def write(self, plan: Plan) -> None:
        """Writes what a plan says."""

    def forget(self, path: str) -> int:
        """Removes the facts at a path and below it, ended ones included, and returns how many there were."""
