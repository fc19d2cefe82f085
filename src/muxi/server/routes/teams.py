"""Teams: users who share memories and a context.

Who acts for a user reaches the teams which that user is in, and any other is not there. Without a user it takes the
permission ``teams:write`` to reach teams, and then every team is reached.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter

from muxi.core.memory.facts import Change, Fact
from muxi.core.memory.service import Draft
from muxi.core.memory.types import Memory
from muxi.core.memory.values import merging
from muxi.core.threads import in_thread
from muxi.errors import UserNotFoundError
from muxi.ids import UserId, is_id
from muxi.server.caller import Caller, requires
from muxi.server.schemas.base import Moment
from muxi.server.schemas.context import ContextOut, Deleted, FactList, FactOut, FactPage, Knowledge, NewValue
from muxi.server.schemas.identifiers import IdentifierIn, core_form
from muxi.server.schemas.memories import AddMemories, NewMemories
from muxi.server.schemas.teams import (
    MemberList,
    MemberOut,
    NewMember,
    NewTeam,
    SharedMemoryList,
    SharedMemoryOut,
    SharedMemoryPage,
    TeamDeletedOut,
    TeamOut,
    TeamPage,
)
from muxi.server.shown import user_id_of

router = APIRouter(prefix="/teams", tags=["teams"])

Reads = Annotated[Caller, requires("teams:read")]
Shares = Annotated[Caller, requires("teams:share")]
Writes = Annotated[Caller, requires("teams:write")]


@router.post("", status_code=HTTPStatus.CREATED)
async def create_team(caller: Writes, body: NewTeam) -> TeamOut:
    """Makes a team without members."""
    return TeamOut.of(await in_thread(caller.formation.teams.create, body.name, actor=caller.actor))


@router.get("")
async def list_teams(caller: Reads, cursor: str | None = None, limit: int = 50) -> TeamPage:
    """The teams that the acting user is in; without a user every team, newest first."""
    return await in_thread(_page, caller, cursor, limit)


@router.get("/{team_id}")
async def show_team(caller: Reads, team_id: str) -> TeamOut:
    """A team."""
    return TeamOut.of(await in_thread(lambda: caller.formation.teams.get(team_id, by=_by(caller))))


@router.patch("/{team_id}")
async def rename_team(caller: Shares, team_id: str, body: NewTeam) -> TeamOut:
    """Gives a team another name: the application does, or a manager."""
    return await in_thread(_rename, caller, team_id, body.name)


@router.delete("/{team_id}")
async def delete_team(caller: Writes, team_id: str) -> TeamDeletedOut:
    """Removes a team with all that it shares. It cannot be undone."""
    return TeamDeletedOut.of(await in_thread(caller.formation.teams.delete, team_id, actor=caller.actor))


@router.get("/{team_id}/members")
async def list_members(caller: Reads, team_id: str) -> MemberList:
    """Who is in a team, in the order in which they joined."""
    return await in_thread(_members, caller, team_id)


@router.post("/{team_id}/members")
async def add_member(caller: Shares, team_id: str, body: NewMember) -> MemberList:
    """Lets a user in, or changes their role: the application does, or a manager. Answers with all members."""
    return await in_thread(_add_member, caller, team_id, body)


@router.delete("/{team_id}/members/{user_id}", status_code=HTTPStatus.NO_CONTENT)
async def remove_member(caller: Shares, team_id: str, user_id: str) -> None:
    """Puts a user out, at once and in every process: the application does, or a manager; everybody may leave."""
    await in_thread(_remove_member, caller, team_id, user_id)


@router.get("/{team_id}/memories")
async def list_shared(caller: Reads, team_id: str, cursor: str | None = None, limit: int = 50) -> SharedMemoryPage:
    """What a team shares, newest first, each with its author."""
    return await in_thread(_shared, caller, team_id, cursor, limit)


@router.post("/{team_id}/memories", status_code=HTTPStatus.CREATED)
async def share(caller: Shares, team_id: str, body: AddMemories) -> SharedMemoryOut | SharedMemoryList:
    """Shares a text with a team, or up to 1,000: all or none. The acting user is named as the author."""
    if isinstance(body, NewMemories):
        drafts = [one.draft() for one in body.memories]
        stored = await in_thread(_share, caller, team_id, drafts, body.user_id)
        return SharedMemoryList(memories=[SharedMemoryOut.of(one) for one in stored])
    stored = await in_thread(_share, caller, team_id, [body.draft()], body.user_id)
    return SharedMemoryOut.of(stored[0])


@router.delete("/{team_id}/memories/{memory_id}", status_code=HTTPStatus.NO_CONTENT)
async def delete_shared(caller: Shares, team_id: str, memory_id: str) -> None:
    """Deletes what was shared, for all: its author does, a manager, or the application."""
    await in_thread(lambda: caller.formation.teams.forget(team_id, memory_id, by=_by(caller)))


@router.get("/{team_id}/context")
async def get_team_context(caller: Reads, team_id: str, at: Moment | None = None) -> ContextOut:
    """What a team's context holds; as it was, if a time is given."""
    return ContextOut(context=await in_thread(lambda: caller.formation.teams.context(team_id, by=_by(caller), at=at)))


