"""What recall has to know of a text: its words as numbers, the days it names, and how it is said.

It depends on the text and the day it was said alone, so it is computed once, behind the answer, and stored beside
the vectors: an index of ten thousand memories is then read, not computed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from muxi.core.memory.dates import Lean, find_dates
from muxi.core.memory.words import words

#: Raise it with every change of `traits_of`, of `muxi.core.memory.words` or `muxi.core.memory.dates`: what was stored
#: under another number is computed anew.
VERSION = 1

#: Flags: the text asks something; it ends with the question; it speaks of a time.
ASKS, ENDS_ASKING, TIMED = FLAGS = (1, 2, 4)

Numbers = NDArray[np.int32]
#: The first and the last day of a span, as proleptic ordinals.
Days = tuple[int, int]

_HEADER = 3  # version, flags, how many days are named
_QUESTION_MARKS = re.compile(r"[?\uff1f\u061f]")
# Closing brackets, quotes and a remark in brackets may follow the last question mark.
_END_OF_QUESTION = re.compile(r"[?\uff1f\u061f][^\w\[]*(?:\[[^\]]*\])?\W*$")
_TIME = re.compile(
    r"\b(?:yesterday|today|tonight|tomorrow|ago|last|next|since|recently|soon|morning|week|weekend|month|years?"
    r"|(?:mon|tues|wednes|thurs|fri|satur|sun)day"
    r"|january|february|march|april|may|june|july|august|september|october|november|december|(?:19|20)\d\d)\b",
    re.I,
)
# Every text that names a day holds one of these.
_HINTS_AT_DAYS = re.compile(
    r"\d|day|night|morning|noon|evening|morrow|week|month|year|spring|summer|autumn|fall|winter"
    r"|\b(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)",
    re.I,
)
# What one of these expressions finds holds one of these: to look for them takes a tenth of the time.
_IN_TIMES = """
    day tonight tomorrow ago last next since recently soon morning week month year 19 20
    january february march april may june july august september october november december
"""
_IN_DAYS = """
    day night morning noon evening morrow week month year spring summer autumn fall winter
    jan feb mar apr may jun jul aug sep oct nov dec
"""
_OF_TIMES, _OF_DAYS, _DIGIT = _IN_TIMES.split(), _IN_DAYS.split(), re.compile(r"\d")
# The end of a long text is enough to see whether it ends with a question.
_END = 500


@dataclass(frozen=True, slots=True)
class TraitColumns:
    """The traits of several texts, in columns.

    Attributes:
        flags: one number a text, of `ASKS`, `ENDS_ASKING` and `TIMED`.
        lengths: how many words each has.
        terms: the words of all of them, one after the other, as `term_numbers` gives them.
        date_rows, first_days, last_days: for each day or span that is named: in which text, from which day and to
            which (proleptic ordinals).
    """

    flags: Numbers
    lengths: Numbers
    terms: Numbers
    date_rows: NDArray[np.int64]
    first_days: Numbers
    last_days: Numbers


def term_numbers(words: Iterable[str]) -> list[int]:
    """A number of 31 bits for each word, the same in every process. Two words share one by chance in 10^9 cases."""
    return [crc32(word.encode("utf-8", "surrogatepass")) & 0x7FFFFFFF for word in words]


def traits_of(text: str, said_at: datetime) -> Numbers:
    """Everything of one text as one row of numbers: header, days, words."""
    asks = _QUESTION_MARKS.search(text) is not None
    flags = ASKS * asks
    flags |= ENDS_ASKING * (asks and _END_OF_QUESTION.search(text[-_END:]) is not None)
    timed = _holds_one(text, _OF_TIMES) and _TIME.search(text) is not None
    flags |= TIMED * timed
    days = [day for span in days_in(text, said_at) for day in span]
    return np.array([VERSION, flags, len(days) // 2, *days, *term_numbers(words(text))], np.int32)


def days_in(text: str, said_at: datetime, *, lean: Lean | None = None) -> list[Days]:
    """The spans of days that a text names, as (first, last); arguments as of `muxi.core.memory.dates.find_dates`."""
    if _DIGIT.search(text) is None and not _holds_one(text, _OF_DAYS):
        return []
    if _HINTS_AT_DAYS.search(text) is None:  # most texts: looking for every form takes ten times as long
        return []
    found = find_dates(text, said_at, lean=lean)
    return [(span.first_day.toordinal(), span.last_day.toordinal()) for span in found]


def _holds_one(text: str, parts: Iterable[str]) -> bool:
    return any(map(text.casefold().__contains__, parts))


def are_current(traits: Numbers | None) -> bool:
    """Whether stored traits can be used: there are any, and they are of this `VERSION`."""
    return traits is not None and len(traits) >= _HEADER and int(traits[0]) == VERSION


def in_columns(rows: Sequence[Numbers]) -> TraitColumns:
    """The traits of several texts, as `traits_of` gave them, in columns."""
    ends = [_HEADER + 2 * int(row[2]) for row in rows]
    terms = [row[end:] for row, end in zip(rows, ends, strict=True)]
    named = [(place, day) for place, end in enumerate(ends) for day in range(_HEADER, end, 2)]
    return TraitColumns(
        flags=np.array([row[1] for row in rows], np.int32),
        lengths=np.array([len(row) for row in terms], np.int32),
        terms=np.concatenate(terms) if terms else np.zeros(0, np.int32),
        date_rows=np.array([place for place, _ in named], np.int64),
        first_days=np.array([rows[place][day] for place, day in named], np.int32),
        last_days=np.array([rows[place][day + 1] for place, day in named], np.int32),
    )
