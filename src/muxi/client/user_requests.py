"""Every request about users as things, built without sending anything."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any, TypedDict

from muxi.client import reading, user_reading
from muxi.client.identifiers import IdentifierInput, as_headers, as_json, list_as_json
from muxi.client.replies import Page
from muxi.client.request import Request, given, page, segment
from muxi.client.user_replies import BulkResult, Deleted, Erased, Restored, UserDetails, UserSummary
from muxi.errors import InvalidIdentifierError, InvalidImportError, UserNotFoundError

JSON_LINES = "application/x-ndjson"


class Group(TypedDict, total=False):
    """Identifiers of one user: ``identifiers`` are needed; ``user_id`` says whose, else whoever has one of them."""

    identifiers: Iterable[IdentifierInput]
    user_id: IdentifierInput | None


def users(
    search: str = "", *, disabled: bool | None = None, limit: int = 50, cursor: str | None = None
) -> Request[Page[UserSummary]]:
    filters = given(search=search or None, disabled=None if disabled is None else str(disabled).lower())
    return Request("GET", "/v1/users", user_reading.user_page, params=page(limit, cursor) | filters)


def details(muxi_user_id: str) -> Request[UserDetails]:
    return Request("GET", _path(muxi_user_id, "/details"), user_reading.user_details)


def disable(muxi_user_id: str) -> Request[UserSummary]:
    return Request("POST", _path(muxi_user_id, "/disable"), user_reading.user_summary)


def enable(muxi_user_id: str) -> Request[UserSummary]:
    return Request("POST", _path(muxi_user_id, "/enable"), user_reading.user_summary)


def erase(muxi_user_id: str) -> Request[Erased]:
    # A second time nobody is there, and the counts of the first would be lost.
    return Request("DELETE", _path(muxi_user_id), user_reading.erased, idempotent=False)


def delete_data(muxi_user_id: str, acting: IdentifierInput, before: datetime | str | None) -> Request[Deleted]:
    path, until = _path(muxi_user_id, "/data"), before.isoformat() if isinstance(before, datetime) else before
    # A second time nothing is there, and the counts of the first would be lost.
    params, headers = given(before=until), as_headers(acting)
    return Request("DELETE", path, user_reading.deleted, params=params, headers=headers, idempotent=False)


def export(muxi_user_id: str, acting: IdentifierInput) -> Request[dict[str, Any]]:
    path = _path(muxi_user_id, "/export")
    return Request("GET", path, reading.document, params={"format": "json"}, headers=as_headers(acting))


def export_lines(muxi_user_id: str, acting: IdentifierInput) -> Request[None]:
    headers = as_headers(acting) | {"Accept": JSON_LINES}
    path = _path(muxi_user_id, "/export")
    return Request("GET", path, reading.nothing, params={"format": "jsonl"}, headers=headers)


def expire_anonymous() -> Request[int]:
    # A second time the first one's are gone already, and would not be counted.
    return Request("POST", "/v1/users/expire", user_reading.erased_count, idempotent=False)


def restore(export: Mapping[str, Any] | Iterable[str]) -> Request[Restored]:
    if isinstance(export, str | bytes):
        raise InvalidImportError("An export is its document, or its lines one by one: pass an open file, not a text.")
    document = isinstance(export, Mapping)
    return Request(
        "POST",
        "/v1/users/restore",
        user_reading.restored,
        headers={"Content-Type": "application/json" if document else JSON_LINES},
        content=_document(export) if isinstance(export, Mapping) else _lines(export),
        # A second time the ids are there already.
        idempotent=False,
    )


def associate_many(groups: Iterable[Group | Iterable[IdentifierInput]], dry_run: bool = False) -> Request[BulkResult]:
    if isinstance(groups, str | bytes | Mapping):
        raise InvalidIdentifierError("The groups are not a list. Put a single one into a list too.")
    body = {"groups": [_group(group) for group in groups], "dry_run": dry_run}
    return Request("POST", "/v1/identifiers/bulk", user_reading.bulk_result, body)


def _group(group: Any) -> dict[str, Any]:
    if not isinstance(group, Mapping):
        return {"identifiers": list_as_json(group)}
    if unknown := set(group) - {"identifiers", "user_id"}:
        raise InvalidIdentifierError(f"A group has identifiers and a user_id, not {sorted(map(str, unknown))}.")
    user_id = group.get("user_id")
    named = {} if user_id is None else {"user_id": as_json(user_id)}
    return {"identifiers": list_as_json(group.get("identifiers"))} | named


def _document(export: Mapping[str, Any]) -> Iterator[bytes]:
    try:
        yield json.dumps(dict(export), ensure_ascii=False, allow_nan=False).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidImportError(f"This export cannot be sent as JSON: {error}.") from error


def _lines(export: Iterable[str]) -> Iterator[bytes]:
    for line in export:
        yield (line.rstrip("\n") + "\n").encode()


def _path(muxi_user_id: str, below: str = "") -> str:
    return f"/v1/users/{segment(muxi_user_id, UserNotFoundError)}{below}"
