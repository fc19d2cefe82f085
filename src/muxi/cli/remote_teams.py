"""Teams, on a running server. Loaded only when a command needs it."""

from __future__ import annotations

from typing import Any

from muxi.cli.access import Op, Shape
from muxi.cli.options import Who
from muxi.cli.values import shape
from muxi.client.sync import FormationClient
from muxi.client.team_replies import SharedMemory

SOURCE = "command line"


class RemoteTeams:
    """`muxi.cli.access_teams.TeamAccess` to a formation of a server."""

    def __init__(self, client: FormationClient) -> None:
        self._teams = client.teams

    def create(self, name: str) -> Shape:
        return shape(self._teams.create(name))

    def list(self, by: Who | None, limit: int, cursor: str | None) -> Shape:
        page = self._teams.list(by, limit, cursor)
        return {"teams": [shape(one) for one in page.items], "next_cursor": page.next_cursor}

    def show(self, team_id: str, by: Who | None) -> Shape:
        members = [shape(one) for one in self._teams.members(team_id, by)]
        return shape(self._teams.show(team_id, by)) | {"members": members}

    def rename(self, team_id: str, name: str, by: Who | None) -> Shape:
        return shape(self._teams.rename(team_id, name, by))

    def delete(self, team_id: str) -> Shape:
        return shape(self._teams.delete(team_id))

    def add(self, team_id: str, member: Who, role: str, by: Who | None) -> Shape:
        return {"members": [shape(one) for one in self._teams.add_member(team_id, member, role, by)]}

    def remove(self, team_id: str, member: Who, by: Who | None) -> None:
        self._teams.remove_member(team_id, member, by)

    def remember(self, team_id: str, text: str, metadata: Shape, importance: float, by: Who | None) -> Shape:
        return _memory(self._teams.add_memory(team_id, text, by, metadata=metadata, importance=importance))

    def memories(self, team_id: str, by: Who | None, limit: int, cursor: str | None) -> Shape:
        page = self._teams.list_memories(team_id, by, limit, cursor)
        return {"memories": [_memory(one) for one in page.items], "next_cursor": page.next_cursor}

    def forget(self, team_id: str, memory_id: str, by: Who | None) -> None:
        self._teams.delete_memory(team_id, memory_id, by)

    def context(self, team_id: str, by: Who | None) -> Shape:
        return {"context": self._teams.context(team_id, by)}

    def change(self, team_id: str, path: str, value: Any, op: Op, by: Who | None) -> Shape:
        facts = self._teams.set_context(team_id, path, value, by, op=op, source=SOURCE)
        return {"facts": [shape(one) for one in facts]}

    def unset(self, team_id: str, path: str, forget: bool, by: Who | None) -> Shape:
        return {"deleted": self._teams.delete_context(team_id, path, by, forget)}

    def history(self, team_id: str, path: str, by: Who | None, limit: int, cursor: str | None) -> Shape:
        page = self._teams.history(team_id, path, by, limit, cursor)
        return {"facts": [shape(one) for one in page.items], "next_cursor": page.next_cursor}


def _memory(one: SharedMemory) -> Shape:
    return shape(one.memory) | {"author": one.author}
