"""What the server answers about teams, as values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from muxi.client.replies import Memory


@dataclass(frozen=True, slots=True)
class Team:
    """Several users who share memories and a context.

    Attributes:
        team_id: ``team_...``.
        name: no other team of the formation has it, in capitals or not.
        created_at: in UTC.
        role: the acting user's in it, in a list of their teams: ``member`` or ``manager``.
        joined_at: when they joined, likewise.
    """

    team_id: str
    name: str
    created_at: datetime
    role: str | None = None
    joined_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Member:
    """A user in a team; ``role`` is ``member`` or ``manager``."""

    muxi_user_id: str
    role: str
    joined_at: datetime


@dataclass(frozen=True, slots=True)
class TeamDeleted:
    """The receipt of a team's deletion: rows removed by table, and the place of its row in the audit."""

    team_id: str
    counts: Mapping[str, int]
    receipt: int
    deleted_at: datetime


@dataclass(frozen=True, slots=True)
class SharedMemory:
    """A text that a team shares.

    Attributes:
        memory: the text, as every memory has it.
        author: who shared it: ``usr_...``; ``None``: the application, or somebody who was erased.
    """

    memory: Memory
    author: str | None

    @property
    def memory_id(self) -> str:
        """The memory's id."""
        return self.memory.memory_id

    @property
    def text(self) -> str:
        """The memory's text."""
        return self.memory.text
