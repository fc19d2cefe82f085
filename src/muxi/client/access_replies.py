"""What the server answers about keys, tokens and roles, as values."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class ApiKey:
    """What is kept of a key.

    Attributes:
        key_id: ``key_...``, for `rotate` and `revoke`.
        name: what it is for.
        owner: who answers for it.
        role: a role's name.
        scopes: what the role is narrowed to; ``None``: not at all.
        muxi_user_id: for whom it acts, and for nobody else; ``None``: for anybody.
        created_at: in UTC.
        created_by: who made it.
        expires_at: from then on it opens nothing; ``None``: it stays.
        last_used_at: to the minute; ``None``: never.
        revoked_at: since when it opens nothing.
        rotated_to: the key that takes its place.
    """

    key_id: str
    name: str
    owner: str
    role: str
    scopes: tuple[str, ...] | None
    muxi_user_id: str | None
    created_at: datetime
    created_by: str
    expires_at: datetime | None
    last_used_at: datetime | None
    revoked_at: datetime | None
    rotated_to: str | None


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
class Caller:
    """Whom the server takes this client for.

    Attributes:
        formation: the one that is open to it.
        actor: what stands in the audit.
        muxi_user_id: the only user it may act for; ``None``: any.
        permissions: what it may do.
    """

    formation: str
    actor: str
    muxi_user_id: str | None
    permissions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Role:
    """A name for a set of permissions.

    Attributes:
        name: of the role.
        description: for people.
        permissions: such as ``memories:read``.
        built_in: whether every formation has it.
    """

    name: str
    description: str
    permissions: tuple[str, ...]
    built_in: bool


@dataclass(frozen=True, slots=True)
class UserToken:
    """A token of a user.

    Attributes:
        token: what opens.
        jti: names it, for `revoke`.
        muxi_user_id: for whom it acts.
        expires_at: in UTC.
    """

    token: str = field(repr=False)
    jti: str
    muxi_user_id: str
    expires_at: datetime
