"""What a chat turn needs of a store, beyond its domains."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Protocol

from muxi.core.chat.types import Answered, Exchange, Look, Saved
from muxi.ids import UserId


class ExchangeStore(Protocol):
    """Whole exchanges. Bound to one formation."""

    def save(self, exchange: Exchange, model: str) -> Saved | Answered:
        """Stores messages and memory in one transaction.

        ``model`` is the name of what made the memory's vector. Returns `Answered` if a request of the same key
        has stored its exchange already; then nothing is stored.
        """

    def held(self) -> AbstractContextManager[None]:
        """While it lasts, this thread asks everything on one connection: for a step of several look-ups."""

    def look(self, user_id: UserId) -> Look:
        """How far what is kept of a canonical user is: what a turn has at hand of them may be older."""

    def answered(self, user_id: UserId, request_key: str) -> Answered | None:
        """The exchange that a request of this key stored for this user."""
