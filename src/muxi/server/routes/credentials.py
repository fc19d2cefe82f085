"""Credentials: users' secrets for outside services."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from muxi.core.identity.types import User
from muxi.core.threads import in_thread
from muxi.errors import UnprovenIdentifierError
from muxi.ids import is_id
from muxi.server.caller import Caller, requires
from muxi.server.schemas.credentials import CredentialId, CredentialList, CredentialOut, NewCredential, RevealedOut
from muxi.server.schemas.identifiers import IdentifierIn
from muxi.server.schemas.proofs import span

router = APIRouter(prefix="/credentials", tags=["credentials"])

#: Which one is meant, where users who were merged have one of a name each.
Which = Annotated[CredentialId | None, Query()]


@router.get("")
async def list_credentials(
    caller: Annotated[Caller, requires("credentials:read")], service: Annotated[str, Query(max_length=64)] = ""
) -> CredentialList:
    """The acting user's credentials, of one service or of all, without the secrets."""
    return await in_thread(_list, caller, service)


@router.put("/{service}/{name}")
async def put_credential(
    caller: Annotated[Caller, requires("credentials:write")], service: str, name: str, body: NewCredential
) -> CredentialOut:
    """Stores a secret of the acting user, in the place of the one of this service and name if there is one."""
    return await in_thread(_put, caller, service, name, body)


@router.post("/{service}/{name}/reveal")
async def reveal_credential(
    caller: Annotated[Caller, requires("credentials:reveal")],
    response: Response,
    service: str,
    name: str,
    credential_id: Which = None,
) -> RevealedOut:
    """Hands out a secret of the acting user. Each time is in the audit."""
    response.headers["Cache-Control"] = "no-store"
    return await in_thread(_reveal, caller, service, name, credential_id)


@router.delete("/{service}/{name}")
async def delete_credential(
    caller: Annotated[Caller, requires("credentials:write")], service: str, name: str, credential_id: Which = None
) -> CredentialOut:
    """Removes a secret of the acting user."""
    return await in_thread(_delete, caller, service, name, credential_id)


def _list(caller: Caller, service: str) -> CredentialList:
    found = caller.formation.credentials.list(_proven(caller).id, service)
    return CredentialList(credentials=[CredentialOut.of(one) for one in found])


def _put(caller: Caller, service: str, name: str, body: NewCredential) -> CredentialOut:
    expires_in: timedelta | None = span(body.expires_in)
    stored = caller.formation.credentials.put(
        _proven(caller, body.user_id).id,
        service,
        body.secret.get_secret_value(),
        name,
        body.metadata,
        expires_in=expires_in,
        credential_id=body.credential_id,
        actor=caller.actor,
    )
    return CredentialOut.of(stored)


def _reveal(caller: Caller, service: str, name: str, credential_id: str | None) -> RevealedOut:
    user = _proven(caller)
    found = caller.formation.credentials.get(user.id, service, name, credential_id=credential_id, actor=caller.actor)
    return RevealedOut.of(found)


def _delete(caller: Caller, service: str, name: str, credential_id: str | None) -> CredentialOut:
    user, credentials = _proven(caller), caller.formation.credentials
    return CredentialOut.of(credentials.delete(user.id, service, name, credential_id=credential_id, actor=caller.actor))


def _proven(caller: Caller, body_user: IdentifierIn | None = None) -> User:
    """The acting user, if that one is proven: by the identifier, or by the key or token that is theirs."""
    named = caller.user(body_user)
    if caller.bound is not None:
        return caller.formation.identities.get(caller.bound)
    if isinstance(named, str) and is_id(named, "usr") and not caller.may("credentials:reveal"):
        # A key speaks for anybody: an id that was read somewhere must not be enough.
        raise UnprovenIdentifierError("A usr_ id proves nothing. Act by an identifier that is proven.")
    return caller.formation.identities.require_proven(named)
