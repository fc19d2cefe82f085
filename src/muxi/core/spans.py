"""Where the time of a turn goes, told to whoever asked: nothing is told, and next to nothing costs, if nobody did."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import wraps
from typing import Concatenate, ParamSpec, Protocol, TypeVar

#: The steps of a chat turn.
RESOLVE, EMBED, RECALL, MODEL, STORE = (f"muxi.chat.{one}" for one in ("resolve", "embed", "recall", "model", "store"))


class Spans(Protocol):
    """Somebody who wants to know. What a step is about is never told: no text, no identifier."""

    def span(self, name: str) -> AbstractContextManager[object]:
        """Something that is entered when a step begins, and left when it ends."""


class Traced(Protocol):
    """What knows whether anybody wants to know."""

    @property
    def spans(self) -> Spans | None:
        """Whoever does."""


T = TypeVar("T")
P = ParamSpec("P")
R = TypeVar("R", bound=Traced)

_NOTHING: AbstractContextManager[object] = nullcontext()


def span(of: Traced, name: str) -> AbstractContextManager[object]:
    """A step of somebody's."""
    return _NOTHING if of.spans is None else of.spans.span(name)


def spanned(name: str) -> Callable[[Callable[Concatenate[R, P], T]], Callable[Concatenate[R, P], T]]:
    """Makes a function a step of its first argument's."""

    def decorate(function: Callable[Concatenate[R, P], T]) -> Callable[Concatenate[R, P], T]:
        @wraps(function)
        def run(of: R, /, *args: P.args, **kwargs: P.kwargs) -> T:
            if of.spans is None:
                return function(of, *args, **kwargs)
            with of.spans.span(name):
                return function(of, *args, **kwargs)

        return run

    return decorate
