"""Every request about extraction, built without sending anything; and its answer, read."""

from __future__ import annotations

from datetime import datetime

from muxi.client.extraction_replies import Extracted, ExtractionFailure, ExtractionStatus
from muxi.client.identifiers import IdentifierInput, as_headers
from muxi.client.reading import Json, moment
from muxi.client.reading import page as page_of
from muxi.client.replies import Page
from muxi.client.request import Request, page, segment
from muxi.errors import NotFoundError


def status() -> Request[ExtractionStatus]:
    return Request("GET", "/v1/extraction", _status)


def failures(user_id: IdentifierInput | None, limit: int, cursor: str | None) -> Request[Page[ExtractionFailure]]:
    headers = {} if user_id is None else as_headers(user_id)
    return Request("GET", "/v1/extraction/failures", _failures, params=page(limit, cursor), headers=headers)


def replay(failure_id: str) -> Request[Extracted]:
    path = f"/v1/extraction/failures/{segment(failure_id, NotFoundError)}/replay"
    # A second time it is gone, and the first answer would be lost.
    return Request("POST", path, _extracted, idempotent=False)


def choice(user_id: IdentifierInput) -> Request[datetime | None]:
    return Request("GET", "/v1/extraction/choice", _opted_out_at, headers=as_headers(user_id))


def choose(user_id: IdentifierInput, enabled: bool) -> Request[datetime | None]:
    body = {"enabled": enabled}
    return Request("PUT", "/v1/extraction/choice", _opted_out_at, body, headers=as_headers(user_id))


def _status(body: Json) -> ExtractionStatus:
    since = body["waiting_since"]
    return ExtractionStatus(
        body["waiting"], moment(since) if since else None, body["failing"], body["errors"], body["failures"]
    )


def _failures(body: Json) -> Page[ExtractionFailure]:
    return page_of(body, "failures", _failure)


def _failure(body: Json) -> ExtractionFailure:
    return ExtractionFailure(
        failure_id=body["failure_id"],
        muxi_user_id=body["muxi_user_id"],
        messages=body["messages"],
        code=body["code"],
        message=body["message"],
        tries=body["tries"],
        failed_at=moment(body["failed_at"]),
    )


def _extracted(body: Json) -> Extracted:
    return Extracted(body["facts"], body["memories"], body["refused"])


def _opted_out_at(body: Json) -> datetime | None:
    return moment(body["opted_out_at"]) if body["opted_out_at"] else None
