"""The outermost door: every request gets an id, every answer its headers, and whatever nobody foresaw is logged and
answered in fixed words."""

from __future__ import annotations

import random
from collections.abc import Mapping

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from muxi.server import problems

LONGEST_ID = 128
HEADER = b"x-request-id"
#: What browsers may do with an answer: show it nowhere, run nothing of it, tell nobody where it was read.
SECURITY: tuple[tuple[bytes, bytes], ...] = (
    (b"x-content-type-options", b"nosniff"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-site"),
)
#: Answers are of people, unless a route says otherwise.
NO_STORE = (b"cache-control", b"no-store")


class Door:
    """Pure ASGI: costs no task and no copy of the body."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request_id = _request_id(scope)
        state = scope.setdefault("state", {})
        state["request_id"] = request_id
        started = False

        async def send_named(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                _complete(message["headers"], request_id, state.get("headers"))
            await send(message)

        try:
            await self.app(scope, receive, send_named)
        except Exception as exc:  # noqa: BLE001  (nothing is outside of this door but the server's log)
            error = problems.unforeseen(exc, Request(scope))
            if not started:
                await problems.answer(error, Request(scope))(scope, receive, send_named)


def _complete(headers: list[tuple[bytes, bytes]], request_id: str, more: Mapping[str, str] | None) -> None:
    if not any(name == NO_STORE[0] for name, _ in headers):
        headers.append(NO_STORE)
    headers.extend(SECURITY)
    headers.append((HEADER, request_id.encode()))
    for name, value in (more or {}).items():
        headers.append((name.lower().encode(), value.encode()))


def _request_id(scope: Scope) -> str:
    for name, value in scope["headers"]:
        if name == HEADER:
            given: str = value.decode("latin-1")
            if 0 < len(given) <= LONGEST_ID and given.isascii() and given.isprintable():
                return given
    # It names a request, and opens nothing.
    return f"req_{random.getrandbits(96):024x}"  # nosec B311
