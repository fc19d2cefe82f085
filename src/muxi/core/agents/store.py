"""What agents need of a store. A store is bound to one formation: nothing it returns is another's."""

from __future__ import annotations

from typing import Protocol

from muxi.ids import UserId


class AgentStore(Protocol):
    """Which agent a user talks to unless told otherwise. Agents themselves hold live models and are made at start."""

    def default(self, user_id: UserId) -> str | None:
        """The user's default agent's name, if one was set."""

    def set_default(self, user_id: UserId, agent_id: str) -> None:
        """Sets it."""
