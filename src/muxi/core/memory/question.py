"""What recall reads out of a question: its words, the days it names, and whether it asks for a time."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from muxi.core.memory.dates import Lean
from muxi.core.memory.traits import Days, days_in, term_numbers
from muxi.core.memory.words import words

# A question says what it asks at its start; a longer text would only cost time.
_LONGEST = 20_000
_WHEN = re.compile(
    r"\bwhen\b|\b(?:what|which) (?:day|date|month|year|week|weekend|season|time)\b|\bhow long ago\b", re.I
)


@dataclass(frozen=True, slots=True)
class Question:
    """A question, read.

    Attributes:
        text: its beginning.
        terms: its words, each once, as `muxi.core.memory.traits.term_numbers` gives them.
        asks_when: it asks for a time.
    """

    text: str
    terms: tuple[int, ...]
    asks_when: bool

    @classmethod
    def of(cls, text: str) -> Question:
        """Reads a question."""
        text = text[:_LONGEST]
        return cls(text, tuple(dict.fromkeys(term_numbers(words(text)))), _WHEN.search(text) is not None)

    def days(self, now: datetime, *, lean: Lean | None = None) -> Sequence[Days]:
        """The days that it names, if it is asked at a time."""
        return days_in(self.text, now, lean=lean)
