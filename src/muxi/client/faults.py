"""Refusals and failures, as the errors of `muxi.errors`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import httpx

from muxi.client.connection import CONNECT_TIMEOUT, Connection
from muxi.errors import (
    AuthenticationError,
    ConflictError,
    InvalidInputError,
    MessageTooLargeError,
    ModelInterruptedError,
    MuxiError,
    NotFoundError,
    PermissionDeniedError,
    ServerUnreachableError,
)

#: For problem documents with a code that this version does not know, and for refusals without one.
BY_STATUS: Mapping[int, type[MuxiError]] = {
    400: InvalidInputError,
    401: AuthenticationError,
    403: PermissionDeniedError,
    404: NotFoundError,
    405: NotFoundError,
    409: ConflictError,
    413: MessageTooLargeError,
    422: InvalidInputError,
}
#: What a proxy answers when the server behind it does not.
_NO_SERVER = frozenset({502, 503, 504})
_STANDARD = frozenset({"type", "title", "status", "detail", "code", "instance"})
# Connecting failed: nothing was sent.
NEVER_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol)


def _tree(kind: type[MuxiError]) -> Iterator[type[MuxiError]]:
    yield kind
    for child in kind.__subclasses__():
        # A server in the same process has some of its own.
        if child.__module__ == kind.__module__:
            yield from _tree(child)


BY_CODE: Mapping[str, type[MuxiError]] = {kind.code: kind for kind in _tree(MuxiError)}


def from_problem(problem: Mapping[str, Any], retry_after: float | None = None) -> MuxiError:
    """The error that a problem document (RFC 9457) means.

    An unknown code gives the error of its status, with ``details["code"]`` and ``details["status"]``.

    Args:
        problem: the document.
        retry_after: seconds after which the server wants to be asked again; kept in the details.
    """
    code, status = problem.get("code"), problem.get("status")
    details = {str(name): value for name, value in problem.items() if name not in _STANDARD}
    if retry_after is not None:
        details["retry_after"] = retry_after
    kind = BY_CODE.get(code) if isinstance(code, str) else None
    if kind is None:
        kind = BY_STATUS.get(status, MuxiError) if isinstance(status, int) else MuxiError
        details |= {"code": code, "status": status}
    return _made(kind, problem.get("detail") or problem.get("title"), details)


def refused(response: httpx.Response, connection: Connection) -> MuxiError:
    """The error that an answer other than 2xx means; its body has been read."""
    retry_after = _retry_after(response)
    problem = _problem(response)
    if problem is not None:
        return from_problem({"status": response.status_code} | problem, retry_after)
    status = response.status_code
    kind = ServerUnreachableError if status in _NO_SERVER else BY_STATUS.get(status, MuxiError)
    details = {"status": status} | ({} if retry_after is None else {"retry_after": retry_after})
    message = f"{connection.shown} answered {status} and not as a muxi server does. Is a proxy in between?"
    return _made(kind, message, details)


def unreadable(connection: Connection) -> MuxiError:
    """An answer that promised success and is not of the form that muxi gives."""
    return MuxiError(f"The answer of {connection.shown} cannot be read. Is it a muxi server, of a fitting version?")


def unreachable(error: httpx.RequestError, connection: Connection) -> ServerUnreachableError:
    """The error for a connection that could not be made, broke, or stayed silent."""
    where = connection.shown
    if isinstance(error, httpx.ConnectTimeout):
        limit = min(CONNECT_TIMEOUT, connection.timeout)
        return ServerUnreachableError(f"{where} did not take the connection in {limit:g} s. Is the server running?")
    if isinstance(error, httpx.PoolTimeout):
        return ServerUnreachableError(f"No connection to {where} became free in {connection.timeout:g} s.")
    if isinstance(error, httpx.TimeoutException):
        return ServerUnreachableError(f"{where} did not answer in {connection.timeout:g} s.")
    if isinstance(error, NEVER_SENT):
        return ServerUnreachableError(f"There is no connection to {where}. Is the server running?")
    return ServerUnreachableError(f"The connection to {where} broke before the answer came.")


def interrupted(connection: Connection) -> ModelInterruptedError:
    """The error for a stream that ended before the answer did."""
    return ModelInterruptedError(f"The answer from {connection.shown} broke off half-way.")


def _made(kind: type[MuxiError], message: Any, details: Mapping[str, Any]) -> MuxiError:
    error = kind(message if isinstance(message, str) else None)
    error.details = dict(details)
    return error


def _problem(response: httpx.Response) -> dict[str, Any] | None:
    if "json" not in response.headers.get("content-type", ""):
        return None
    try:
        body = response.json()
    except ValueError:
        return None
    return body if isinstance(body, dict) and ("code" in body or "detail" in body) else None


def _retry_after(response: httpx.Response) -> float | None:
    # The header may also hold a date; a muxi server sends seconds.
    written = response.headers.get("retry-after", "").strip()
    return float(written) if written.isascii() and written.isdigit() else None
