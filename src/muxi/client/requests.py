"""Every request of the client, built without sending anything."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, TypedDict

from muxi.client import reading
from muxi.client.identifiers import IdentifierInput, as_headers, as_json, list_as_json
from muxi.client.replies import (
    Hit,
    Memory,
    Merge,
    MergePreview,
    Message,
    Page,
    Record,
    Reply,
    ResolvedUser,
    Session,
    User,
)
from muxi.client.request import Request, given, page, seconds, segment
from muxi.errors import (
    InvalidMemoryError,
    InvalidMessageError,
    MemoryNotFoundError,
    SessionNotFoundError,
    UserNotFoundError,
)


class MemoryDraft(TypedDict, total=False):
    """One of several memories to store: ``text`` is needed, the rest as in `add_memory`."""

    text: str
    metadata: Mapping[str, Any] | None
    importance: float
    session_id: str | None
    agent: str | None
    said_at: datetime | str | None
    expires_in: timedelta | None


def chat(
    message: str,
    user_id: IdentifierInput | None = None,
    *,
    agent: str | None = None,
    session_id: str | None = None,
    metadata: Mapping[str, Any] | None = None,
    stream: bool = False,
) -> Request[Reply]:
    if not isinstance(message, str):
        raise InvalidMessageError(f"A message is text, not {message.__class__.__name__}.")
    body = {"message": message, **given(agent=agent, session_id=session_id, metadata=metadata)}
    headers = as_headers(user_id) | named_once() | ({"Accept": "text/event-stream"} if stream else {})
    return Request("POST", "/v1/chat", reading.reply, body | ({"stream": True} if stream else {}), headers=headers)


def resolve_user(identifier: IdentifierInput) -> Request[ResolvedUser]:
    return Request("POST", "/v1/users/resolve", reading.resolved_user, as_json(identifier))


def user(muxi_user_id: str) -> Request[User]:
    return Request("GET", f"/v1/users/{segment(muxi_user_id, UserNotFoundError)}", reading.user)


def owner(user_id: IdentifierInput) -> Request[str]:
    return Request("GET", "/v1/identifiers", reading.muxi_user_id, headers=as_headers(user_id))


def identifiers(user_id: IdentifierInput) -> Request[list[str]]:
    return Request("GET", "/v1/identifiers", reading.shown_identifiers, headers=as_headers(user_id))


def associate(
    identifiers: Iterable[IdentifierInput],
    user_id: IdentifierInput | None = None,
    merge: bool = False,
    verified: bool = False,
) -> Request[dict[str, Any]]:
    asked = {name: True for name, said in (("merge", merge), ("verified", verified)) if said}
    body: dict[str, Any] = {"identifiers": list_as_json(identifiers)} | asked
    if user_id is not None:
        body["user_id"] = as_json(user_id)
    return Request("POST", "/v1/identifiers", reading.document, body)


def unlink(
    identifier: IdentifierInput, user_id: IdentifierInput | None = None, force: bool = False
) -> Request[dict[str, Any]]:
    body: dict[str, Any] = {**as_json(identifier), "force": force}
    if user_id is not None:
        body["user_id"] = as_json(user_id)
    # A second time it is not there any more, or may have gone to another user meanwhile.
    return Request("POST", "/v1/identifiers/unlink", reading.document, body, idempotent=False)


def merge(
    users: Iterable[IdentifierInput], into: IdentifierInput | None = None, dry_run: bool = False
) -> Request[Merge | MergePreview]:
    body: dict[str, Any] = {"users": list_as_json(users), "dry_run": dry_run}
    if into is not None:
        body["into"] = as_json(into)
    read: Callable[[Any], Merge | MergePreview] = reading.merge_preview if dry_run else reading.merge
    # A second time they are one user already.
    return Request("POST", "/v1/users/merge", read, body, idempotent=dry_run)


def split(merge_id: str) -> Request[Merge]:
    # A second time it is split already.
    return Request("POST", "/v1/users/split", reading.merge, {"merge_id": merge_id}, idempotent=False)


def merges(user_id: IdentifierInput) -> Request[list[Merge]]:
    return Request("GET", "/v1/merges", reading.merges, headers=as_headers(user_id))


def audit(
    user_id: IdentifierInput | None = None, action: str | None = None, limit: int = 50, cursor: str | None = None
) -> Request[Page[Record]]:
    params = page(limit, cursor) | given(action=action)
    return Request("GET", "/v1/audit", reading.record_page, params=params, headers=as_headers(user_id))


def verify_audit() -> Request[dict[str, Any]]:
    return Request("GET", "/v1/audit/verify", reading.document)


def sessions(user_id: IdentifierInput, limit: int = 50, cursor: str | None = None) -> Request[Page[Session]]:
    return Request("GET", "/v1/sessions", reading.session_page, params=page(limit, cursor), headers=as_headers(user_id))


def messages(
    session_id: str, user_id: IdentifierInput, limit: int = 50, cursor: str | None = None
) -> Request[Page[Message]]:
    path = f"/v1/sessions/{segment(session_id, SessionNotFoundError)}/messages"
    return Request("GET", path, reading.message_page, params=page(limit, cursor), headers=as_headers(user_id))


def add_memory(
    text: str,
    user_id: IdentifierInput,
    *,
    metadata: Mapping[str, Any] | None = None,
    importance: float = 0.5,
    session_id: str | None = None,
    agent: str | None = None,
    said_at: datetime | str | None = None,
    expires_in: timedelta | None = None,
) -> Request[Memory]:
    draft = MemoryDraft(
        text=text,
        metadata=metadata,
        importance=importance,
        session_id=session_id,
        agent=agent,
        said_at=said_at,
        expires_in=expires_in,
    )
    headers = as_headers(user_id) | named_once()
    return Request("POST", "/v1/memories", reading.memory, _draft(draft), headers=headers)


def add_memories(memories: Iterable[str | MemoryDraft], user_id: IdentifierInput) -> Request[list[Memory]]:
    if isinstance(memories, str | bytes | Mapping):
        raise InvalidMemoryError("The memories are not a list. Use add_memory for a single one.")
    drafts = [_draft({"text": memory} if isinstance(memory, str) else memory) for memory in memories]
    headers = as_headers(user_id) | named_once()
    return Request("POST", "/v1/memories", reading.memories, {"memories": drafts}, headers=headers)


def memories(user_id: IdentifierInput, limit: int = 50, cursor: str | None = None) -> Request[Page[Memory]]:
    return Request("GET", "/v1/memories", reading.memory_page, params=page(limit, cursor), headers=as_headers(user_id))


def search(
    query: str,
    user_id: IdentifierInput,
    limit: int = 10,
    agent: str | None = None,
    filter_metadata: Mapping[str, Any] | None = None,
    scope: str = "long_term",
    explain: bool = False,
) -> Request[list[Hit]]:
    narrowed = given(agent=agent, filter_metadata=filter_metadata, explain=explain or None)
    body = {"query": query, "limit": limit, "scope": scope, **narrowed}
    return Request("POST", "/v1/memories/search", reading.hits, body, headers=as_headers(user_id))


def delete_memory(memory_id: str, user_id: IdentifierInput) -> Request[None]:
    path = f"/v1/memories/{segment(memory_id, MemoryNotFoundError)}"
    # Sent again after a lost answer it reports that nothing is there, which is then true.
    return Request("DELETE", path, reading.nothing, headers=as_headers(user_id))


def health() -> Request[dict[str, Any]]:
    return Request("GET", "/health", reading.document)


def ready() -> Request[dict[str, Any]]:
    return Request("GET", "/ready", reading.document)


def named_once() -> dict[str, str]:
    """Names the request, so that the server stores it once however often it arrives."""
    return {"Idempotency-Key": str(uuid.uuid4())}


def _draft(memory: MemoryDraft) -> dict[str, Any]:
    draft = given(**memory)
    said_at = draft.get("said_at")
    written = {"said_at": said_at.isoformat()} if isinstance(said_at, datetime) else {}
    return draft | written | given(expires_in=seconds(draft.get("expires_in")))
