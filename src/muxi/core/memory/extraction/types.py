"""The words of extraction: an operation, and the rules that make them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Literal

Op = Literal["add", "replace", "remove"]
Value = str | int


@dataclass(frozen=True, slots=True)
class Operation:
    """A change to a user's context that a message asks for.

    Attributes:
        op: ``replace`` sets the one value of a path, ``add`` puts a value into the path's list, ``remove`` takes a
            value from a list, or the path's value if it is this one.
        path: a dotted path, such as ``location.city``.
        value: a text, or an integer where the path counts something (``age``).
        confidence: 0 to 1, how sure it is that the user means this.
        importance: 0 to 1, how much it matters later.
        evidence: (start, end) of the words that say so, in the message.
    """

    op: Op
    path: str
    value: Value
    confidence: float
    importance: float
    evidence: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Claim:
    """What a rule found in a clause.

    Attributes:
        op: as in `Operation`.
        path: as in `Operation`.
        value: as in `Operation`.
        end: where the words that say so end in the clause; the end of the rule's match if not told.
    """

    op: Op
    path: str
    value: Value
    end: int | None = None


Build = Callable[[re.Match[str], datetime], Iterable[Claim]]


@dataclass(frozen=True)
class Rule:
    """One form of saying something.

    Attributes:
        pattern: matched at the beginning of a clause; ignores case, but for ``(?-i:...)`` inside it.
        build: makes claims of a match and of when it was said, in the user's time zone.
        confidence: of what it finds.
    """

    pattern: str
    build: Build
    confidence: float = 0.9

    @cached_property
    def compiled(self) -> re.Pattern[str]:
        """The pattern, compiled when it is first used: all rules take a quarter of a second, and few commands read
        what somebody said."""
        return re.compile(self.pattern, re.IGNORECASE)


# How much a fact matters, by the beginning of its path; what is not listed is 0.5.
_IMPORTANCE = {
    "health": 0.95,
    "name": 0.9,
    "nickname": 0.8,
    "location": 0.8,
    "work": 0.7,
    "relations": 0.7,
    "birthday": 0.7,
    "budget": 0.7,
    "budgets": 0.7,
    "time_zone": 0.7,
    "languages": 0.7,
    "contact": 0.7,
    "goals": 0.6,
    "events": 0.6,
    "education": 0.6,
    "age": 0.6,
}


def importance_of(path: str) -> float:
    """How much a fact at a path matters, 0 to 1."""
    return _IMPORTANCE.get(path.partition(".")[0], 0.5)
