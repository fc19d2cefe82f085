"""Every request about keys, tokens, roles and sessions, built without sending anything; and its answer, read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from muxi.client import reading
from muxi.client.access_replies import ApiKey, Caller, NewApiKey, Role, UserToken
from muxi.client.identifiers import IdentifierInput, as_headers
from muxi.client.reading import Json, moment
from muxi.client.reading import page as page_of
from muxi.client.replies import Page, Session
from muxi.client.request import Request, given, page, seconds, segment
from muxi.errors import NotFoundError, SessionNotFoundError


def caller() -> Request[Caller]:
    return Request("GET", "/v1/access", _caller)


def create_key(
    name: str,
    *,
    role: str,
    owner: str,
    scopes: Iterable[str] | None,
    user_id: IdentifierInput | None,
    expires_in: timedelta | None,
) -> Request[NewApiKey]:
    body = {"name": name, "role": role, "owner": owner, **given(expires_in=seconds(expires_in))}
    body |= {} if scopes is None else {"scopes": list(scopes)}
    # Sent twice it makes two.
    return Request("POST", "/v1/keys", _new_key, body, headers=as_headers(user_id), idempotent=False)


def keys(limit: int, cursor: str | None) -> Request[Page[ApiKey]]:
    return Request("GET", "/v1/keys", _keys, params=page(limit, cursor))


def key(key_id: str) -> Request[ApiKey]:
    return Request("GET", f"/v1/keys/{segment(key_id, NotFoundError)}", _key)


def rotate_key(key_id: str, overlap: timedelta | None) -> Request[NewApiKey]:
    body = given(overlap=seconds(overlap))
    path = f"/v1/keys/{segment(key_id, NotFoundError)}/rotate"
    return Request("POST", path, _new_key, body, idempotent=False)


def revoke_key(key_id: str) -> Request[ApiKey]:
    return Request("DELETE", f"/v1/keys/{segment(key_id, NotFoundError)}", _key)


def roles() -> Request[list[Role]]:
    return Request("GET", "/v1/roles", _roles)


def put_role(name: str, permissions: Iterable[str], description: str) -> Request[Role]:
    body = {"permissions": list(permissions), "description": description}
    return Request("PUT", f"/v1/roles/{segment(name, NotFoundError)}", _role, body)


def remove_role(name: str) -> Request[None]:
    return Request("DELETE", f"/v1/roles/{segment(name, NotFoundError)}", reading.nothing)


def create_token(user_id: IdentifierInput, expires_in: timedelta | None) -> Request[UserToken]:
    body = given(expires_in=seconds(expires_in))
    return Request("POST", "/v1/tokens", _token, body, headers=as_headers(user_id))


def revoke_token(token: str | None, jti: str | None) -> Request[Json]:
    return Request("POST", "/v1/tokens/revoke", reading.document, given(token=token, jti=jti), idempotent=False)


def revoke_tokens(user_id: IdentifierInput) -> Request[Json]:
    return Request("POST", "/v1/tokens/revoke", reading.document, {}, headers=as_headers(user_id))


def rotate_signing_key() -> Request[str]:
    return Request("POST", "/v1/tokens/rotate", _kid, idempotent=False)


def public_keys() -> Request[Json]:
    return Request("GET", "/v1/.well-known/jwks.json", reading.document)


def create_session(
    user_id: IdentifierInput | None,
    metadata: Mapping[str, Any] | None,
    idle: timedelta | None,
    expires_in: timedelta | None,
) -> Request[Session]:
    body = given(metadata=metadata, idle=seconds(idle), expires_in=seconds(expires_in))
    return Request("POST", "/v1/sessions", reading.session, body, headers=as_headers(user_id), idempotent=False)


def end_session(session_id: str, user_id: IdentifierInput | None) -> Request[Session]:
    path = f"/v1/sessions/{segment(session_id, SessionNotFoundError)}/end"
    return Request("POST", path, reading.session, headers=as_headers(user_id))


def _caller(body: Json) -> Caller:
    return Caller(body["formation"], body["actor"], body["muxi_user_id"], tuple(body["permissions"]))


def _new_key(body: Json) -> NewApiKey:
    return NewApiKey(body["key"], _key(body["record"]))


def _keys(body: Json) -> Page[ApiKey]:
    return page_of(body, "keys", _key)


def _key(body: Json) -> ApiKey:
    return ApiKey(
        key_id=body["key_id"],
        name=body["name"],
        owner=body["owner"],
        role=body["role"],
        scopes=None if body["scopes"] is None else tuple(body["scopes"]),
        muxi_user_id=body["muxi_user_id"],
        created_at=moment(body["created_at"]),
        created_by=body["created_by"],
        expires_at=_moment(body["expires_at"]),
        last_used_at=_moment(body["last_used_at"]),
        revoked_at=_moment(body["revoked_at"]),
        rotated_to=body["rotated_to"],
    )


def _roles(body: Json) -> list[Role]:
    return [_role(one) for one in body["roles"]]


def _role(body: Json) -> Role:
    return Role(body["name"], body["description"], tuple(body["permissions"]), body["built_in"])


def _token(body: Json) -> UserToken:
    return UserToken(body["token"], body["jti"], body["muxi_user_id"], moment(body["expires_at"]))


def _kid(body: Json) -> str:
    return str(body["kid"])


def _moment(written: str | None) -> datetime | None:
    return moment(written) if written else None
