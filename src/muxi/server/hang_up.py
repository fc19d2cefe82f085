"""Work for a client that may hang up before it is done."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from starlette.requests import ClientDisconnect, Request

T = TypeVar("T")


async def unless_hung_up(request: Request, work: Coroutine[Any, Any, T]) -> T:
    """The result of some work; stops it, and so the model's call, as soon as the client hangs up.

    Args:
        request: with its body read already.
        work: what to do. It runs in the caller's own task, which costs less than one more.

    Raises:
        ClientDisconnect: the client hung up.
    """
    working = asyncio.current_task()
    if working is None:
        raise RuntimeError("a request is answered by a task")
    watching = asyncio.ensure_future(_cancel_when_hung_up(request, working))
    try:
        return await work
    except asyncio.CancelledError:
        # Somebody else, such as a server that shuts down, may have cancelled it as well.
        if watching.done() and working.uncancel() == 0:
            raise ClientDisconnect from None
        raise
    finally:
        watching.cancel()


async def _cancel_when_hung_up(request: Request, working: asyncio.Task[Any]) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
    working.cancel()
