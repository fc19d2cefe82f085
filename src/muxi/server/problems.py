"""Errors as RFC 9457 problem documents: our codes and our words, never an exception's text."""

from __future__ import annotations

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import structlog
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from muxi.errors import AuthenticationError, InvalidInputError, MuxiError, PermissionDeniedError, StorageError

MEDIA_TYPE = "application/problem+json"
#: Members of a problem's details that only administrators see.
FOR_ADMINS = ("owners",)
MOST_FAULTS = 20
LONGEST_PLACE = 120
MOST_FRAMES = 12
RETRY_AFTER_S = 1
#: Parts of a place that name one form of a body among several, not a place in it.
FORMS = ("one memory", "many memories")

_IN_THE_LOG = "The request id finds it in the server's log."

log = structlog.get_logger("muxi.server")


class InternalError(MuxiError):
    """Something went wrong on our side."""

    code, status = "internal_error", 500


class _NoRouteError(MuxiError):
    """There is nothing at this address."""

    code, status = "not_found", 404


class _WrongMethodError(MuxiError):
    """This address does not take this method."""

    code, status = "method_not_allowed", 405


def document(error: MuxiError, request: Request) -> dict[str, Any]:
    """The problem document of an error.

    Args:
        error: one of ours.
        request: the request it answers; its state holds the request id and, once known, whether an admin asks.
    """
    admin = getattr(request.state, "admin", False)
    members = {name: value for name, value in error.details.items() if admin or name not in FOR_ADMINS}
    return members | {
        "type": f"urn:muxi:problem:{error.code}",
        "title": error.title(),
        "status": error.status,
        "detail": f"{error.title()}. {_IN_THE_LOG}" if _names_a_place(error) else error.message,
        "code": error.code,
        "instance": request.url.path,
        "request_id": getattr(request.state, "request_id", None),
    }


def answer(error: MuxiError, request: Request, headers: Mapping[str, str] | None = None) -> Response:
    """The response to a request that failed."""
    more = dict(headers or {})
    if error.status == HTTPStatus.SERVICE_UNAVAILABLE or "retry_after" in error.details:
        more["Retry-After"] = str(error.details.get("retry_after", RETRY_AFTER_S))
    if isinstance(error, AuthenticationError):
        more["WWW-Authenticate"] = 'ApiKey header="X-API-Key", Bearer'
    body = json.dumps(document(error, request), default=str).encode()
    return Response(body, error.status, more, MEDIA_TYPE)


def unforeseen(exc: BaseException, request: Request) -> InternalError:
    """Logs what nobody foresaw, without its text (it may hold somebody's words), and gives the error to answer with."""
    log.error(
        "unforeseen error",
        request_id=getattr(request.state, "request_id", None),
        method=request.method,
        error=type(exc).__name__,
        at=_frames(exc),
    )
    return InternalError(f"Something went wrong on our side. {_IN_THE_LOG}")


async def of_muxi(request: Request, exc: Exception) -> Response:
    """The response to one of our errors."""
    if not isinstance(exc, MuxiError):
        raise TypeError("only MuxiError comes here") from exc
    report(exc, request)
    refused = getattr(request.state, "refused", None)
    if refused is not None and isinstance(exc, PermissionDeniedError) and "permission" in exc.details:
        await refused(exc.details["permission"])
    return answer(exc, request)


async def of_validation(request: Request, exc: Exception) -> Response:
    """The response to a request that is not what the route takes. What was sent is not sent back."""
    if not isinstance(exc, RequestValidationError):
        raise TypeError("only RequestValidationError comes here") from exc
    faults = [
        {"where": _place(fault["loc"]), "problem": fault["msg"].removeprefix("Value error, ")}
        for fault in exc.errors()[:MOST_FAULTS]
    ]
    if [fault["where"] for fault in faults] == ["body"] and "json" not in request.headers.get("content-type", ""):
        faults = [{"where": "Content-Type", "problem": "Send the body as application/json"}]
    first = f"{faults[0]['where']}: {faults[0]['problem']}" if faults else "it cannot be read"
    return answer(InvalidInputError(f"The request cannot be used: {first}.", errors=faults), request)


async def of_http(request: Request, exc: Exception) -> Response:
    """The response to what the framework refuses by itself."""
    if not isinstance(exc, HTTPException):
        raise TypeError("only HTTPException comes here") from exc
    if exc.status_code == HTTPStatus.NOT_FOUND:
        return answer(_NoRouteError(), request)
    if exc.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        allowed = request.app.state.methods.of(request.url.path)
        return answer(_WrongMethodError(), request, exc.headers if allowed is None else {"Allow": allowed})
    return answer(InvalidInputError("The request's body cannot be read as JSON."), request)


async def of_hang_up(request: Request, exc: Exception) -> Response:
    """Nobody is there to read this."""
    return Response(status_code=499)


def report(error: MuxiError, request: Request) -> None:
    """Logs an error that is the server's or its surroundings' fault, by its code."""
    if error.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        cause = type(error.__cause__).__name__ if error.__cause__ else None
        said = {"detail": error.message} if _names_a_place(error) else {}
        request_id = getattr(request.state, "request_id", None)
        log.warning("request failed", request_id=request_id, code=error.code, cause=cause, **said)


def _names_a_place(error: MuxiError) -> bool:
    """Whether an error's words say where a database is: that is for whoever runs the server, and in its log."""
    return isinstance(error, StorageError) and error.status >= HTTPStatus.INTERNAL_SERVER_ERROR


def _frames(exc: BaseException) -> list[str]:
    frames = []
    step = exc.__traceback__
    while step is not None:
        code = step.tb_frame.f_code
        frames.append(f"{code.co_filename}:{step.tb_lineno} {code.co_name}")
        step = step.tb_next
    return frames[-MOST_FRAMES:]


def _place(loc: tuple[int | str, ...]) -> str:
    return ".".join(str(part) for part in loc if part not in FORMS)[:LONGEST_PLACE]
