"""The word of the audit, and how its rows are chained."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from muxi.ids import UserId

USER_CREATED = "user.created"
IDENTIFIER_LINKED = "identifier.linked"
IDENTIFIER_UNLINKED = "identifier.unlinked"
USERS_MERGED = "users.merged"
USERS_SPLIT = "users.split"


@dataclass(frozen=True, slots=True)
class Change:
    """Something that is about to be recorded.

    Attributes:
        action: what was done, as ``thing.done``.
        user_id: to whom; the user's own id at that time.
        details: what else; identifiers only as keyed hashes, never a secret or a text.
    """

    action: str
    user_id: UserId | None
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Record:
    """One row of the audit.

    Attributes:
        seq: its place, from 1, without gaps.
        at: in UTC.
        actor: who did it: ``resolve``, ``library``, ``command line``, ``client key`` or ``admin key``.
        action, user_id, details: as in `Change`.
        hash: SHA-256 over the row and the hash before it, in hexadecimal.
    """

    seq: int
    at: datetime
    actor: str
    action: str
    user_id: UserId | None
    details: Mapping[str, Any]
    hash: str


def chained(previous: str, formation_id: str, seq: int, at: datetime, actor: str, change: Change) -> Record:
    """The row that follows a row with the hash ``previous`` (empty for the first)."""
    # One text for one content: sorted keys, no spaces, times with microseconds, as both databases return them.
    content = json.dumps(
        [
            previous,
            formation_id,
            seq,
            at.astimezone(UTC).isoformat(timespec="microseconds"),
            actor,
            change.action,
            change.user_id,
            dict(change.details),
        ],
        sort_keys=True,
        separators=(",", ":"),
    )
    digest = hashlib.sha256(content.encode()).hexdigest()
    return Record(seq, at, actor, change.action, change.user_id, change.details, digest)
