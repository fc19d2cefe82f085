"""Answers that are read piece by piece, for both clients."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from types import TracebackType
from typing import Any

import httpx
from httpx_sse import EventSource

from muxi.client import events, faults
from muxi.client.connection import Connection
from muxi.client.replies import Reply
from muxi.client.request import Request


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


class _Splitter:
    """Whole lines out of pieces. Only ``\n`` ends one: texts may hold what else may be taken for the end of a line."""

    def __init__(self) -> None:
        self._rest = b""

    def take(self, piece: bytes) -> list[str]:
        """The lines that this piece completes, each with its end."""
        *whole, self._rest = (self._rest + piece).split(b"\n")
        return [line.decode() + "\n" for line in whole]

    def end(self) -> list[str]:
        """The last line, if it had no end."""
        return [self._rest.decode()] if self._rest else []


def lines(
    open: Callable[[Request[Any]], httpx.Response], request: Request[Any], connection: Connection
) -> Generator[str]:
    """The lines of an answer, each with its end. Stopping early ends the connection.

    Raises:
        MuxiError: the server refused, or the connection broke before the last line.
    """
    splitter = _Splitter()
    response = open(request)
    try:
        for piece in response.iter_bytes():
            yield from splitter.take(piece)
        yield from splitter.end()
    except httpx.RequestError as error:
        raise faults.unreachable(error, connection) from error
    except UnicodeDecodeError as error:
        raise faults.unreadable(connection) from error
    finally:
        response.close()


async def lines_awaited(
    open: Callable[[Request[Any]], Awaitable[httpx.Response]], request: Request[Any], connection: Connection
) -> AsyncGenerator[str]:
    """`lines` for asyncio."""
    splitter = _Splitter()
    response = await open(request)
    try:
        async for piece in response.aiter_bytes():
            for line in splitter.take(piece):
                yield line
        for line in splitter.end():
            yield line
    except httpx.RequestError as error:
        raise faults.unreachable(error, connection) from error
    except UnicodeDecodeError as error:
        raise faults.unreadable(connection) from error
    finally:
        await response.aclose()
