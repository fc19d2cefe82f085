"""Teams as JSON."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field, StrictStr

from muxi.core.memory.types import Memory
from muxi.core.teams.types import Member, Membership, Team, TeamDeleted
from muxi.server.schemas.base import Request, Response
from muxi.server.schemas.identifiers import IdentifierIn
from muxi.server.schemas.memories import MemoryOut

TeamName = Annotated[StrictStr, Field(min_length=1, max_length=255)]
RoleName = Literal["member", "manager"]


class NewTeam(Request):
    """A team to be made, or its new name."""

    name: TeamName


class NewMember(Request):
    """Somebody to be let into a team, or whose role is changed."""

    member: IdentifierIn = Field(description="By any identifier; a user's own key or token names a usr_ id.")
    role: RoleName = "member"


class TeamOut(Response):
    """A team; with the acting user's role in it, if one was named."""

    team_id: str
    name: str
    created_at: datetime
    role: RoleName | None = None
    joined_at: datetime | None = None

    @classmethod
    def of(cls, team: Team) -> TeamOut:
        return cls(team_id=team.id, name=team.name, created_at=team.created_at)

    @classmethod
    def of_member(cls, one: Membership) -> TeamOut:
        team = one.team
        return cls(team_id=team.id, name=team.name, created_at=team.created_at, role=one.role, joined_at=one.joined_at)


class TeamPage(Response):
    """Every team, newest first; or all that the acting user is in, the oldest first."""

    teams: list[TeamOut]
    next_cursor: str | None


class MemberOut(Response):
    """A user in a team."""

    muxi_user_id: str
    role: RoleName
    joined_at: datetime

    @classmethod
    def of(cls, one: Member) -> MemberOut:
        return cls(muxi_user_id=one.user_id, role=one.role, joined_at=one.joined_at)


class MemberList(Response):
    """Who is in a team, in the order in which they joined."""

    members: list[MemberOut]


class TeamDeletedOut(Response):
    """The receipt of a team's deletion."""

    team_id: str
    counts: dict[str, int] = Field(description="Rows removed, by table.")
    receipt: int = Field(description="The place of its row in the audit.")
    deleted_at: datetime

    @classmethod
    def of(cls, one: TeamDeleted) -> TeamDeletedOut:
        return cls(team_id=one.team_id, counts=dict(one.counts), receipt=one.receipt, deleted_at=one.deleted_at)


class SharedMemoryOut(MemoryOut):
    """A text that a team shares."""

    author: str | None = Field(description="Who shared it: usr_...; null: the application, or somebody who was erased.")

    @classmethod
    def of(cls, memory: Memory) -> SharedMemoryOut:
        return cls(**dict(MemoryOut.of(memory)), author=memory.author_id)


class SharedMemoryList(Response):
    """Texts that a team shares."""

    memories: list[SharedMemoryOut]


class SharedMemoryPage(SharedMemoryList):
    """A page of what a team shares, newest first."""

    next_cursor: str | None
