"""Names for teams: users are named by any identifier."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from muxi.core.identity.types import IdentifierInput
from muxi.core.memory.facts import Document, Fact, Origin
from muxi.core.memory.service import Draft
from muxi.core.memory.types import NOTE, Memory
from muxi.core.memory.values import merging
from muxi.core.paging import Page
from muxi.core.teams.types import MEMBER, Member, Membership, Role, Team, TeamDeleted
from muxi.ids import UserId

if TYPE_CHECKING:
    from muxi.core.formation import Formation


class UserTeams:
    """Users who share memories and a context. A part of `muxi.core.orchestrator.Orchestrator`.

    ``user_id`` is the user on whose behalf something is done: a team that they are not in is not there for them.
    Without it the application does it, and reaches every team.

    Attributes:
        formation: whose users they are.
    """

    formation: Formation

    def create_team(self, name: str) -> Team:
        """Makes a team without members. As `muxi.core.teams.service.Teams.create`."""
        return self.formation.teams.create(name)

    def list_teams(self, cursor: str | None = None, limit: int = 50) -> Page[Team]:
        """A page of teams, newest first. As `muxi.core.teams.service.Teams.newest`."""
        return self.formation.teams.newest(cursor=cursor, limit=limit)

    def rename_team(self, team_id: str, name: str, user_id: IdentifierInput | None = None) -> Team:
        """Gives a team another name. As `muxi.core.teams.service.Teams.rename`."""
        return self.formation.teams.rename(team_id, name, by=self._by(user_id))

    def delete_team(self, team_id: str) -> TeamDeleted:
        """Removes a team with all that it shares. As `muxi.core.teams.service.Teams.delete`."""
        return self.formation.teams.delete(team_id)

    def get_user_teams(self, user_id: IdentifierInput) -> list[Membership]:
        """The teams that a user is in; none for a user nobody knows."""
        user = self.formation.identities.find(user_id)
        return self.formation.teams.of(user.id) if user else []

    def get_team_members(self, team_id: str, user_id: IdentifierInput | None = None) -> list[Member]:
        """Who is in a team. As `muxi.core.teams.service.Teams.members`."""
        return self.formation.teams.members(team_id, by=self._by(user_id))

    def add_team_member(
        self, team_id: str, member: IdentifierInput, role: Role = MEMBER, user_id: IdentifierInput | None = None
    ) -> None:
        """Lets a user in, who may be somebody new, or changes their role. As `Teams.add_member`."""
        by = self._by(user_id)
        self.formation.teams.require_manager(team_id, by=by)
        self.formation.teams.add_member(team_id, self.formation.identities.resolve(member).id, role, by=by)

    def remove_team_member(self, team_id: str, member: IdentifierInput, user_id: IdentifierInput | None = None) -> None:
        """Puts a user out: from then on they see nothing of the team. As `Teams.remove_member`."""
        by = self._by(user_id)
        self.formation.teams.remove_member(team_id, self.formation.identities.locate(member), by=by)

    def add_team_memory(
        self,
        team_id: str,
        text: str,
        user_id: IdentifierInput | None = None,
        *,
        metadata: Mapping[str, Any] | None = None,
        importance: float = 0.5,
    ) -> Memory:
        """Shares a text with a team; ``user_id`` is named as its author. As `Teams.remember`."""
        draft = Draft(text, metadata or {}, importance)
        return self.formation.teams.remember(team_id, [draft], by=self._by(user_id))[0]

    def list_team_memories(
        self, team_id: str, user_id: IdentifierInput | None = None, cursor: str | None = None, limit: int = 50
    ) -> Page[Memory]:
        """What a team shares, newest first. As `muxi.core.teams.service.Teams.memories`."""
        return self.formation.teams.memories(team_id, by=self._by(user_id), cursor=cursor, limit=limit)

    def delete_team_memory(self, team_id: str, memory_id: str, user_id: IdentifierInput | None = None) -> None:
        """Deletes what was shared, for all. As `muxi.core.teams.service.Teams.forget`."""
        self.formation.teams.forget(team_id, memory_id, by=self._by(user_id))

    def add_shared_memory(
        self, text: str, *, metadata: Mapping[str, Any] | None = None, importance: float = 0.5
    ) -> Memory:
        """Shares a text with every user of the formation. As `muxi.core.memory.service.Memories.add` without a user."""
        return self.formation.memories.add(None, [Draft(text, metadata or {}, importance)])[0]

    def list_shared_memories(self, cursor: str | None = None, limit: int = 50) -> Page[Memory]:
        """What every user of the formation recalls, newest first; not what was said without naming a user."""
        return self.formation.memories.newest(None, cursor=cursor, limit=limit, kind=NOTE)

    def delete_shared_memory(self, memory_id: str) -> None:
        """Deletes what is shared with everybody. As `muxi.core.memory.service.Memories.delete` without a user."""
        self.formation.memories.delete(None, memory_id)

    def get_team_context(
        self, team_id: str, user_id: IdentifierInput | None = None, at: datetime | None = None
    ) -> Document:
        """What a team's context holds. As `muxi.core.teams.service.Teams.context`."""
        return self.formation.teams.context(team_id, by=self._by(user_id), at=at)

    def update_team_context(
        self, team_id: str, knowledge: Mapping[str, Any], user_id: IdentifierInput | None = None
    ) -> list[Fact]:
        """Adds a document to a team's context, value by value. As `muxi.core.teams.service.Teams.write`."""
        changes = merging(knowledge, Origin(source="team"))
        return self.formation.teams.write(team_id, changes, by=self._by(user_id))

    def delete_team_context(
        self, team_id: str, path: str, user_id: IdentifierInput | None = None, forget: bool = False
    ) -> bool:
        """Ends what is at a path of a team's context. As `muxi.core.teams.service.Teams.delete_path`."""
        return self.formation.teams.delete_path(team_id, path, by=self._by(user_id), forget=forget)

    def get_team_context_history(
        self,
        team_id: str,
        path: str = "",
        user_id: IdentifierInput | None = None,
        cursor: str | None = None,
        limit: int = 50,
    ) -> Page[Fact]:
        """How a team's context came to be, newest first. As `muxi.core.teams.service.Teams.history`."""
        return self.formation.teams.history(team_id, path, by=self._by(user_id), cursor=cursor, limit=limit)

    def _by(self, user_id: IdentifierInput | None) -> UserId | None:
        return None if user_id is None else self.formation.identities.get(user_id).id
