"""JSON of the server into the values of `muxi.client.user_replies`. As `muxi.client.reading`."""

from __future__ import annotations

from datetime import datetime

from muxi.client.reading import Json, holdings, linked_identifier, merges, moment, page
from muxi.client.replies import Page
from muxi.client.user_replies import (
    AnonymousUser,
    BulkResult,
    Conflict,
    Deleted,
    Erased,
    LinkToken,
    Restored,
    Started,
    UserDetails,
    UserSummary,
)


def user_page(body: Json) -> Page[UserSummary]:
    return page(body, "users", user_summary)


def user_summary(body: Json) -> UserSummary:
    return UserSummary(
        muxi_user_id=body["muxi_user_id"],
        created_at=moment(body["created_at"]),
        disabled_at=_moment_if_any(body["disabled_at"]),
        last_at=_moment_if_any(body["last_at"]),
        identifiers=tuple(linked_identifier(one) for one in body["identifiers"]),
    )


def user_details(body: Json) -> UserDetails:
    summary = user_summary(body)
    return UserDetails(
        muxi_user_id=summary.muxi_user_id,
        created_at=summary.created_at,
        disabled_at=summary.disabled_at,
        last_at=summary.last_at,
        identifiers=summary.identifiers,
        holdings=holdings(body["holdings"]),
        merges=tuple(merges(body)),
    )


def erased(body: Json) -> Erased:
    return Erased(
        muxi_user_id=body["muxi_user_id"],
        users=tuple(body["users"]),
        counts=body["counts"],
        receipt=body["receipt"],
        erased_at=moment(body["erased_at"]),
    )


def deleted(body: Json) -> Deleted:
    return Deleted(
        muxi_user_id=body["muxi_user_id"],
        counts=body["counts"],
        before=moment(body["before"]) if body["before"] else None,
        receipt=body["receipt"],
        deleted_at=moment(body["deleted_at"]),
    )


def erased_count(body: Json) -> int:
    return int(body["erased"])


def restored(body: Json) -> Restored:
    return Restored(body["muxi_user_id"], body["counts"], body["skipped"])


def bulk_result(body: Json) -> BulkResult:
    return BulkResult(
        groups=body["groups"],
        linked=body["linked"],
        users_made=body["users_made"],
        unchanged=body["unchanged"],
        conflict_count=body["conflict_count"],
        conflicts=tuple(conflict(one) for one in body["conflicts"]),
        dry_run=body["dry_run"],
        resumed_after=body.get("resumed_after", 0),
    )


def started(body: Json) -> Started:
    return Started(body["code"], moment(body["expires_at"]), body["identifier"])


def link_token(body: Json) -> LinkToken:
    return LinkToken(body["token"], moment(body["expires_at"]))


def anonymous_user(body: Json) -> AnonymousUser:
    return AnonymousUser(body["muxi_user_id"], body["token"], moment(body["expires_at"]))


def conflict(body: Json) -> Conflict:
    return Conflict(body["place"], body["code"], body["message"], tuple(body["identifiers"]), tuple(body["owners"]))


def _moment_if_any(text: str | None) -> datetime | None:
    return moment(text) if text else None
