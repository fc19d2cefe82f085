"""Exports of conversations, as JSON Lines: a message a line, or a conversation a line as for a chat model."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

from muxi.core.identity.import_file import BadLineError
from muxi.core.imports import values
from muxi.core.imports.types import Reading, Record
from muxi.core.sessions.types import ASSISTANT, USER

#: The conversation of messages that name none.
UNNAMED = "imported"
_ROLES = {"user": USER, "human": USER, "assistant": ASSISTANT, "ai": ASSISTANT, "model": ASSISTANT}
#: What stands in such files and nobody has said.
_OF_NOBODY = frozenset(("system", "developer", "tool", "function"))
#: Between messages of one time, so that their order stays.
_APART = timedelta(milliseconds=1)


def jsonl(document: Any, reading: Reading) -> Iterator[Record | None]:
    """A message, or those of a conversation; ``None`` for one that nobody has said."""
    line = values.mapping(document)
    if "messages" in line:
        yield from _conversation(line, reading)
    else:
        yield _message(line, line, reading, values.name(line, "session", "conversation") or UNNAMED)


def _conversation(line: Mapping[str, Any], reading: Reading) -> Iterator[Record | None]:
    messages = line["messages"]
    if not isinstance(messages, list):
        raise BadLineError("'messages' is not a list.")
    session = values.name(line, "session", "conversation", "id") or f"{UNNAMED} {_digest(line)}"
    at = values.moment(values.first(line, "timestamp", "created_at"), "timestamp")
    for place, one in enumerate(messages):
        message = values.mapping(one)
        own = message if "timestamp" in message or "created_at" in message else {**message, "timestamp": _at(at, place)}
        # What has no id is known by its place.
        yield _message(own, line, reading, session, values.name(message, "id") or f"{session} {place}")


def _at(at: Any, place: int) -> str | None:
    return None if at is None else (at + place * _APART).isoformat()


def _message(
    message: Mapping[str, Any], line: Mapping[str, Any], reading: Reading, session: str, id: str = ""
) -> Record | None:
    role = message.get("role")
    if not isinstance(role, str) or role not in {*_ROLES, *_OF_NOBODY}:
        raise BadLineError(f"'role' is none of {', '.join(_ROLES)}.")
    if role in _OF_NOBODY:
        return None
    own = message.get("metadata")
    return Record(
        values.name(line, "user", "user_id") or None,
        values.name(line, "type") or reading.type,
        id or values.name(message, "id"),
        _said(message),
        values.moment(values.first(message, "timestamp", "created_at"), "timestamp"),
        role=_ROLES[role],
        agent=values.name(message, "agent") or values.name(line, "agent"),
        session=session,
        metadata=dict(values.mapping(own)) if own is not None else {},
    )


def _said(message: Mapping[str, Any]) -> str:
    content = values.first(message, "content", "text")
    if isinstance(content, list):
        # Parts, of which some are images.
        texts = [part["text"] for part in content if isinstance(part, Mapping) and isinstance(part.get("text"), str)]
        content = "\n".join(texts)
    return values.text({"content": content}, "content")


def _digest(line: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(line, sort_keys=True).encode()).hexdigest()[:12]
