"""What teams need of a store. A store is bound to one formation: nothing it returns is another's."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from muxi.core.teams.types import Member, Membership, Role, Team, TeamDeleted
from muxi.ids import TeamId, UserId


class TeamStore(Protocol):
    """Teams and who is in them. Every change comes with its row of the audit, in one transaction."""

    def add(self, team: Team, actor: str) -> None:
        """Makes a team. Raises `ConflictError` if another one has its name."""

    def rename(self, team_id: TeamId, name: str, actor: str, now: datetime) -> bool:
        """Renames a team; false: there is none. Raises `ConflictError` if another one has the name."""

    def find(self, team_id: TeamId) -> Team | None:
        """The team, or ``None``."""

    def newest(self, before: TeamId, limit: int) -> list[Team]:
        """Teams below an id, newest first."""

    def members(self, team_id: TeamId) -> list[Member]:
        """Who is in a team, as canonical users, in the order in which they joined."""

    def role(self, team_id: TeamId, user_id: UserId) -> Role | None:
        """A canonical user's in a team; ``None``: they are not in it, or there is no such team."""

    def canonical(self, user_id: UserId) -> UserId | None:
        """Whom a user's id means now; ``None``: nobody any more."""

    def of(self, user_id: UserId) -> list[Membership]:
        """The teams that a canonical user, or anybody merged into them, is in, the oldest first."""

    def put_member(self, team_id: TeamId, user_id: UserId, role: Role, actor: str, now: datetime) -> bool:
        """Lets a canonical user in, or changes their role. False: there is no such team or user (any more)."""

    def remove_member(self, team_id: TeamId, user_id: UserId, actor: str, now: datetime) -> bool:
        """Puts a canonical user out, and everybody merged into them. False: they were not in it."""

    def delete(self, team_id: TeamId, actor: str, now: datetime) -> TeamDeleted | None:
        """Removes a team with all that it shares; ``None``: there is none."""
