"""What a request says about who calls: its headers, read once, and nothing else."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from starlette.requests import Request

from muxi.errors import AuthenticationError
from muxi.server.refusals import RepeatedHeaderError

CLIENT_KEY = "X-Muxi-Client-Key"
ADMIN_KEY = "X-Muxi-Admin-Key"
API_KEY = "X-API-Key"
AUTHORIZATION = "Authorization"
USER = "X-Muxi-User-Id"
USER_TYPE = "X-Muxi-User-Id-Type"
REQUEST_KEY = "Idempotency-Key"

HEADERS_READ = (CLIENT_KEY, ADMIN_KEY, API_KEY, AUTHORIZATION, USER, USER_TYPE, REQUEST_KEY)
_READ = {name.lower().encode(): name for name in HEADERS_READ}
# Where addresses go, keys must not: logs, histories, referrers.
_IN_QUERY = re.compile(
    rb"(?:^|&)(?:(?:x[-_]muxi[-_])?(?:client|admin)[-_]?key|(?:x[-_])?api[-_]?key|key|(?:access_)?token|authorization)="
    rb"|=muxi_[a-z]+_",
    re.IGNORECASE,
)
MISSING = "The key is missing or wrong. Send X-API-Key, Authorization: Bearer, X-Muxi-Client-Key or X-Muxi-Admin-Key."


@dataclass(frozen=True, slots=True)
class Sent:
    """The headers of a request that say who calls, and for whom.

    Attributes:
        credentials: pairs of a header and the key or token in it, in the order in which they are tried.
        user, user_type: as the headers name the acting user.
        request_key: names the request, if it may be repeated.
    """

    credentials: list[tuple[str, str]] = field(repr=False)
    user: str | None
    user_type: str | None
    request_key: str | None


def read(request: Request) -> Sent:
    """Reads them: once each, since of two that differ another reader, in front of us, may believe the other.

    Raises:
        AuthenticationError: several kinds of credentials, or one in the address.
        RepeatedHeaderError: one of the headers was sent more than once.
    """
    if _IN_QUERY.search(request.scope["query_string"]):
        raise AuthenticationError(
            "Keys and tokens are not taken from the address, which is kept in logs. Send a header."
        )
    found: dict[str, str] = {}
    for raw, value in request.scope["headers"]:
        name = _READ.get(raw)
        if name is not None:
            if name in found:
                raise RepeatedHeaderError(f"{name} was sent more than once.")
            found[name] = value.decode("latin-1")
    return Sent(_credentials(found), found.get(USER), found.get(USER_TYPE), found.get(REQUEST_KEY))


def _credentials(found: dict[str, str]) -> list[tuple[str, str]]:
    own = [(name, found[name]) for name in (ADMIN_KEY, CLIENT_KEY) if found.get(name)]
    common = [(API_KEY, found[API_KEY])] if found.get(API_KEY) else []
    # Other schemes are for somebody in front of us.
    scheme, _, token = found.get(AUTHORIZATION, "").partition(" ")
    bearer = [(AUTHORIZATION, token.strip())] if scheme.lower() == "bearer" else []
    if len([one for one in (own, common, bearer) if one]) > 1:
        raise AuthenticationError("Several kinds of keys or tokens were sent. Send one.")
    return own or common or bearer
