"""One HTTP client per event loop: connections cannot move from one loop to another."""

from __future__ import annotations

import asyncio
import weakref
from asyncio import AbstractEventLoop
from collections.abc import AsyncGenerator, Callable

import openai

_Lifetime = AsyncGenerator[openai.AsyncOpenAI]
_Open = dict[AbstractEventLoop, tuple[openai.AsyncOpenAI, _Lifetime]]


class LoopClients:
    """The clients of one model, made when a loop first asks and closed with it.

    A caller without a loop of its own runs each call in a new one, so clients must go when their loop goes. Weak
    references do not do that, since open connections hold the loop. An async generator does: a loop that shuts
    down (`asyncio.run`, uvicorn) first finishes the generators begun in it, and this one then closes its client.
    When the model itself is dropped, its clients are closed by the loops that they belong to.

    Args:
        make: makes a client; what it raises reaches the caller of `get`.
    """

    def __init__(self, make: Callable[[], openai.AsyncOpenAI]) -> None:
        self._make = make
        self._open: _Open = {}
        weakref.finalize(self, _close_later, self._open).atexit = False

    @property
    def count(self) -> int:
        """How many loops have a client now."""
        return len(self._open)

    async def get(self) -> openai.AsyncOpenAI:
        """The running loop's client."""
        loop = asyncio.get_running_loop()
        if loop not in self._open:
            self._forget_closed_loops()
            lifetime = _lifetime(self._make(), loop, self._open)
            self._open[loop] = await anext(lifetime), lifetime
        return self._open[loop][0]

    async def aclose(self) -> None:
        """Closes the running loop's client, if there is one."""
        _, lifetime = self._open.get(asyncio.get_running_loop(), (None, None))
        if lifetime is not None:
            await lifetime.aclose()

    def _forget_closed_loops(self) -> None:
        """For loops that were closed without finishing their generators."""
        for loop in [loop for loop in self._open.copy() if loop.is_closed()]:
            self._open.pop(loop, None)


async def _lifetime(client: openai.AsyncOpenAI, loop: AbstractEventLoop, open_clients: _Open) -> _Lifetime:
    try:
        yield client
    finally:
        open_clients.pop(loop, None)
        await client.close()


def _close_later(open_clients: _Open) -> None:
    for loop, (_, lifetime) in open_clients.copy().items():
        if not loop.is_closed():
            loop.call_soon_threadsafe(_close_now, loop, lifetime)


def _close_now(loop: AbstractEventLoop, lifetime: _Lifetime) -> None:
    closing = loop.create_task(_finish(lifetime))
    # A loop holds its tasks weakly; the reference ends with the task.
    closing.add_done_callback(lambda _: closing)


async def _finish(lifetime: _Lifetime) -> None:
    await lifetime.aclose()
