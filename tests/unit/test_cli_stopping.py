"""Stopping an answer on the command line, at whatever moment."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

from muxi.cli.embedded import _driven, _next


def test_interrupted_before_the_loop_took_up_the_next_piece() -> None:
    """Ctrl-C can come when the next piece is asked for and nobody waits for it yet: the model stops all the same."""
    ended: list[bool] = []
    with asyncio.Runner() as loop:
        parts = pieces(ended)
        driven = _driven(loop, parts)
        assert next(driven) == "Hello"
        asked = loop.get_loop().create_task(_next(parts))
        driven.close()
        assert ended == [True] and asked.cancelled()


async def pieces(ended: list[bool]) -> AsyncGenerator[str]:
    """A piece, and then a model that thinks for ever."""
    try:
        yield "Hello"
        await asyncio.Event().wait()
    finally:
        ended.append(True)