@router.get("/{team_id}/context/facts")
async def get_team_facts(caller: Reads, team_id: str) -> FactList:
    """The facts that a team's context rests on."""
    return _listed(await in_thread(lambda: caller.formation.teams.facts(team_id, by=_by(caller))))


@router.get("/{team_id}/context/history")
async def get_team_history(
    caller: Reads, team_id: str, path: str = "", cursor: str | None = None, limit: int = 50
) -> FactPage:
    """How a team's context came to be, or what is at a path, newest first."""
    return await in_thread(_history, caller, team_id, path, cursor, limit)


@router.patch("/{team_id}/context")
async def merge_team_context(caller: Shares, team_id: str, body: Knowledge) -> FactList:
    """Adds a document to a team's context: each of its values replaces the one at its path."""
    return await in_thread(_write, caller, team_id, merging(body.knowledge, body.origin()), body.user_id)


@router.put("/{team_id}/context/{path:path}")
async def put_team_value(caller: Shares, team_id: str, path: str, body: NewValue) -> FactList:
    """Gives a path of a team's context its value; with `op`, changes the list there."""
    return await in_thread(_write, caller, team_id, [body.change(path)], body.user_id)


@router.delete("/{team_id}/context/{path:path}")
async def delete_team_path(caller: Shares, team_id: str, path: str, forget: bool = False) -> Deleted:
    """Ends what is at a path of a team's context; with `forget`, for managers, its history goes, too."""
    return Deleted(deleted=await in_thread(_delete_path, caller, team_id, path, forget))


def _by(caller: Caller, body_user: IdentifierIn | None = None) -> UserId | None:
    """The user who acts; ``None``: the application itself."""
    named = caller.user_if_named(body_user)
    if named is None:
        caller.require("teams:write")
        return None
    return caller.formation.identities.get(named).id


def _page(caller: Caller, cursor: str | None, limit: int) -> TeamPage:
    teams, by = caller.formation.teams, _by(caller)
    if by is not None:
        return TeamPage(teams=[TeamOut.of_member(one) for one in teams.of(by)], next_cursor=None)
    page = teams.newest(cursor=cursor, limit=limit)
    return TeamPage(teams=[TeamOut.of(one) for one in page.items], next_cursor=page.next_cursor)


def _rename(caller: Caller, team_id: str, name: str) -> TeamOut:
    return TeamOut.of(caller.formation.teams.rename(team_id, name, by=_by(caller), actor=caller.actor))


def _members(caller: Caller, team_id: str) -> MemberList:
    members = caller.formation.teams.members(team_id, by=_by(caller))
    return MemberList(members=[MemberOut.of(one) for one in members])


def _add_member(caller: Caller, team_id: str, body: NewMember) -> MemberList:
    by = _by(caller)
    # Before anybody is looked for: who may not do it learns of nobody, and makes nobody.
    caller.formation.teams.require_manager(team_id, by=by)
    member = _new_member(caller, body.member)
    caller.formation.teams.add_member(team_id, member, body.role, by=by, actor=caller.actor)
    return _members(caller, team_id)


def _new_member(caller: Caller, named: IdentifierIn) -> UserId:
    raw, identities = core_form(named), caller.formation.identities
    if caller.may("identities:write"):
        return identities.resolve(raw).id
    if not isinstance(raw, str) or not is_id(raw, "usr"):
        # An identifier would tell who is known here, and by what.
        raise UserNotFoundError("Name the member by their usr_ id.")
    return identities.get(raw).id


def _remove_member(caller: Caller, team_id: str, segment: str) -> None:
    teams, by = caller.formation.teams, _by(caller)
    teams.get(team_id, by=by)
    member = caller.formation.identities.locate(user_id_of(segment))
    teams.remove_member(team_id, member, by=by, actor=caller.actor)


def _shared(caller: Caller, team_id: str, cursor: str | None, limit: int) -> SharedMemoryPage:
    page = caller.formation.teams.memories(team_id, by=_by(caller), cursor=cursor, limit=limit)
    return SharedMemoryPage(memories=[SharedMemoryOut.of(one) for one in page.items], next_cursor=page.next_cursor)


def _share(caller: Caller, team_id: str, drafts: list[Draft], body_user: IdentifierIn | None) -> list[Memory]:
    by = _by(caller, body_user)
    return caller.formation.teams.remember(team_id, drafts, by=by, request_key=caller.request_key)


def _history(caller: Caller, team_id: str, path: str, cursor: str | None, limit: int) -> FactPage:
    page = caller.formation.teams.history(team_id, path, by=_by(caller), cursor=cursor, limit=limit)
    return FactPage(facts=[FactOut.of(one) for one in page.items], next_cursor=page.next_cursor)


def _write(caller: Caller, team_id: str, changes: list[Change], body_user: IdentifierIn | None) -> FactList:
    return _listed(caller.formation.teams.write(team_id, changes, by=_by(caller, body_user)))


def _delete_path(caller: Caller, team_id: str, path: str, forget: bool) -> bool:
    return caller.formation.teams.delete_path(team_id, path, by=_by(caller), forget=forget)


def _listed(facts: list[Fact]) -> FactList:
    return FactList(facts=[FactOut.of(one) for one in facts])
