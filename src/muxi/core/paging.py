"""Pages of lists: opaque cursors, one size limit."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from muxi.errors import InvalidCursorError

MAX_PAGE = 200
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """A part of a list, and where the next one begins (``None``: this was the last)."""

    items: Sequence[T]
    next_cursor: str | None


def page(rows: Sequence[T], limit: int, place: Callable[[T], list[Any]]) -> Page[T]:
    """A page of at most ``limit`` rows; ``rows`` holds one more if the list goes on.

    Args:
        rows: up to ``limit + 1`` rows.
        limit: the page's size.
        place: what identifies a row's place in the list, as JSON values.
    """
    items = rows[:limit]
    return Page(items, _written(place(items[-1])) if len(rows) > limit else None)


def checked_limit(limit: int) -> int:
    """The limit, if it is one.

    Raises:
        InvalidCursorError: not 1 to 200.
    """
    if not 1 <= limit <= MAX_PAGE:
        raise InvalidCursorError(f"limit is {limit}; it must be 1 to {MAX_PAGE}.")
    return limit


def read_cursor(cursor: str, length: int) -> list[Any]:
    """The place that a cursor stands for.

    Raises:
        InvalidCursorError: it was not made by `page`.
    """
    try:
        place = json.loads(base64.urlsafe_b64decode(cursor.encode()))
    except (ValueError, binascii.Error) as error:
        raise InvalidCursorError("The cursor is not one of ours. Pass next_cursor of the page before.") from error
    # Ours are ids, dates and numbers; text of another kind may be of none that a database takes.
    texts = [value for value in place if isinstance(value, str)] if isinstance(place, list) else []
    if not isinstance(place, list) or len(place) != length or not all(t.isascii() and t.isprintable() for t in texts):
        raise InvalidCursorError("The cursor is of another list. Pass next_cursor of the page before.")
    return place


def _written(place: list[Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(place).encode()).decode()
