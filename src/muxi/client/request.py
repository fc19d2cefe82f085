"""A request, and the parts that requests are built of."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Generic, TypeVar
from urllib.parse import quote

from muxi.errors import InvalidInputError, MuxiError

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Request(Generic[T]):
    """One request, and how its answer is read.

    Attributes:
        method: of HTTP.
        path: from the server's root; ``/v1/...`` belongs to a formation and is put below it.
        read: makes the result of the answer's JSON.
        json: the body; ``None`` for none.
        params: of the query.
        headers: besides the keys.
        content: instead of ``json``, a body that is sent piece by piece as it is made.
        idempotent: whether sending it twice does no more than sending it once.
    """

    method: str
    path: str
    read: Callable[[Any], T]
    json: Mapping[str, Any] | None = None
    params: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    content: Iterable[bytes] | None = None
    idempotent: bool = True


def given(**members: Any) -> dict[str, Any]:
    """The members that were told."""
    return {name: value for name, value in members.items() if value is not None}


def seconds(expires_in: timedelta | None) -> int | None:
    """A span of time as the server takes it.

    Raises:
        InvalidInputError: it is something else.
    """
    if expires_in is None:
        return None
    if not isinstance(expires_in, timedelta):
        raise InvalidInputError(f"expires_in is a timedelta, not {expires_in.__class__.__name__}.")
    return round(expires_in.total_seconds())


def page(limit: int, cursor: str | None) -> dict[str, str]:
    """The parameters of a list."""
    return {"limit": str(limit)} | ({"cursor": cursor} if cursor is not None else {})


def segment(id: str, missing: type[MuxiError]) -> str:
    """An id as one part of a path."""
    # These would change the path instead of naming something below it.
    if id in ("", ".", ".."):
        raise missing(f"Nothing can have the id {id!r}.")
    return quote(id, safe="")
