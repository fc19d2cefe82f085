"""The words of access: a key, a role, a token."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from muxi.ids import KeyId, UserId


@dataclass(frozen=True, slots=True)
class Role:
    """A name for a set of permissions.

    Attributes:
        name: ``owner``, ``admin``, ``support``, ``developer``, ``user``, or a formation's own.
        description: for people.
        permissions: of `muxi.core.access.policy.PERMISSIONS`.
    """

    name: str
    description: str
    permissions: frozenset[str]


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key of an application, without what opens with it.

    Attributes:
        id: ``key_...``, which stands in the key; ``client key`` and ``admin key`` for those of the settings.
        formation_id: the one it opens.
        name: what it is for.
        owner: who answers for it.
        role: a role's name.
        scopes: what the role is narrowed to; ``None``: not at all.
        permissions: what may be done with it: its role's, within its scopes.
        user_id: for whom it acts, and for nobody else; ``None``: for anybody.
        created_at: in UTC.
        created_by: who made it.
        expires_at: from then on it opens nothing; ``None``: it stays.
        last_used_at: to the minute; ``None``: never.
        revoked_at: since when it opens nothing.
        rotated_to: the key that takes its place.
    """

    id: KeyId
    formation_id: str
    name: str
    owner: str
    role: str
    scopes: tuple[str, ...] | None
    permissions: frozenset[str]
    user_id: UserId | None
    created_at: datetime
    created_by: str
    expires_at: datetime | None = None
    last_used_at: datetime | None = None
    revoked_at: datetime | None = None
    rotated_to: KeyId | None = None


@dataclass(frozen=True, slots=True)
class NewApiKey:
    """A key that was just made.

    Attributes:
        key: what opens; shown this once.
        record: what is kept of it.
    """

    key: str = field(repr=False)
    record: ApiKey


@dataclass(frozen=True, slots=True)
class SigningKey:
    """With what tokens are signed.

    Attributes:
        kid: names it in a token's header.
        algorithm: ``HS256`` or ``EdDSA``; nothing else is believed of a token with this key.
        created_at: in UTC.
        retired_at: since when it signs nothing.
    """

    kid: str
    algorithm: str
    created_at: datetime
    retired_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class UserToken:
    """A token that was just made.

    Attributes:
        token: what opens.
        jti: names it, to revoke it.
        user_id: for whom it acts.
        expires_at: in UTC.
    """

    token: str = field(repr=False)
    jti: str
    user_id: UserId
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Worth:
    """Which tokens are worth something.

    Attributes:
        keys: with which they may be signed.
        revoked: the ``jti`` of those that were taken back.
        floors: by user, since when their tokens count.
    """

    keys: tuple[SigningKey, ...]
    revoked: frozenset[str]
    floors: Mapping[UserId, datetime]


Claims = Mapping[str, Any]
