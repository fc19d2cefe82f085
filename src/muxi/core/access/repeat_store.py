"""What repeats need of a store. A store is bound to one formation: nothing it returns is another's."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from muxi.ids import UserId


@dataclass(frozen=True, slots=True)
class StoredRepeat:
    """A request that may be sent again.

    Attributes:
        fingerprint: a hash of what was asked.
        sealed: what was answered; ``None``: it is under way.
        user_id: whom the answer is about.
    """

    fingerprint: str
    sealed: bytes | None = field(repr=False)
    user_id: UserId | None


class RepeatStore(Protocol):
    """Which requests are under way, and what was answered."""

    def begin(
        self, place: str, fingerprint: str, holder: str, now: datetime, held_until: datetime, ends_at: datetime
    ) -> bool:
        """Takes a place, if it is free, has ended, or was held too long by the same request. Of many at once, in
        whatever process, one gets it."""

    def find(self, place: str, now: datetime) -> StoredRepeat | None:
        """What is at a place, if it has not ended."""

    def hold(self, place: str, holder: str, held_until: datetime) -> None:
        """Holds a place longer."""

    def finish(self, place: str, holder: str, sealed: bytes, user_id: UserId | None) -> bool:
        """Keeps the answer, if the place is still held, and the user is still there."""

    def release(self, place: str, holder: str) -> None:
        """Frees a place without an answer."""
