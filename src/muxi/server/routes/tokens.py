"""Tokens of users, for a browser or a bot to hold."""

from __future__ import annotations

from datetime import timedelta
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter
from starlette.requests import Request

from muxi.core.threads import in_thread
from muxi.errors import AuthenticationError, InvalidInputError, InvalidProofError
from muxi.server.caller import Caller, Served, requires
from muxi.server.schemas.access import KeySet, Revoked, RevokeRequest, SigningKeyOut, TokenOut, TokenRequest

router = APIRouter(tags=["tokens"])


@router.post("/tokens", status_code=HTTPStatus.CREATED)
async def create_token(caller: Annotated[Caller, requires("tokens:write")], body: TokenRequest) -> TokenOut:
    """A token with which its holder acts for the acting user, and for nobody else."""
    return await in_thread(_create, caller, body)


@router.post("/tokens/revoke")
async def revoke_tokens(caller: Annotated[Caller, requires("tokens:write")], body: RevokeRequest) -> Revoked:
    """Takes back one token, or every token that the acting user has now."""
    return await in_thread(_revoke, caller, body)


@router.post("/tokens/rotate", status_code=HTTPStatus.CREATED)
async def rotate_signing_key(caller: Annotated[Caller, requires("roles:write")]) -> SigningKeyOut:
    """Signs with a new key from now on. What the old one has signed works until it ends."""
    key = await in_thread(caller.formation.access.tokens.rotate, actor=caller.actor)
    return SigningKeyOut(kid=key.kid, algorithm=key.algorithm)


@router.get("/.well-known/jwks.json")
async def get_public_keys(request: Request) -> KeySet:
    """The public keys with which tokens can be checked by others. No key is needed."""
    served: Served = request.app.state.served
    return KeySet(keys=(await in_thread(served.formation(request).access.tokens.public_keys))["keys"])


def _create(caller: Caller, body: TokenRequest) -> TokenOut:
    user = caller.formation.identities.resolve(caller.user(body.user_id))
    return TokenOut.of(caller.formation.access.tokens.create(user.id, timedelta(seconds=body.expires_in)))


def _revoke(caller: Caller, body: RevokeRequest) -> Revoked:
    tokens, user_id, jti = caller.formation.access.tokens, None, body.jti
    if body.token is not None and jti is not None:
        raise InvalidInputError("Send the token or its jti.")
    if body.token is not None:
        try:
            claims = tokens.validate(body.token)
        except AuthenticationError as error:
            raise InvalidProofError from error
        user_id, jti = claims["sub"], claims["jti"]
    if jti is not None:
        tokens.revoke(jti, user_id, actor=caller.actor)
    else:
        user_id = caller.formation.identities.get(caller.user(body.user_id)).id
        tokens.revoke_all(user_id, actor=caller.actor)
    return Revoked(jti=jti, muxi_user_id=user_id)
