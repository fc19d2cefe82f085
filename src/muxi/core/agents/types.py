"""The word of agents."""

from __future__ import annotations

from dataclasses import dataclass

from muxi.core.models.base import ChatModel
from muxi.ids import UserId


@dataclass(frozen=True, slots=True)
class Agent:
    """A named model with a system message.

    Attributes:
        id: its name; unique among the shared agents, and among one user's own.
        model: answers.
        system_message: tells the model what it is; may be empty.
        user_id: whose it is; ``None`` is shared by all, or a team's.
        team_id: the team whose members it answers; ``None``: it is no team's.
    """

    id: str
    model: ChatModel
    system_message: str
    user_id: UserId | None = None
    team_id: UserId | None = None

    @property
    def owner(self) -> UserId | None:
        """The user or the team whose it is; ``None`` is shared by all."""
        return self.user_id or self.team_id
