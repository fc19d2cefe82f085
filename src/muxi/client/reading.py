"""JSON of the server into the values of `muxi.client.replies`.

What is missing or of another form raises KeyError, TypeError or ValueError; `muxi.client.answers` makes one error of
them. Members that this version does not know are passed over, so that a newer server can say more.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, TypeVar

from muxi.client.replies import (
    Disagreement,
    Hit,
    Holdings,
    LinkedIdentifier,
    Memory,
    Merge,
    MergePreview,
    Message,
    Page,
    Record,
    Reply,
    ResolvedUser,
    Session,
    Usage,
    User,
)

T = TypeVar("T")
Json = dict[str, Any]


def nothing(_: Any) -> None:
    """For answers without a body."""


def document(body: Any) -> Json:
    """A JSON object, as it is."""
    if not isinstance(body, dict):
        raise TypeError("not a JSON object")
    return body


def reply(body: Json) -> Reply:
    return Reply(
        text=body["text"],
        user_id=body["user_id"],
        session_id=body["session_id"],
        message_id=body["message_id"],
        agent=body["agent"],
        recalled=tuple(hit(found) for found in body.get("recalled") or ()),
        usage=usage(body.get("usage") or {}),
    )


def usage(body: Json) -> Usage:
    return Usage(body.get("prompt_tokens", 0), body.get("completion_tokens", 0))


def hit(body: Json) -> Hit:
    shared = (body.get("owner", "user"), body.get("team_id"), body.get("team_name"), body.get("author"))
    return Hit(memory(body["memory"]), body["score"], body.get("features"), body.get("adds"), *shared)


def hits(body: Json) -> list[Hit]:
    return [hit(found) for found in body["hits"]]


def memory(body: Json) -> Memory:
    return Memory(
        memory_id=body["memory_id"],
        text=body["text"],
        kind=body["kind"],
        importance=body["importance"],
        channel=body["channel"],
        agent=body["agent"],
        session_id=body["session_id"],
        said_at=moment(body["said_at"]),
        created_at=moment(body["created_at"]),
        metadata=body["metadata"],
        expires_at=moment(body["expires_at"]) if body.get("expires_at") else None,
    )


def memories(body: Json) -> list[Memory]:
    return [memory(stored) for stored in body["memories"]]


def memory_page(body: Json) -> Page[Memory]:
    return page(body, "memories", memory)


def resolved_user(body: Json) -> ResolvedUser:
    return ResolvedUser(body["muxi_user_id"], body["created"], moment(body["created_at"]))


def user(body: Json) -> User:
    linked = tuple(linked_identifier(one) for one in body["identifiers"])
    return User(body["muxi_user_id"], moment(body["created_at"]), linked)


def muxi_user_id(body: Json) -> str:
    """Whose identifiers these are."""
    return str(body["muxi_user_id"])


def shown_identifiers(body: Json) -> list[str]:
    """Identifiers as they were written."""
    return [one["identifier"] for one in body["identifiers"]]


def linked_identifier(body: Json) -> LinkedIdentifier:
    return LinkedIdentifier(
        identifier=body["identifier"],
        type=body["type"],
        linked_at=moment(body["linked_at"]),
        linked_by=body["linked_by"],
        verified_at=moment(body["verified_at"]) if body["verified_at"] else None,
    )


def merge(body: Json) -> Merge:
    return Merge(
        merge_id=body["merge_id"],
        survivor=body["survivor"],
        merged=tuple(body["merged"]),
        merged_at=moment(body["merged_at"]),
        merged_by=body["merged_by"],
        split_at=moment(body["split_at"]) if body["split_at"] else None,
    )


def merge_preview(body: Json) -> MergePreview:
    held = {user: holdings(one) for user, one in body["holdings"].items()}
    differing = tuple(Disagreement(one["path"], one["values"]) for one in body["disagreements"])
    return MergePreview(body["survivor"], held, differing)


def merges(body: Json) -> list[Merge]:
    return [merge(one) for one in body["merges"]]


def record_page(body: Json) -> Page[Record]:
    return page(body, "records", _record)


def session_page(body: Json) -> Page[Session]:
    return page(body, "sessions", session)


def message_page(body: Json) -> Page[Message]:
    return page(body, "messages", _message)


def moment(text: str) -> datetime:
    """An RFC 3339 time."""
    return datetime.fromisoformat(text)


def page(body: Json, name: str, read: Callable[[Json], T]) -> Page[T]:
    """A page whose items are the member ``name``."""
    return Page(tuple(read(one) for one in body[name]), body["next_cursor"])


def holdings(body: Json) -> Holdings:
    return Holdings(body["identifiers"], body["sessions"], body["messages"], body["memories"], body["facts"])


def _record(body: Json) -> Record:
    return Record(
        seq=body["seq"],
        at=moment(body["at"]),
        actor=body["actor"],
        action=body["action"],
        muxi_user_id=body["muxi_user_id"],
        details=body["details"],
        hash=body["hash"],
    )


def session(body: Json) -> Session:
    return Session(
        session_id=body["session_id"],
        name=body["name"],
        channel=body["channel"],
        started_at=moment(body["started_at"]),
        last_at=moment(body["last_at"]),
        messages=body["messages"],
        metadata=body.get("metadata") or {},
        ends_at=moment(body["ends_at"]) if body.get("ends_at") else None,
    )


def _message(body: Json) -> Message:
    return Message(
        message_id=body["message_id"],
        seq=body["seq"],
        role=body["role"],
        text=body["text"],
        agent=body["agent"],
        metadata=body["metadata"],
        created_at=moment(body["created_at"]),
    )
