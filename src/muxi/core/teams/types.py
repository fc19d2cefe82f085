"""The words of teams."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from muxi.ids import TeamId, UserId

Role = Literal["member", "manager"]
MEMBER: Role = "member"
#: Lets members in and puts them out, and deletes what others have shared.
MANAGER: Role = "manager"


@dataclass(frozen=True, slots=True)
class Team:
    """Several users who share memories and a context.

    Attributes:
        id: ``team_...``; the owner of what is shared.
        name: as it was written; no other team of the formation has it, in capitals or not.
        created_at: in UTC.
        created_by: who made it, as the audit names them.
    """

    id: TeamId
    name: str
    created_at: datetime
    created_by: str


@dataclass(frozen=True, slots=True)
class Member:
    """A canonical user in a team.

    Attributes:
        user_id: who.
        role: `MEMBER` or `MANAGER`.
        joined_at: in UTC.
    """

    user_id: UserId
    role: Role
    joined_at: datetime


@dataclass(frozen=True, slots=True)
class Membership:
    """A team that a user is in.

    Attributes:
        team: which.
        role: the user's in it.
        joined_at: in UTC.
    """

    team: Team
    role: Role
    joined_at: datetime


@dataclass(frozen=True, slots=True)
class TeamDeleted:
    """The receipt of a team's deletion.

    Attributes:
        team_id: which it was; this id means nothing from now on.
        counts: rows removed, by table.
        receipt: the place of its row in the audit.
        deleted_at: in UTC.
    """

    team_id: TeamId
    counts: Mapping[str, int]
    receipt: int
    deleted_at: datetime
