"""Answers that are being written, for both clients."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from types import TracebackType
from typing import Any

import httpx
from httpx_sse import EventSource

from muxi.client import events
from muxi.client.connection import Connection
from muxi.client.replies import Reply
from muxi.client.requests import Request


class ReplyStream:
    """An answer that is being written: loop over it for its pieces, then `reply` is the whole."""

    def __init__(
        self, open: Callable[[Request[Any]], httpx.Response], request: Request[Reply], connection: Connection
    ) -> None:
        # The generator must not know this object: then dropping the object ends the generator, and the connection.
        self._parts = _parts(open, request, connection)
        self._reply: Reply | None = None

    @property
    def reply(self) -> Reply:
        """The whole answer, after the last piece.

        Raises:
            RuntimeError: there are pieces left to read.
        """
        if self._reply is None:
            raise RuntimeError("The answer is not complete: read all of its pieces first.")
        return self._reply

    def close(self) -> None:
        """Ends the connection; the model stops if it was still writing."""
        self._parts.close()

    def __iter__(self) -> ReplyStream:
        return self

    def __next__(self) -> str:
        part = next(self._parts)
        if isinstance(part, str):
            return part
        self._reply = part
        return next(self)

    def __enter__(self) -> ReplyStream:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _parts(
    open: Callable[[Request[Any]], httpx.Response], request: Request[Reply], connection: Connection
) -> Generator[str | Reply]:
    follower = events.Follower(connection)
    response = open(request)
    try:
        for event in EventSource(response).iter_sse():
            if text := follower.take(event):
                yield text
    except httpx.RequestError as error:
        raise follower.broken(error) from error
    finally:
        response.close()
    yield follower.end()


class AsyncReplyStream:
    """An answer that is being written: loop over it for its pieces, then `reply` is the whole."""

    def __init__(
        self,
        open: Callable[[Request[Any]], Awaitable[httpx.Response]],
        request: Request[Reply],
        connection: Connection,
    ) -> None:
        # The generator must not know this object: then dropping the object ends the generator, and the connection.
        self._parts = _parts_awaited(open, request, connection)
        self._reply: Reply | None = None

    @property
    def reply(self) -> Reply:
        """The whole answer, after the last piece.

        Raises:
            RuntimeError: there are pieces left to read.
        """
        if self._reply is None:
            raise RuntimeError("The answer is not complete: read all of its pieces first.")
        return self._reply

    async def close(self) -> None:
        """Ends the connection; the model stops if it was still writing."""
        await self._parts.aclose()

    def __aiter__(self) -> AsyncReplyStream:
        return self

    async def __anext__(self) -> str:
        part = await anext(self._parts)
        if isinstance(part, str):
            return part
        self._reply = part
        return await anext(self)

    async def __aenter__(self) -> AsyncReplyStream:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()


async def _parts_awaited(
    open: Callable[[Request[Any]], Awaitable[httpx.Response]], request: Request[Reply], connection: Connection
) -> AsyncGenerator[str | Reply]:
    follower = events.Follower(connection)
    response = await open(request)
    try:
        async for event in EventSource(response).aiter_sse():
            if text := follower.take(event):
                yield text
    except httpx.RequestError as error:
        raise follower.broken(error) from error
    finally:
        await response.aclose()
    yield follower.end()
