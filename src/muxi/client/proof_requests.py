"""Every request that proves an identifier, built without sending anything."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from muxi.client import reading, user_reading
from muxi.client.identifiers import IdentifierInput, as_headers, as_json
from muxi.client.replies import User
from muxi.client.request import Request, given, seconds
from muxi.client.user_replies import AnonymousUser, LinkToken, Started
from muxi.errors import InvalidProofError


def start_verification(user_id: IdentifierInput, identifier: IdentifierInput | None = None) -> Request[Started]:
    body = {} if identifier is None else as_json(identifier)
    # A second one replaces the first, whose code nobody has seen.
    return Request("POST", "/v1/verifications", user_reading.started, body, headers=as_headers(user_id))


def confirm_verification(code: str, identifier: IdentifierInput | None = None, merge: bool = False) -> Request[User]:
    body = {"code": _text(code, "code"), "merge": merge} | ({} if identifier is None else as_json(identifier))
    return _once("/v1/verifications/confirm", body)


def create_link_token(identifier: IdentifierInput, expires_in: timedelta | None = None) -> Request[LinkToken]:
    body = as_json(identifier) | given(expires_in=seconds(expires_in))
    return Request("POST", "/v1/link-tokens", user_reading.link_token, body)


def redeem_link_token(token: str, user_id: IdentifierInput, merge: bool = False) -> Request[User]:
    return _once("/v1/link-tokens/redeem", {"token": _text(token, "token"), "merge": merge}, user_id)


def associate_id_token(id_token: str, user_id: IdentifierInput | None = None, merge: bool = False) -> Request[User]:
    body = {"id_token": _text(id_token, "ID token"), "merge": merge}
    return Request("POST", "/v1/identifiers/id-token", reading.user, body, headers=as_headers(user_id))


def resolve_anonymous(expires_in: timedelta | None = None) -> Request[AnonymousUser]:
    body = given(expires_in=seconds(expires_in))
    # Each one is somebody new.
    return Request("POST", "/v1/users/anonymous", user_reading.anonymous_user, body, idempotent=False)


def sign_in(token: str, identifier: IdentifierInput, verified: bool = False) -> Request[User]:
    body = {"token": _text(token, "token"), **as_json(identifier)} | ({"verified": True} if verified else {})
    return _once("/v1/users/sign-in", body)


def _once(path: str, body: dict[str, Any], user_id: IdentifierInput | None = None) -> Request[User]:
    """What proves something works once: sent again, it would be refused."""
    return Request("POST", path, reading.user, body, headers=as_headers(user_id), idempotent=False)


def _text(proof: Any, what: str) -> str:
    if not isinstance(proof, str):
        raise InvalidProofError(f"The {what} is text, not {proof.__class__.__name__}.")
    return proof
