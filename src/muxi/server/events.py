"""An answer as server-sent events."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Any

from sse_starlette import EventSourceResponse, ServerSentEvent
from starlette.requests import Request
from starlette.types import Receive, Scope, Send

from muxi.core.chat.types import Piece, Reply
from muxi.errors import MuxiError
from muxi.server import problems
from muxi.server.schemas.chat import ChatReply

HEARTBEAT_S = 15
#: How often an open answer looks whether its key or token still works, in seconds.
CHECK_S = 0.5
Source = AsyncGenerator[Piece | Reply, None]


class Answer(EventSourceResponse):
    """Pieces, the whole reply and its usage, numbered from 1; a comment every 15 s while the model is silent.

    Args:
        request: the request it answers.
        source: what is left of the answer. It is closed with the response, whichever end comes first.
        first: what `source` gave already; a failure before it was a problem document, not a stream.
    """

    def __init__(self, request: Request, source: Source, first: Piece | Reply) -> None:
        super().__init__(_events(request, source, first), ping=HEARTBEAT_S, ping_message_factory=_heartbeat, sep="\n")
        self._source = source

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with aclosing(self._source):
            await super().__call__(scope, receive, send)


async def _events(request: Request, source: Source, first: Piece | Reply) -> AsyncIterator[ServerSentEvent]:
    number = 0
    async for name, body in _named(request, source, first):
        number += 1
        # Pure ASCII: no character that any reader takes for the end of a line.
        yield ServerSentEvent(json.dumps(body, default=str), event=name, id=str(number), sep="\n")


async def _named(request: Request, source: Source, first: Piece | Reply) -> AsyncIterator[tuple[str, dict[str, Any]]]:
    try:
        for event in _of(first):
            yield event
        async with aclosing(_while_let_in(request, source)) as parts:
            async for part in parts:
                for event in _of(part):
                    yield event
    except MuxiError as error:
        problems.report(error, request)
        yield "error", problems.document(error, request)
    except Exception as exc:  # noqa: BLE001  (the status is sent already: the stream itself must say that it failed)
        yield "error", problems.document(problems.unforeseen(exc, request), request)


async def _while_let_in(request: Request, source: Source) -> AsyncGenerator[Piece | Reply]:
    """The rest of an answer, as long as whoever asked may ask: looked at now and then, also while the model is silent.

    Raises:
        AuthenticationError, PermissionDeniedError: the key or token was revoked, or lost the permission.
    """
    checked = time.monotonic()
    waiting: asyncio.Future[Piece | Reply] | None = None
    try:
        while True:
            waiting = waiting or asyncio.ensure_future(anext(source))
            done, _ = await asyncio.wait((waiting,), timeout=max(0.0, checked + CHECK_S - time.monotonic()))
            if time.monotonic() >= checked + CHECK_S:
                await request.state.check()
                checked = time.monotonic()
            if done:
                part, waiting = waiting, None
                yield part.result()
    except StopAsyncIteration:
        return
    finally:
        if waiting is not None:
            waiting.cancel()
            await asyncio.wait((waiting,))


def _of(part: Piece | Reply) -> list[tuple[str, dict[str, Any]]]:
    if isinstance(part, Piece):
        return [("piece", {"text": part.text})]
    reply = ChatReply.of(part).model_dump(mode="json")
    return [("reply", reply), ("usage", reply["usage"])]


def _heartbeat() -> ServerSentEvent:
    return ServerSentEvent(comment="ping", sep="\n")
