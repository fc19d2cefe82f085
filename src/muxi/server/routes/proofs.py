"""Proofs: that an identifier is a user's own."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter

from muxi.core.identity.link_tokens import DEFAULT_LIFETIME
from muxi.core.threads import in_thread
from muxi.server.caller import Caller, requires
from muxi.server.schemas.identifiers import UserOut
from muxi.server.schemas.proofs import (
    AnonymousOut,
    AnonymousRequest,
    ConfirmRequest,
    IdTokenRequest,
    LinkTokenOut,
    LinkTokenRequest,
    RedeemRequest,
    SignInRequest,
    StartedOut,
    StartRequest,
    span,
)
from muxi.server.shown import whole

router = APIRouter(tags=["proofs"])


@router.post("/verifications", status_code=HTTPStatus.CREATED)
async def start_verification(caller: Annotated[Caller, requires("identities:write")], body: StartRequest) -> StartedOut:
    """A one-time code, for the application to deliver where only the owner of the identifier reads it."""
    return await in_thread(_start, caller, body)


@router.post("/verifications/confirm")
async def confirm_verification(
    caller: Annotated[Caller, requires("identities:write")], body: ConfirmRequest
) -> UserOut:
    """Links the identifier that a code proves."""
    return await in_thread(_confirm, caller, body)


@router.post("/link-tokens", status_code=HTTPStatus.CREATED)
async def create_link_token(
    caller: Annotated[Caller, requires("identities:write")], body: LinkTokenRequest
) -> LinkTokenOut:
    """A signed token of an identifier, for a link that is sent there."""
    return await in_thread(_create, caller, body)


@router.post("/link-tokens/redeem")
async def redeem_link_token(caller: Annotated[Caller, requires("identities:prove")], body: RedeemRequest) -> UserOut:
    """Links the identifier of a token to the acting user."""
    return await in_thread(_redeem, caller, body)


@router.post("/identifiers/id-token")
async def associate_id_token(caller: Annotated[Caller, requires("identities:prove")], body: IdTokenRequest) -> UserOut:
    """Links an OpenID Connect identity, and its e-mail address if the issuer verified it."""
    return await in_thread(_associate, caller, body)


@router.post("/users/anonymous", status_code=HTTPStatus.CREATED)
async def resolve_anonymous(
    caller: Annotated[Caller, requires("identities:write")], body: AnonymousRequest | None = None
) -> AnonymousOut:
    """A new visitor, with a token that finds them again until they sign in or it ends."""
    return await in_thread(_visit, caller, body or AnonymousRequest())


@router.post("/users/sign-in")
async def sign_in(caller: Annotated[Caller, requires("identities:write")], body: SignInRequest) -> UserOut:
    """A visitor turns out to be somebody: what they said goes along, and the token ends."""
    if body.verified:
        caller.require("identities:merge")
    return await in_thread(_sign_in, caller, body)


def _start(caller: Caller, body: StartRequest) -> StartedOut:
    user = caller.user(body.user_id)
    return StartedOut.of(caller.formation.proofs.start_verification(user, body.raw(), actor=caller.actor))


def _confirm(caller: Caller, body: ConfirmRequest) -> UserOut:
    proofs = caller.formation.proofs
    user = proofs.confirm_verification(body.code, body.raw(), merge=body.merge, actor=caller.actor)
    return whole(caller.formation, user)


def _create(caller: Caller, body: LinkTokenRequest) -> LinkTokenOut:
    raw = (body.identifier, body.type) if body.type else body.identifier
    expires_in = span(body.expires_in) or DEFAULT_LIFETIME
    tokens = caller.formation.link_tokens
    return LinkTokenOut.of(tokens.create_link_token(raw, expires_in=expires_in, actor=caller.actor))


def _redeem(caller: Caller, body: RedeemRequest) -> UserOut:
    user = caller.user(body.user_id)
    tokens = caller.formation.link_tokens
    return whole(caller.formation, tokens.redeem_link_token(body.token, user, merge=body.merge, actor=caller.actor))


def _associate(caller: Caller, body: IdTokenRequest) -> UserOut:
    user = caller.user_if_named(body.user_id)
    tokens = caller.formation.id_tokens
    found = tokens.associate_id_token(body.id_token, user, merge=body.merge, actor=caller.actor)
    return whole(caller.formation, found)


def _visit(caller: Caller, body: AnonymousRequest) -> AnonymousOut:
    anonymous = caller.formation.anonymous
    return AnonymousOut.of(anonymous.resolve_anonymous(expires_in=span(body.expires_in), actor=caller.actor))


def _sign_in(caller: Caller, body: SignInRequest) -> UserOut:
    raw = (body.identifier, body.type) if body.type else body.identifier
    user = caller.formation.anonymous.sign_in(body.token, raw, verified=body.verified, actor=caller.actor)
    return whole(caller.formation, user)
