"""What the server itself refuses: errors that only a request over HTTP can meet."""

from __future__ import annotations

from muxi.errors import ConflictError, InvalidInputError, MuxiError


class RateLimitedError(MuxiError):
    """Too many requests."""

    code, status = "rate_limited", 429


class RequestRunningError(ConflictError):
    """The first request with this idempotency key is still under way."""

    code = "request_running"


class ReusedKeyError(InvalidInputError):
    """This idempotency key was used for another request."""

    code = "idempotency_key_reused"


class EncodedBodyError(InvalidInputError):
    """The request's body is compressed or otherwise encoded."""

    code, status = "encoded_body", 415


class RepeatedHeaderError(InvalidInputError):
    """A header that says who calls, or for whom, was sent more than once."""

    code, status = "repeated_header", 400
