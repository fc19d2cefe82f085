"""The word of the audit, and how its rows are chained."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from json.encoder import encode_basestring_ascii as _quoted
from typing import Any

from muxi.ids import UserId

USER_CREATED = "user.created"
IDENTIFIER_LINKED = "identifier.linked"
IDENTIFIER_UNLINKED = "identifier.unlinked"
IDENTIFIERS_IMPORTED = "identifiers.imported"
IDENTIFIER_ATTRACTS = "identifier.attracts"
IDENTIFIER_VERIFIED = "identifier.verified"
IDENTIFIER_EVICTED = "identifier.evicted"
VERIFICATION_STARTED = "verification.started"
LINK_TOKEN_CREATED = "link_token.created"
USERS_MERGED = "users.merged"
USERS_SPLIT = "users.split"
USER_DISABLED = "user.disabled"
USER_ENABLED = "user.enabled"
USER_ERASED = "user.erased"
USER_RESTORED = "user.restored"
USER_DATA_DELETED = "user.data_deleted"
DATA_EXPIRED = "data.expired"
KEY_CREATED = "key.created"
KEY_ROTATED = "key.rotated"
KEY_REVOKED = "key.revoked"
ROLE_CHANGED = "role.changed"
ROLE_REMOVED = "role.removed"
SIGNING_KEY_CHANGED = "signing_key.changed"
TOKEN_REVOKED = "token.revoked"
TOKENS_REVOKED = "tokens.revoked"
ACCESS_DENIED = "access.denied"
CREDENTIAL_ADDED = "credential.added"
CREDENTIAL_REPLACED = "credential.replaced"
CREDENTIAL_READ = "credential.read"
CREDENTIAL_REMOVED = "credential.removed"
DATA_KEYS_REWRAPPED = "data_keys.rewrapped"
TEAM_CREATED = "team.created"
TEAM_RENAMED = "team.renamed"
TEAM_DELETED = "team.deleted"
TEAM_MEMBER_ADDED = "team.member_added"
TEAM_MEMBER_CHANGED = "team.member_changed"
TEAM_MEMBER_REMOVED = "team.member_removed"


#: Made once: `json.dumps` would make one for each row.
written = json.JSONEncoder(sort_keys=True, separators=(",", ":")).encode


@lru_cache(maxsize=64)
def _stamp(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="microseconds")


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
        actor: who did it: ``resolve``, ``library``, ``command line``, ``client key``, ``admin key``, ``chat command``
            or ``expiry``.
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
    digest = row_hash(
        previous, formation_id, seq, at, actor, change.action, change.user_id, written(dict(change.details))
    )
    return Record(seq, at, actor, change.action, change.user_id, change.details, digest)


def row_hash(
    previous: str,
    formation_id: str,
    seq: int,
    at: datetime,
    actor: str,
    action: str,
    user_id: str | None,
    details: str,
) -> str:
    """The hash of a row that follows one with the hash ``previous``; ``details`` as `written` writes them."""
    # One text for one content: sorted keys, no spaces, times with microseconds, as both databases return them.
    user = "null" if user_id is None else _quoted(user_id)
    content = (
        f'[{_quoted(previous)},{_quoted(formation_id)},{seq},"{_stamp(at)}",'
        f"{_quoted(actor)},{_quoted(action)},{user},{details}]"
    )
    return hashlib.sha256(content.encode()).hexdigest()
