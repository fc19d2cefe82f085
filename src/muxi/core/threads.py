"""Where synchronous rules and stores meet asynchronous callers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


async def in_thread(function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
    """Runs a plain function in a worker thread: a slow disk must not stop the event loop.

    A whole step at once, never one look-up at a time: a thread costs more than a look-up.
    """
    return await asyncio.to_thread(function, *args, **kwargs)
