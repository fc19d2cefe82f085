"""Sending requests: the only part of the client that waits, once for each kind of client."""

from __future__ import annotations

import asyncio
import time
import weakref
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from itertools import count
from typing import Any, TypeVar

import httpx

from muxi.client import answers, faults, retry
from muxi.client.connection import Connection
from muxi.client.request import Request
from muxi.errors import MuxiError

T = TypeVar("T")
R = TypeVar("R")


class Wire:
    """A pool of connections to one server, and what is tried again on it. Threads may share it.

    Args:
        connection: where the server is, and as whom to speak to it.

    Attributes:
        connection: the same.
        close: closes the connections.
    """

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self._http = httpx.Client(**connection.httpx_settings())
        # A client that is dropped without `close`, as scripts do, leaves no connection open.
        self.close = weakref.finalize(self, self._http.close)

    def call(self, request: Request[T]) -> T:
        """What the server answers. Raises `MuxiError`."""
        return self._tried(request, self._answered)

    def opened(self, request: Request[Any]) -> httpx.Response:
        """An answer of the media type that the request accepts, to be read piece by piece and closed by the caller."""
        return self._tried(request, self._begun)

    def _tried(self, request: Request[T], once: Callable[[Request[T]], R]) -> R:
        for attempt in count(1):
            try:
                return once(request)
            except MuxiError as error:
                pause = retry.pause(request, error, attempt)
                if pause is None:
                    raise
            time.sleep(pause)
        raise AssertionError("Counting does not end.")

    def _answered(self, request: Request[T]) -> T:
        return answers.result(request, self._sent(request, stream=False), self.connection)

    def _begun(self, request: Request[Any]) -> httpx.Response:
        response = self._sent(request, stream=True)
        if not answers.is_stream(request, response):
            self._refuse(response)
        return response

    def _refuse(self, response: httpx.Response) -> None:
        try:
            response.read()
        except httpx.RequestError as error:
            raise faults.unreachable(error, self.connection) from error
        finally:
            response.close()
        raise answers.not_a_stream(response, self.connection)

    def _sent(self, request: Request[Any], stream: bool) -> httpx.Response:
        built = self._http.build_request(**self.connection.httpx_request(request))
        try:
            return self._http.send(built, stream=stream)
        except httpx.RequestError as error:
            raise faults.unreachable(error, self.connection) from error


class AsyncWire:
    """`Wire` for asyncio: one event loop uses it."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self._http = httpx.AsyncClient(**connection.httpx_settings())
        self.close = self._http.aclose

    async def call(self, request: Request[T]) -> T:
        """What the server answers. Raises `MuxiError`."""
        return await self._tried(request, self._answered)

    async def opened(self, request: Request[Any]) -> httpx.Response:
        """An answer of the media type that the request accepts, to be read piece by piece and closed by the caller."""
        return await self._tried(request, self._begun)

    async def _tried(self, request: Request[T], once: Callable[[Request[T]], Awaitable[R]]) -> R:
        for attempt in count(1):
            try:
                return await once(request)
            except MuxiError as error:
                pause = retry.pause(request, error, attempt)
                if pause is None:
                    raise
            await asyncio.sleep(pause)
        raise AssertionError("Counting does not end.")

    async def _answered(self, request: Request[T]) -> T:
        return answers.result(request, await self._sent(request, stream=False), self.connection)

    async def _begun(self, request: Request[Any]) -> httpx.Response:
        response = await self._sent(request, stream=True)
        if not answers.is_stream(request, response):
            await self._refuse(response)
        return response

    async def _refuse(self, response: httpx.Response) -> None:
        try:
            await response.aread()
        except httpx.RequestError as error:
            raise faults.unreachable(error, self.connection) from error
        finally:
            await response.aclose()
        raise answers.not_a_stream(response, self.connection)

    async def _sent(self, request: Request[Any], stream: bool) -> httpx.Response:
        arguments = self.connection.httpx_request(request)
        if request.content is not None:
            arguments["content"] = _each(request.content)
        built = self._http.build_request(**arguments)
        try:
            return await self._http.send(built, stream=stream)
        except httpx.RequestError as error:
            raise faults.unreachable(error, self.connection) from error


async def _each(pieces: Iterable[bytes]) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece
