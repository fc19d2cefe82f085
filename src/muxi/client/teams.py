"""`teams` of both clients: users who share memories and a context.

Wherever ``user_id`` is told, that user acts: a team that they are not in is not there for them. Where it is not, the
application does, and reaches every team; a client with a user's own key or token always acts for that user.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from muxi.client import context_requests as contexts
from muxi.client import team_requests as requests
from muxi.client.context_replies import Fact
from muxi.client.identifiers import IdentifierInput
from muxi.client.replies import Page
from muxi.client.requests import owner
from muxi.client.team_replies import Member, SharedMemory, Team, TeamDeleted
from muxi.client.team_requests import context_of
from muxi.client.wire import AsyncWire, Wire

Facts = list[Fact]
Members = list[Member]
Time = datetime | str | None
User = IdentifierInput | None


class Teams:
    """Teams, who is in them, and what they share.

    Args:
        wire: to the server.
    """

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def create(self, name: str) -> Team:
        """Makes a team without members. Needs the permission ``teams:write``: the client key has it.

        Raises:
            InvalidInputError: the name is empty, over 100 characters, or has some that cannot be shown.
            ConflictError: another team has it, in capitals or not.
        """
        return self._wire.call(requests.create(name))

    def list(self, user_id: User = None, limit: int = 50, cursor: str | None = None) -> Page[Team]:
        """The teams that a user is in, with their role; without one a page of all teams, the newest first."""
        return self._wire.call(requests.teams(user_id, limit, cursor))

    def show(self, team_id: str, user_id: User = None) -> Team:
        """A team.

        Raises:
            NotFoundError: there is no such team, or the user is not in it: the same answer.
        """
        return self._wire.call(requests.show(team_id, user_id))

    def rename(self, team_id: str, name: str, user_id: User = None) -> Team:
        """Gives a team another name; a manager may, too. Raises as `create` and `show`.

        Raises:
            PermissionDeniedError: the user is no manager of it.
        """
        return self._wire.call(requests.rename(team_id, name, user_id))

    def delete(self, team_id: str) -> TeamDeleted:
        """Removes a team with all that it shares. It cannot be undone."""
        return self._wire.call(requests.delete(team_id))

    def members(self, team_id: str, user_id: User = None) -> Members:
        """Who is in a team, in the order in which they joined. Raises as `show`."""
        return self._wire.call(requests.members(team_id, user_id))

    def add_member(self, team_id: str, member: IdentifierInput, role: str = "member", user_id: User = None) -> Members:
        """Lets a user in, or changes their role; a manager may, too. Returns all members.

        Args:
            team_id: into which team.
            member: who, by any identifier; with a user's own key or token by a ``usr_`` id.
            role: ``member`` or ``manager``.
            user_id: who does it; the application if not told.

        Raises:
            NotFoundError: as `show`.
            UserNotFoundError: there is no such user.
            PermissionDeniedError: ``user_id`` is no manager of it.
        """
        return self._wire.call(requests.add_member(team_id, member, role, user_id))

    def remove_member(self, team_id: str, member: IdentifierInput, user_id: User = None) -> None:
        """Puts a user out: from then on they see nothing of the team. Everybody may leave.

        Args:
            team_id: of which team.
            member: who, by any identifier.
            user_id: who does it; the application if not told.

        Raises:
            NotFoundError: as `show`.
            UserNotFoundError: there is no such user, or they are not in it.
            PermissionDeniedError: ``user_id`` is no manager of it, and somebody else.
        """
        told = isinstance(member, str) and member.startswith("usr_")
        muxi_user_id = str(member) if told else self._wire.call(owner(member))
        self._wire.call(requests.remove_member(team_id, muxi_user_id, user_id))

    def add_memory(
        self,
        team_id: str,
        text: str,
        user_id: User = None,
        *,
        metadata: Mapping[str, Any] | None = None,
        importance: float = 0.5,
        expires_in: timedelta | None = None,
    ) -> SharedMemory:
        """Shares a text with a team: each member recalls it beside their own. ``user_id`` is named as its author.

        Raises:
            NotFoundError: as `show`.
            InvalidMemoryError, MessageTooLargeError: the text or its metadata cannot be stored.
        """
        return self._wire.call(
            requests.add_memory(team_id, text, user_id, metadata=metadata, importance=importance, expires_in=expires_in)
        )

    def list_memories(
        self, team_id: str, user_id: User = None, limit: int = 50, cursor: str | None = None
    ) -> Page[SharedMemory]:
        """A page of what a team shares, the newest first. Raises as `show`."""
        return self._wire.call(requests.memories(team_id, user_id, limit, cursor))

    def delete_memory(self, team_id: str, memory_id: str, user_id: User = None) -> None:
        """Deletes what was shared, for all.

        Raises:
            MemoryNotFoundError: the team shares none of this id.
            PermissionDeniedError: the user has not shared it, and is no manager.
        """
        self._wire.call(requests.delete_memory(team_id, memory_id, user_id))

    def context(self, team_id: str, user_id: User = None, at: Time = None) -> dict[str, Any]:
        """What a team's context holds; as it was, if a time is given. Raises as `show`."""
        return self._wire.call(contexts.get(user_id, at, context_of(team_id)))

    def facts(self, team_id: str, user_id: User = None) -> Facts:
        """The facts that a team's context rests on. Raises as `show`."""
        return self._wire.call(contexts.facts(user_id, context_of(team_id)))

    def history(
        self, team_id: str, path: str = "", user_id: User = None, limit: int = 50, cursor: str | None = None
    ) -> Page[Fact]:
        """A page of how a team's context, or what is at a path, came to be, the newest first. Raises as `show`."""
        return self._wire.call(contexts.history(user_id, path, limit, cursor, context_of(team_id)))

    def merge_context(
        self, team_id: str, knowledge: Mapping[str, Any], user_id: User = None, *, source: str = ""
    ) -> Facts:
        """Adds a document to a team's context: each of its values replaces the one at its path.

        Raises:
            InvalidContextError: a key or a value cannot be.
            NotFoundError: as `show`.
        """
        return self._wire.call(contexts.merge(user_id, knowledge, {"source": source}, context_of(team_id)))

    def set_context(
        self, team_id: str, path: str, value: Any, user_id: User = None, *, op: str = "set", source: str = ""
    ) -> Facts:
        """Gives a path its value; ``op`` ``add`` or ``remove`` changes the list there. As `merge_context`."""
        return self._wire.call(contexts.put(user_id, path, value, op, {"source": source}, context_of(team_id)))

    def delete_context(self, team_id: str, path: str, user_id: User = None, forget: bool = False) -> bool:
        """Ends what is at a path of a team's context; with ``forget``, for managers, its history goes, too.

        Raises:
            PermissionDeniedError: the user may not make it forgotten.
            NotFoundError: as `show`.
        """
        return self._wire.call(contexts.delete(user_id, path, forget, context_of(team_id)))


class AsyncTeams:
    """`Teams` for asyncio: the same methods, arguments, results and errors, awaited."""

    def __init__(self, wire: AsyncWire) -> None:
        self._wire = wire

    async def create(self, name: str) -> Team:
        """Makes a team without members. Needs the permission ``teams:write``: the client key has it."""
        return await self._wire.call(requests.create(name))

    async def list(self, user_id: User = None, limit: int = 50, cursor: str | None = None) -> Page[Team]:
        """The teams that a user is in, with their role; without one a page of all teams, the newest first."""
        return await self._wire.call(requests.teams(user_id, limit, cursor))

    async def show(self, team_id: str, user_id: User = None) -> Team:
        """A team."""
        return await self._wire.call(requests.show(team_id, user_id))

    async def rename(self, team_id: str, name: str, user_id: User = None) -> Team:
        """Gives a team another name; a manager may, too. Raises as `create` and `show`."""
        return await self._wire.call(requests.rename(team_id, name, user_id))

    async def delete(self, team_id: str) -> TeamDeleted:
        """Removes a team with all that it shares. It cannot be undone."""
        return await self._wire.call(requests.delete(team_id))

    async def members(self, team_id: str, user_id: User = None) -> Members:
        """Who is in a team, in the order in which they joined. Raises as `show`."""
        return await self._wire.call(requests.members(team_id, user_id))

    async def add_member(
        self, team_id: str, member: IdentifierInput, role: str = "member", user_id: User = None
    ) -> Members:
        """Lets a user in, or changes their role; a manager may, too. Returns all members."""
        return await self._wire.call(requests.add_member(team_id, member, role, user_id))

    async def remove_member(self, team_id: str, member: IdentifierInput, user_id: User = None) -> None:
        """Puts a user out: from then on they see nothing of the team. Everybody may leave."""
        told = isinstance(member, str) and member.startswith("usr_")
        muxi_user_id = str(member) if told else await self._wire.call(owner(member))
        await self._wire.call(requests.remove_member(team_id, muxi_user_id, user_id))

    async def add_memory(
        self,
        team_id: str,
        text: str,
        user_id: User = None,
        *,
        metadata: Mapping[str, Any] | None = None,
        importance: float = 0.5,
        expires_in: timedelta | None = None,
    ) -> SharedMemory:
        """Shares a text with a team: each member recalls it beside their own. ``user_id`` is named as its author."""
        return await self._wire.call(
            requests.add_memory(team_id, text, user_id, metadata=metadata, importance=importance, expires_in=expires_in)
        )

    async def list_memories(
        self, team_id: str, user_id: User = None, limit: int = 50, cursor: str | None = None
    ) -> Page[SharedMemory]:
        """A page of what a team shares, the newest first. Raises as `show`."""
        return await self._wire.call(requests.memories(team_id, user_id, limit, cursor))

    async def delete_memory(self, team_id: str, memory_id: str, user_id: User = None) -> None:
        """Deletes what was shared, for all."""
        await self._wire.call(requests.delete_memory(team_id, memory_id, user_id))

    async def context(self, team_id: str, user_id: User = None, at: Time = None) -> dict[str, Any]:
        """What a team's context holds; as it was, if a time is given. Raises as `show`."""
        return await self._wire.call(contexts.get(user_id, at, context_of(team_id)))

    async def facts(self, team_id: str, user_id: User = None) -> Facts:
        """The facts that a team's context rests on. Raises as `show`."""
        return await self._wire.call(contexts.facts(user_id, context_of(team_id)))

    async def history(
        self, team_id: str, path: str = "", user_id: User = None, limit: int = 50, cursor: str | None = None
    ) -> Page[Fact]:
        """A page of how a team's context, or what is at a path, came to be, the newest first. Raises as `show`."""
        return await self._wire.call(contexts.history(user_id, path, limit, cursor, context_of(team_id)))

    async def merge_context(
        self, team_id: str, knowledge: Mapping[str, Any], user_id: User = None, *, source: str = ""
    ) -> Facts:
        """Adds a document to a team's context: each of its values replaces the one at its path."""
        return await self._wire.call(contexts.merge(user_id, knowledge, {"source": source}, context_of(team_id)))

    async def set_context(
        self, team_id: str, path: str, value: Any, user_id: User = None, *, op: str = "set", source: str = ""
    ) -> Facts:
        """Gives a path its value; ``op`` ``add`` or ``remove`` changes the list there. As `merge_context`."""
        return await self._wire.call(contexts.put(user_id, path, value, op, {"source": source}, context_of(team_id)))

    async def delete_context(self, team_id: str, path: str, user_id: User = None, forget: bool = False) -> bool:
        """Ends what is at a path of a team's context; with ``forget``, for managers, its history goes, too."""
        return await self._wire.call(contexts.delete(user_id, path, forget, context_of(team_id)))
