"""Every request about contexts, built without sending anything; and its answer, read."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from muxi.client.context_replies import Fact
from muxi.client.identifiers import IdentifierInput, as_headers
from muxi.client.reading import Json, moment
from muxi.client.reading import page as page_of
from muxi.client.replies import Page
from muxi.client.request import Request, given, page, segment
from muxi.errors import InvalidContextError

#: Of the acting user; a team's is below the team.
CONTEXT = "/v1/context"


def get(user_id: IdentifierInput | None, at: datetime | str | None, base: str = CONTEXT) -> Request[dict[str, Any]]:
    params = given(at=_time(at))
    return Request("GET", base, _context, params=params, headers=as_headers(user_id))


def facts(user_id: IdentifierInput | None, base: str = CONTEXT) -> Request[list[Fact]]:
    return Request("GET", f"{base}/facts", _facts, headers=as_headers(user_id))


def history(
    user_id: IdentifierInput | None, path: str, limit: int, cursor: str | None, base: str = CONTEXT
) -> Request[Page[Fact]]:
    params = page(limit, cursor) | given(path=path or None)
    return Request("GET", f"{base}/history", _fact_page, params=params, headers=as_headers(user_id))


def merge(
    user_id: IdentifierInput | None, knowledge: Mapping[str, Any], told: Mapping[str, Any], base: str = CONTEXT
) -> Request[list[Fact]]:
    if not isinstance(knowledge, Mapping):
        raise InvalidContextError(f"knowledge is {type(knowledge).__name__}, not a mapping of keys to what is known.")
    body = {"knowledge": dict(knowledge), **told}
    return Request("PATCH", base, _facts, body, headers=as_headers(user_id), idempotent=False)


def put(
    user_id: IdentifierInput | None, path: str, value: Any, op: str, told: Mapping[str, Any], base: str = CONTEXT
) -> Request[list[Fact]]:
    body = {"value": value, "op": op, **told}
    # A second time it would count as said twice.
    return Request("PUT", _path(base, path), _facts, body, headers=as_headers(user_id), idempotent=False)


def delete(user_id: IdentifierInput | None, path: str, forget: bool, base: str = CONTEXT) -> Request[bool]:
    params = {"forget": "true"} if forget else {}
    # A second time there is nothing any more, and the first answer would be lost.
    return Request("DELETE", _path(base, path), _deleted, params=params, headers=as_headers(user_id), idempotent=False)


def told(source: str, importance: float, confidence: float, observed_at: datetime | str | None) -> dict[str, Any]:
    """Where a change comes from, as a body has it."""
    known = {"source": source, "importance": importance, "confidence": confidence}
    return known | given(observed_at=_time(observed_at))


def _path(base: str, path: str) -> str:
    if not isinstance(path, str):
        raise InvalidContextError(f"A path is a string such as 'preferences.theme', not {type(path).__name__}.")
    return f"{base}/{segment(path, InvalidContextError)}"


def _time(at: datetime | str | None) -> str | None:
    return at.isoformat() if isinstance(at, datetime) else at


def _context(body: Json) -> dict[str, Any]:
    return dict(body["context"])


def _facts(body: Json) -> list[Fact]:
    return [_fact(one) for one in body["facts"]]


def _fact_page(body: Json) -> Page[Fact]:
    return page_of(body, "facts", _fact)


def _deleted(body: Json) -> bool:
    return bool(body["deleted"])


def _fact(body: Json) -> Fact:
    return Fact(
        fact_id=body["fact_id"],
        muxi_user_id=body["muxi_user_id"],
        path=body["path"],
        op=body["op"],
        value=body["value"],
        source=body["source"],
        importance=body["importance"],
        confidence=body["confidence"],
        observed_at=moment(body["observed_at"]),
        last_at=moment(body["last_at"]),
        times=body["times"],
        messages=tuple(body["messages"]),
        superseded_at=moment(body["superseded_at"]) if body["superseded_at"] else None,
        superseded_by=body["superseded_by"],
    )
