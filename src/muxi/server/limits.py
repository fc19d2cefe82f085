"""How much a caller may send."""

from __future__ import annotations

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from muxi.errors import MessageTooLargeError
from muxi.server import problems
from muxi.server.refusals import EncodedBodyError

MAX_BODY_BYTES = 1024 * 1024
#: A client that is still sending reads no answer, so what is too large is read to its end, and dropped: up to here.
MAX_DROPPED_BYTES = 32 * 1024 * 1024
#: Read their bodies themselves, to a limit of their own, once the key has been looked at.
READ_THEMSELVES = ("/v1/users/restore", "/v1/identifiers/import")


class BodyLimit:
    """Refuses a body over the limit, by what it says of its length or while it is read. Hands on whole bodies only."""

    def __init__(self, app: ASGIApp, max_bytes: int = MAX_BODY_BYTES) -> None:
        self.app = app
        self.max_bytes = max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        declared = _declared(scope) if scope["type"] == "http" else 0
        if declared and _encoded(scope):
            # A small one may unfold to more than there is memory; and no client of ours sends one.
            error = EncodedBodyError("The body is encoded. Send it as it is, without Content-Encoding.")
            await problems.answer(error, Request(scope), {"Connection": "close"})(scope, receive, send)
            return
        if declared == 0 or scope["path"].endswith(READ_THEMSELVES):
            await self.app(scope, receive, send)
            return
        body = b"" if declared > MAX_DROPPED_BYTES else await self._read(receive)
        if body is None:  # hung up: there is nobody to answer
            return
        if max(declared, len(body)) > self.max_bytes:
            too_large = MessageTooLargeError(f"The request's body is over {self.max_bytes:,} bytes. Send less at once.")
            await problems.answer(too_large, Request(scope), {"Connection": "close"})(scope, receive, send)
            return
        await self.app(scope, _first(body, receive), send)

    async def _read(self, receive: Receive) -> bytes | None:
        """The body, or, if it is too large, a little more than the limit of it; ``None`` if the client hung up."""
        body = bytearray()
        size, more = 0, True
        while more and size <= MAX_DROPPED_BYTES:
            message = await receive()
            if message["type"] == "http.disconnect":
                return None
            chunk = message.get("body", b"")
            size += len(chunk)
            if len(body) <= self.max_bytes:
                body += chunk
            more = message.get("more_body", False)
        return bytes(body)


def _declared(scope: Scope) -> int:
    """The length of the body in bytes as its headers say; 0: there is none, 1: not said."""
    for name, value in scope["headers"]:
        if name == b"content-length":
            return int(value) if value.isdigit() else 1
        if name == b"transfer-encoding":
            return 1
    return 0


def _encoded(scope: Scope) -> bool:
    return any(name == b"content-encoding" and value.lower() != b"identity" for name, value in scope["headers"])


def _first(body: bytes, receive: Receive) -> Receive:
    waiting: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive_body_first() -> Message:
        return waiting.pop() if waiting else await receive()

    return receive_body_first
