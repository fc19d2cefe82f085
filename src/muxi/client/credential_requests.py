"""Every request about credentials, built without sending anything; and its answer, read."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from muxi.client.credential_replies import Credential, Secret
from muxi.client.identifiers import IdentifierInput, as_headers
from muxi.client.reading import Json, moment
from muxi.client.request import Request, given, seconds, segment
from muxi.errors import InvalidInputError, NotFoundError


def put_credential(
    service: str,
    name: str,
    secret: str,
    user_id: IdentifierInput | None,
    *,
    metadata: Mapping[str, Any] | None,
    expires_in: timedelta | None,
    credential_id: str | None,
) -> Request[Credential]:
    body = {"secret": secret} | given(metadata=metadata, expires_in=seconds(expires_in), credential_id=credential_id)
    return Request("PUT", _path(service, name, InvalidInputError), _credential, body, headers=as_headers(user_id))


def credentials(user_id: IdentifierInput | None, service: str) -> Request[list[Credential]]:
    return Request("GET", "/v1/credentials", _list, params={"service": service}, headers=as_headers(user_id))


def reveal_credential(
    service: str, name: str, user_id: IdentifierInput | None, credential_id: str | None
) -> Request[Secret]:
    path, params = f"{_path(service, name)}/reveal", given(credential_id=credential_id)
    return Request("POST", path, _secret, params=params, headers=as_headers(user_id))


def delete_credential(
    service: str, name: str, user_id: IdentifierInput | None, credential_id: str | None
) -> Request[Credential]:
    params = given(credential_id=credential_id)
    return Request("DELETE", _path(service, name), _credential, params=params, headers=as_headers(user_id))


def _path(service: str, name: str, wrong: type[NotFoundError] | type[InvalidInputError] = NotFoundError) -> str:
    return f"/v1/credentials/{segment(service, wrong)}/{segment(name, wrong)}"


def _list(body: Json) -> list[Credential]:
    return [_credential(one) for one in body["credentials"]]


def _secret(body: Json) -> Secret:
    return Secret(body["secret"], _credential(body["credential"]))


def _credential(body: Json) -> Credential:
    return Credential(
        credential_id=body["credential_id"],
        muxi_user_id=body["muxi_user_id"],
        service=body["service"],
        name=body["name"],
        preview=body["preview"],
        metadata=body["metadata"],
        created_at=moment(body["created_at"]),
        updated_at=moment(body["updated_at"]),
        last_used_at=_moment(body["last_used_at"]),
        expires_at=_moment(body["expires_at"]),
    )


def _moment(written: str | None) -> datetime | None:
    return moment(written) if written else None
