"""The outermost door: every request gets an id, and whatever nobody foresaw is logged and answered in fixed words."""

from __future__ import annotations

import random

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from muxi.server import problems

LONGEST_ID = 128
HEADER = b"x-request-id"


class Door:
    """Pure ASGI: costs no task and no copy of the body."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request_id = _request_id(scope)
        scope.setdefault("state", {})["request_id"] = request_id
        started = False

        async def send_named(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                MutableHeaders(scope=message)["X-Request-Id"] = request_id
            await send(message)

        try:
            await self.app(scope, receive, send_named)
        except Exception as exc:  # noqa: BLE001  (nothing is outside of this door but the server's log)
            error = problems.unforeseen(exc, Request(scope))
            if not started:
                await problems.answer(error, Request(scope))(scope, receive, send_named)


def _request_id(scope: Scope) -> str:
    for name, value in scope["headers"]:
        if name == HEADER:
            given: str = value.decode("latin-1")
            if 0 < len(given) <= LONGEST_ID and given.isascii() and given.isprintable():
                return given
    return f"req_{random.getrandbits(96):024x}"  # names a request, opens nothing
