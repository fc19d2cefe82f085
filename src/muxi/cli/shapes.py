"""The core's values in the shapes of the HTTP interface."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from datetime import datetime
from typing import Any

from muxi.core.audit.service import Verdict
from muxi.core.audit.types import Record
from muxi.core.chat.types import Reply
from muxi.core.identity.types import (
    AnonymousUser,
    LinkedIdentifier,
    LinkToken,
    Merge,
    MergePreview,
    Started,
    User,
    UserDetails,
    UserSummary,
)
from muxi.core.memory.extraction.work import Failure, Status
from muxi.core.memory.facts import Fact
from muxi.core.memory.types import Hit, Memory
from muxi.core.memory.weights import adds_of
from muxi.core.privacy.types import Deleted, Erased, Restored

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
        "expires_at": one.expires_at.isoformat() if one.expires_at else None,
    }


def hit(one: Hit) -> Shape:
    """A found memory and its score."""
    return {
        "memory": memory(one.memory),
        "score": one.score,
        "features": None if one.features is None else dict(one.features),
        "adds": adds_of(one),
        "owner": one.owner.kind,
        "team_id": one.owner.team_id,
        "team_name": one.owner.team_name or None,
        "author": one.memory.author_id,
    }


def fact(one: Fact) -> Shape:
    """What was said about one path."""
    return {
        "fact_id": one.id,
        "muxi_user_id": one.user_id,
        "path": one.path,
        "op": one.op,
        "value": one.value,
        "source": one.source,
        "importance": one.importance,
        "confidence": one.confidence,
        "observed_at": one.observed_at.isoformat(),
        "last_at": one.last_at.isoformat(),
        "times": one.times,
        "messages": list(one.evidence),
        "superseded_at": _text(one.superseded_at),
        "superseded_by": one.superseded_by,
    }


def linked(one: LinkedIdentifier) -> Shape:
    """An identifier as it is shown; a secret is masked."""
    return {
        "identifier": one.shown,
        "type": one.type or None,
        "linked_at": one.linked_at.isoformat(),
        "linked_by": one.linked_by,
        "verified_at": _text(one.verified_at),
    }


def user(one: User, identifiers: Iterable[LinkedIdentifier]) -> Shape:
    """A user with every identifier."""
    return {
        "muxi_user_id": one.id,
        "created_at": one.created_at.isoformat(),
        "identifiers": [linked(identifier) for identifier in identifiers],
    }


def user_summary(one: UserSummary) -> Shape:
    """One user of a list."""
    return {
        "muxi_user_id": one.id,
        "created_at": one.created_at.isoformat(),
        "disabled_at": _text(one.disabled_at),
        "last_at": _text(one.last_at),
        "identifiers": [linked(identifier) for identifier in one.identifiers],
    }


def user_details(one: UserDetails) -> Shape:
    """A user, what they have, and their merges."""
    return user_summary(one.summary) | {
        "holdings": asdict(one.holdings),
        "merges": [merge(other) for other in one.merges],
    }


def erased(one: Erased) -> Shape:
    """The receipt of an erasure."""
    return {
        "muxi_user_id": one.user_id,
        "users": list(one.users),
        "counts": dict(one.counts),
        "receipt": one.receipt,
        "erased_at": one.erased_at.isoformat(),
    }


def deleted(one: Deleted) -> Shape:
    """The receipt of a deletion."""
    return {
        "muxi_user_id": one.user_id,
        "counts": dict(one.counts),
        "before": one.before.isoformat() if one.before else None,
        "receipt": one.receipt,
        "deleted_at": one.deleted_at.isoformat(),
    }


def restored(one: Restored) -> Shape:
    """What came back from an export."""
    return {"muxi_user_id": one.user_id, "counts": dict(one.counts), "skipped": dict(one.skipped)}


def started(one: Started) -> Shape:
    """A one-time code."""
    return {"code": one.code, "expires_at": one.expires_at.isoformat(), "identifier": one.identifier}


def link_token(one: LinkToken) -> Shape:
    """A signed token of an identifier."""
    return {"token": one.token, "expires_at": one.expires_at.isoformat()}


def anonymous_user(one: AnonymousUser) -> Shape:
    """A visitor."""
    return {"muxi_user_id": one.user_id, "token": one.token, "expires_at": one.expires_at.isoformat()}


def merge(one: Merge) -> Shape:
    """Users that were made one."""
    return {
        "merge_id": one.id,
        "survivor": one.survivor_id,
        "merged": list(one.merged_ids),
        "merged_at": one.merged_at.isoformat(),
        "merged_by": one.merged_by,
        "split_at": _text(one.split_at),
    }


def merge_preview(one: MergePreview) -> Shape:
    """What a merge would join."""
    return {
        "survivor": one.survivor_id,
        "holdings": {user: asdict(held) for user, held in one.holdings.items()},
        "disagreements": [
            {"path": differing.path, "values": dict(differing.values)} for differing in one.disagreements
        ],
    }


def extraction_status(one: Status) -> Shape:
    """How reading what users say stands."""
    return {
        "waiting": one.waiting,
        "waiting_since": _text(one.waiting_since),
        "failing": one.failing,
        "errors": dict(one.errors),
        "failures": one.failures,
    }


def extraction_failure(one: Failure) -> Shape:
    """Messages that could not be read."""
    return {
        "failure_id": one.id,
        "muxi_user_id": one.user_id,
        "messages": one.last_place - one.first_place + 1,
        "code": one.code,
        "message": one.message,
        "tries": one.tries,
        "failed_at": one.failed_at.isoformat(),
    }


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


def _text(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None
