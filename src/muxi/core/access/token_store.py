"""What tokens need of a store. A store is bound to one formation: nothing it returns is another's."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from muxi.core.access.types import SigningKey, Worth
from muxi.ids import UserId


class TokenStore(Protocol):
    """With what tokens are signed, and which are worth nothing. Every change is told to all processes."""

    def worth(self, now: datetime, since: datetime) -> Worth:
        """Which tokens are worth something, of those that were made ``since``."""

    def add_key(self, key: SigningKey, retired_before: datetime, actor: str) -> None:
        """A new signing key: all others retire, and those that retired before a time are forgotten. Audited."""

    def revoke(self, jti: str, user_id: UserId | None, expires_at: datetime, now: datetime, actor: str) -> None:
        """Takes a token back, and forgets those that have ended meanwhile. Audited."""

    def revoke_all(self, user_id: UserId, at: datetime, since: datetime, actor: str) -> None:
        """Takes back what a canonical user's tokens were worth until now; floors from before ``since`` go. Audited."""
