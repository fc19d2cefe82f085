"""Keys, roles and tokens as JSON."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated

from pydantic import Field

from muxi.core.access.types import ApiKey, NewApiKey, Role, UserToken
from muxi.server.schemas.base import Name, Request, Response
from muxi.server.schemas.identifiers import IdentifierIn
from muxi.server.schemas.proofs import span

#: A span of time, in seconds.
Seconds = Annotated[float, Field(gt=0, le=3_153_600_000)]
Permission = Annotated[str, Field(max_length=64)]


class AccessOut(Response):
    """Who calls, and what they may do."""

    formation: str
    actor: str
    muxi_user_id: str | None
    permissions: list[str]


class NewKey(Request):
    """A key to be made."""

    name: Name = ""
    role: Annotated[str, Field(max_length=32)] = "developer"
    owner: Name = ""
    scopes: Annotated[list[Permission], Field(max_length=64)] | None = None
    user_id: IdentifierIn | None = None
    expires_in: Seconds | None = None

    def lifetime(self) -> timedelta | None:
        return span(self.expires_in)


class RotateRequest(Request):
    """How long the old key still works, in seconds."""

    overlap: Annotated[float, Field(ge=0, le=7_776_000)] = 86_400.0


class KeyOut(Response):
    """What is kept of a key."""

    key_id: str
    name: str
    owner: str
    role: str
    scopes: list[str] | None
    muxi_user_id: str | None
    created_at: datetime
    created_by: str
    expires_at: datetime | None
    last_used_at: datetime | None
    revoked_at: datetime | None
    rotated_to: str | None

    @classmethod
    def of(cls, key: ApiKey) -> KeyOut:
        return cls(
            key_id=key.id,
            name=key.name,
            owner=key.owner,
            role=key.role,
            scopes=None if key.scopes is None else list(key.scopes),
            muxi_user_id=key.user_id,
            created_at=key.created_at,
            created_by=key.created_by,
            expires_at=key.expires_at,
            last_used_at=key.last_used_at,
            revoked_at=key.revoked_at,
            rotated_to=key.rotated_to,
        )


class NewKeyOut(Response):
    """A key that was just made: the only time that it is shown."""

    key: str
    record: KeyOut

    @classmethod
    def of_new(cls, new: NewApiKey) -> NewKeyOut:
        return cls(key=new.key, record=KeyOut.of(new.record))


class KeyPage(Response):
    """A page of keys, newest first."""

    keys: list[KeyOut]
    next_cursor: str | None


class RoleIn(Request):
    """What a role may do."""

    permissions: Annotated[list[Permission], Field(max_length=64)]
    description: Annotated[str, Field(max_length=255)] = ""


class RoleOut(Response):
    """A role."""

    name: str
    description: str
    permissions: list[str]
    built_in: bool

    @classmethod
    def of(cls, role: Role, *, built_in: bool) -> RoleOut:
        return cls(
            name=role.name, description=role.description, permissions=sorted(role.permissions), built_in=built_in
        )


class RoleList(Response):
    """Every role."""

    roles: list[RoleOut]


class TokenRequest(Request):
    """A token of a user to be made; ``expires_in`` in seconds."""

    user_id: IdentifierIn | None = None
    expires_in: Annotated[float, Field(ge=1, le=604_800)] = 3600.0


class TokenOut(Response):
    """A token that was just made."""

    token: str
    jti: str
    muxi_user_id: str
    expires_at: datetime

    @classmethod
    def of(cls, token: UserToken) -> TokenOut:
        return cls(token=token.token, jti=token.jti, muxi_user_id=token.user_id, expires_at=token.expires_at)


class RevokeRequest(Request):
    """Which token, by itself or by its ``jti``; without either, every token of the acting user."""

    token: Annotated[str, Field(max_length=4096)] | None = None
    jti: Annotated[str, Field(min_length=1, max_length=64)] | None = None
    user_id: IdentifierIn | None = None


class Revoked(Response):
    """What was revoked: one token, or all of a user's."""

    jti: str | None
    muxi_user_id: str | None


class SigningKeyOut(Response):
    """With what tokens are signed from now on."""

    kid: str
    algorithm: str


class KeySet(Response):
    """Public keys as a JWK set (RFC 7517)."""

    keys: list[dict[str, str]]
