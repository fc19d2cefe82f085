"""The core's values in the shapes of the HTTP interface."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from muxi.core.audit.service import Verdict
from muxi.core.audit.types import Record
from muxi.core.chat.types import Reply
from muxi.core.identity.types import LinkedIdentifier, Merge, MergePreview
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


def merge(one: Merge) -> Shape:
    """Users that were made one."""
    return {
        "merge_id": one.id,
        "survivor": one.survivor_id,
        "merged": list(one.merged_ids),
        "merged_at": one.merged_at.isoformat(),
        "merged_by": one.merged_by,
        "split_at": one.split_at.isoformat() if one.split_at else None,
    }


def merge_preview(one: MergePreview) -> Shape:
    """What a merge would join."""
    return {"survivor": one.survivor_id, "holdings": {user: asdict(held) for user, held in one.holdings.items()}}


def record(one: Record) -> Shape:
    """One row of the audit."""
    return {
        "seq": one.seq,
        "at": one.at.isoformat(),
        "actor": one.actor,
        "action": one.action,
        "muxi_user_id": one.user_id,
        "details": dict(one.details),
        "hash": one.hash,
    }


def verdict(one: Verdict) -> Shape:
    """What a check of the audit found."""
    return {"sound": one.sound, "rows": one.rows, "broken_at": one.broken_at}


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
