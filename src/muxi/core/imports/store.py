"""What an import needs of a store: things are stored once, however often they come."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from muxi.core.chat.types import Exchange
from muxi.core.memory.types import Memory


class ImportStore(Protocol):
    """Memories and messages from elsewhere. Bound to one formation."""

    def add_memories(self, memories: Sequence[Memory], model: str) -> int:
        """Stores those whose ids are not here yet, in one transaction, and says how many. All are of one owner.

        Raises:
            UserNotFoundError: the owner was erased at this moment.
        """

    def add_messages(self, exchanges: Sequence[Exchange], model: str, now: datetime) -> list[Exchange]:
        """Stores those whose request was not stored yet, in one transaction, and says which.

        All are of one session, each with one message, in order. Those that are to be read wait since ``now``.

        Raises:
            SessionNotFoundError, UserNotFoundError: it is gone at this moment.
        """
