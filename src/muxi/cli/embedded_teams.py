"""Teams, on a store that this process opens itself. Loaded only when a command needs it."""

from __future__ import annotations

from typing import Any

from muxi.cli import shapes
from muxi.cli.access import Op, Shape
from muxi.cli.embedded_users import ACTOR
from muxi.cli.options import Who
from muxi.core.formation import Formation
from muxi.core.memory.facts import Change, Origin
from muxi.core.memory.service import Draft
from muxi.core.memory.types import Memory
from muxi.core.teams.types import MANAGER, MEMBER, Member, Team
from muxi.ids import UserId


class EmbeddedTeams:
    """`muxi.cli.access_teams.TeamAccess` to a formation in this process."""

    def __init__(self, formation: Formation) -> None:
        self._teams = formation.teams
        self._identities = formation.identities

    def create(self, name: str) -> Shape:
        return _team(self._teams.create(name, actor=ACTOR))

    def list(self, by: Who | None, limit: int, cursor: str | None) -> Shape:
        user_id = self._by(by)
        if user_id is not None:
            found = [
                _team(one.team) | {"role": one.role, "joined_at": one.joined_at.isoformat()}
                for one in self._teams.of(user_id)
            ]
            return {"teams": found, "next_cursor": None}
        page = self._teams.newest(cursor=cursor, limit=limit)
        return {"teams": [_team(one) for one in page.items], "next_cursor": page.next_cursor}

    def show(self, team_id: str, by: Who | None) -> Shape:
        user_id = self._by(by)
        team = self._teams.get(team_id, by=user_id)
        return _team(team) | {"members": [_member(one) for one in self._teams.members(team_id, by=user_id)]}

    def rename(self, team_id: str, name: str, by: Who | None) -> Shape:
        return _team(self._teams.rename(team_id, name, by=self._by(by), actor=ACTOR))

    def delete(self, team_id: str) -> Shape:
        gone = self._teams.delete(team_id, actor=ACTOR)
        return {
            "team_id": gone.team_id,
            "counts": dict(gone.counts),
            "receipt": gone.receipt,
            "deleted_at": gone.deleted_at.isoformat(),
        }

    def add(self, team_id: str, member: Who, role: str, by: Who | None) -> Shape:
        user_id = self._by(by)
        self._teams.require_manager(team_id, by=user_id)
        new, as_what = self._identities.resolve(member), MANAGER if role == MANAGER else MEMBER
        self._teams.add_member(team_id, new.id, as_what, by=user_id, actor=ACTOR)
        return {"members": [_member(one) for one in self._teams.members(team_id, by=user_id)]}

    def remove(self, team_id: str, member: Who, by: Who | None) -> None:
        self._teams.remove_member(team_id, self._identities.locate(member), by=self._by(by), actor=ACTOR)

    def remember(self, team_id: str, text: str, metadata: Shape, importance: float, by: Who | None) -> Shape:
        return _memory(self._teams.remember(team_id, [Draft(text, metadata, importance)], by=self._by(by))[0])

    def memories(self, team_id: str, by: Who | None, limit: int, cursor: str | None) -> Shape:
        page = self._teams.memories(team_id, by=self._by(by), cursor=cursor, limit=limit)
        return {"memories": [_memory(one) for one in page.items], "next_cursor": page.next_cursor}

    def forget(self, team_id: str, memory_id: str, by: Who | None) -> None:
        self._teams.forget(team_id, memory_id, by=self._by(by))

    def context(self, team_id: str, by: Who | None) -> Shape:
        return {"context": self._teams.context(team_id, by=self._by(by))}

    def change(self, team_id: str, path: str, value: Any, op: Op, by: Who | None) -> Shape:
        change = Change(op, path, value, Origin(source=ACTOR))
        return {"facts": [shapes.fact(one) for one in self._teams.write(team_id, [change], by=self._by(by))]}

    def unset(self, team_id: str, path: str, forget: bool, by: Who | None) -> Shape:
        return {"deleted": self._teams.delete_path(team_id, path, by=self._by(by), forget=forget)}

    def history(self, team_id: str, path: str, by: Who | None, limit: int, cursor: str | None) -> Shape:
        page = self._teams.history(team_id, path, by=self._by(by), cursor=cursor, limit=limit)
        return {"facts": [shapes.fact(one) for one in page.items], "next_cursor": page.next_cursor}

    def _by(self, who: Who | None) -> UserId | None:
        return None if who is None else self._identities.get(who).id


def _team(one: Team) -> Shape:
    made = {"team_id": one.id, "name": one.name, "created_at": one.created_at.isoformat()}
    return made | {"role": None, "joined_at": None}


def _member(one: Member) -> Shape:
    return {"muxi_user_id": one.user_id, "role": one.role, "joined_at": one.joined_at.isoformat()}


def _memory(one: Memory) -> Shape:
    return shapes.memory(one) | {"author": one.author_id}
