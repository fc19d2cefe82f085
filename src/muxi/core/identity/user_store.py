"""What lists of users need of a store. A store is bound to one formation: nothing it returns is another's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from muxi.core.identity.types import UserSummary
from muxi.ids import UserId


@dataclass(frozen=True, slots=True)
class Match:
    """A user that was found by the beginning of an identifier, and that identifier's normal form and type."""

    value: str
    type: str
    user: UserSummary


class UserStore(Protocol):
    """Canonical users: those that were merged into another are part of it."""

    def newest(self, before: UserId, limit: int, *, disabled: bool | None) -> list[UserSummary]:
        """Users below an id, newest first: all (``None``), those shut out, or those that are not."""

    def matching(
        self, beginnings: Sequence[str], after: tuple[str, str], limit: int, *, disabled: bool | None
    ) -> list[Match]:
        """Users with an identifier that begins so, one way or the other, each once, by the first such identifier.

        Args:
            beginnings: one or two.
            after: the value and the type of the last one seen.
            limit: how many.
            disabled: as in `newest`.
        """

    def summary(self, user_id: UserId) -> UserSummary | None:
        """One user; of a merged one, the survivor."""

    def set_disabled(self, user_id: UserId, disabled: bool, actor: str, now: datetime) -> bool:
        """Shuts a canonical user out or lets it in, recorded in the audit; nothing if it is so already.

        Caches forget it, and proofs that were begun end. False: it is not a canonical user (any more).
        """
