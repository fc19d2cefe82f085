"""Every request about teams, built without sending anything; and its answer, read."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from muxi.client import reading
from muxi.client.identifiers import IdentifierInput, as_headers, as_json
from muxi.client.reading import Json, memory, moment
from muxi.client.reading import page as page_of
from muxi.client.replies import Page
from muxi.client.request import Request, given, page, seconds, segment
from muxi.client.requests import named_once
from muxi.client.team_replies import Member, SharedMemory, Team, TeamDeleted
from muxi.errors import MemoryNotFoundError, NotFoundError, UserNotFoundError

_TEAMS = "/v1/teams"


def create(name: str) -> Request[Team]:
    return Request("POST", _TEAMS, _team, {"name": name}, headers=named_once())


def teams(user_id: IdentifierInput | None, limit: int, cursor: str | None) -> Request[Page[Team]]:
    return Request("GET", _TEAMS, _team_page, params=page(limit, cursor), headers=as_headers(user_id))


def show(team_id: str, user_id: IdentifierInput | None) -> Request[Team]:
    return Request("GET", at(team_id), _team, headers=as_headers(user_id))


def rename(team_id: str, name: str, user_id: IdentifierInput | None) -> Request[Team]:
    return Request("PATCH", at(team_id), _team, {"name": name}, headers=as_headers(user_id))


def delete(team_id: str) -> Request[TeamDeleted]:
    # A second time there is none any more, and the first answer would be lost.
    return Request("DELETE", at(team_id), _team_deleted, idempotent=False)


def members(team_id: str, user_id: IdentifierInput | None) -> Request[list[Member]]:
    return Request("GET", f"{at(team_id)}/members", _members, headers=as_headers(user_id))


def add_member(
    team_id: str, member: IdentifierInput, role: str, user_id: IdentifierInput | None
) -> Request[list[Member]]:
    named = as_json(member)
    written = named["identifier"] if named.keys() == {"identifier"} else named
    body = {"member": written, "role": role}
    return Request("POST", f"{at(team_id)}/members", _members, body, headers=as_headers(user_id))


def remove_member(team_id: str, muxi_user_id: str, user_id: IdentifierInput | None) -> Request[None]:
    path = f"{at(team_id)}/members/{segment(muxi_user_id, UserNotFoundError)}"
    return Request("DELETE", path, reading.nothing, headers=as_headers(user_id), idempotent=False)


def add_memory(
    team_id: str,
    text: str,
    user_id: IdentifierInput | None,
    *,
    metadata: Mapping[str, Any] | None,
    importance: float,
    expires_in: timedelta | None,
) -> Request[SharedMemory]:
    body = {"text": text, "importance": importance, **given(metadata=metadata, expires_in=seconds(expires_in))}
    headers = as_headers(user_id) | named_once()
    return Request("POST", f"{at(team_id)}/memories", _shared, body, headers=headers)


def memories(
    team_id: str, user_id: IdentifierInput | None, limit: int, cursor: str | None
) -> Request[Page[SharedMemory]]:
    path, params = f"{at(team_id)}/memories", page(limit, cursor)
    return Request("GET", path, _shared_page, params=params, headers=as_headers(user_id))


def delete_memory(team_id: str, memory_id: str, user_id: IdentifierInput | None) -> Request[None]:
    path = f"{at(team_id)}/memories/{segment(memory_id, MemoryNotFoundError)}"
    return Request("DELETE", path, reading.nothing, headers=as_headers(user_id), idempotent=False)


def at(team_id: str) -> str:
    """Where a team is."""
    return f"{_TEAMS}/{segment(team_id, NotFoundError)}"


def context_of(team_id: str) -> str:
    """Where a team's context is."""
    return f"{at(team_id)}/context"


def _team(body: Json) -> Team:
    joined_at = body.get("joined_at")
    return Team(
        team_id=body["team_id"],
        name=body["name"],
        created_at=moment(body["created_at"]),
        role=body.get("role"),
        joined_at=moment(joined_at) if joined_at else None,
    )


def _team_page(body: Json) -> Page[Team]:
    return page_of(body, "teams", _team)


def _team_deleted(body: Json) -> TeamDeleted:
    return TeamDeleted(body["team_id"], body["counts"], body["receipt"], moment(body["deleted_at"]))


def _members(body: Json) -> list[Member]:
    return [Member(one["muxi_user_id"], one["role"], moment(one["joined_at"])) for one in body["members"]]


def _shared(body: Json) -> SharedMemory:
    return SharedMemory(memory(body), body["author"])


def _shared_page(body: Json) -> Page[SharedMemory]:
    return page_of(body, "memories", _shared)
