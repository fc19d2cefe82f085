"""Whole lists, fetched page by page as they are looped over."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import TypeVar

from muxi.client.replies import Page

T = TypeVar("T")


def every(page_at: Callable[[str | None], Page[T]]) -> Iterator[T]:
    """Every item; ``page_at`` gives the page at a cursor, the first one at ``None``."""
    cursor: str | None = None
    while True:
        page = page_at(cursor)
        yield from page.items
        cursor = page.next_cursor
        if cursor is None:
            return


async def every_awaited(page_at: Callable[[str | None], Awaitable[Page[T]]]) -> AsyncIterator[T]:
    """`every` for asyncio."""
    cursor: str | None = None
    while True:
        page = await page_at(cursor)
        for item in page.items:
            yield item
        cursor = page.next_cursor
        if cursor is None:
            return
