"""Credentials of users as JSON."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import Field, SecretStr

from muxi.core.credentials.types import Credential, Secret
from muxi.server.schemas.access import Seconds
from muxi.server.schemas.base import Metadata, Request, Response
from muxi.server.schemas.identifiers import IdentifierIn

CredentialId = Annotated[str, Field(max_length=64)]


class NewCredential(Request):
    """A secret to be stored; ``expires_in`` in seconds."""

    secret: Annotated[SecretStr, Field(min_length=1, max_length=65_536)]
    metadata: Metadata | None = None
    expires_in: Seconds | None = None
    credential_id: CredentialId | None = None
    user_id: IdentifierIn | None = None


class CredentialOut(Response):
    """What is kept of a secret, without the secret."""

    credential_id: str
    muxi_user_id: str
    service: str
    name: str
    preview: str
    metadata: Metadata
    created_at: datetime
    updated_at: datetime
    last_used_at: datetime | None
    expires_at: datetime | None

    @classmethod
    def of(cls, one: Credential) -> CredentialOut:
        return cls(
            credential_id=one.id,
            muxi_user_id=one.user_id,
            service=one.service,
            name=one.name,
            preview=one.preview,
            metadata=dict(one.metadata),
            created_at=one.created_at,
            updated_at=one.updated_at,
            last_used_at=one.last_used_at,
            expires_at=one.expires_at,
        )


class CredentialList(Response):
    """A user's credentials, by service and name."""

    credentials: list[CredentialOut]


class RevealedOut(Response):
    """A secret, and what it is."""

    secret: str = Field(repr=False)
    credential: CredentialOut

    @classmethod
    def of(cls, secret: Secret) -> RevealedOut:
        return cls(secret=secret.reveal(), credential=CredentialOut.of(secret.credential))
