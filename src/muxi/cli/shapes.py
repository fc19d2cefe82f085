"""The core's values in the shapes of the HTTP interface."""

from __future__ import annotations

from typing import Any

from muxi.core.chat.types import Reply
from muxi.core.identity.types import LinkedIdentifier
from muxi.core.memory.types import Hit, Memory

Shape = dict[str, Any]


def memory(one: Memory) -> Shape:
    """A memory, without its vector."""
    return {
        "memory_id": one.id,
        "text": one.text,
        "kind": one.kind,
        "importance": one.importance,
        "channel": one.channel,
        "agent": one.agent_id,
        "session_id": one.session_id,
        "said_at": one.said_at.isoformat(),
        "created_at": one.created_at.isoformat(),
        "metadata": dict(one.metadata),
    }


def hit(one: Hit) -> Shape:
    """A found memory and its score."""
    return {"memory": memory(one.memory), "score": one.score}


def linked(one: LinkedIdentifier) -> Shape:
    """An identifier as it is shown; a secret is masked."""
    return {
        "identifier": one.shown,
        "type": one.type or None,
        "linked_at": one.linked_at.isoformat(),
        "linked_by": one.linked_by,
        "verified_at": one.verified_at.isoformat() if one.verified_at else None,
    }


def reply(one: Reply) -> Shape:
    """An answer, and what it rests on."""
    return {
        "text": one.text,
        "user_id": one.user_id,
        "session_id": one.session_id,
        "message_id": one.message_id,
        "agent": one.agent,
        "recalled": [hit(found) for found in one.recalled],
        "usage": {
            "prompt_tokens": one.usage.prompt_tokens,
            "completion_tokens": one.usage.completion_tokens,
        },
    }
