"""What speaks for a memory as the answer to a question: each feature is one column over the candidates.

=====================  ==============================================================================================
feature                value
=====================  ==============================================================================================
``vector``             z(cosine of the question's and the memory's vector): it means the same
``window``             z(cosine with the vector of the memory and the two before it in its session, as one text):
                       what it is about, said in the turns before it
``next_window``        the same of the memory that follows, in whose middle this one stands
``words``              BM25, in which the rarest word counts 1: it uses the question's words
``window_words``       BM25 of the memory with the four before and the two after it: they are used around it
``after_question``     BM25 of the memory just before it, if that one asks something: this one may be the answer
``speaker``            1 if the question names one speaker, and this one said it
``length``             words / (words + 10): a long text holds more to be asked for
``is_question``        1 if it ends with a question: it asks rather than tells
``time``               1 if it speaks of a time, and the question does not ask when
``when_time``          1 if it speaks of a time, and the question asks when
``near_day``           1 / (1 + days / 2) from the day it was said to the days that the question names; 0 without any
``own_day``            1 if it names days itself of which the question names one: "last Friday", read on its day
``recency``            1 / (1 + age / 30 days): it was said lately
``importance``         importance - 0.5: it was marked as more important than usual
=====================  ==============================================================================================

``z(x) = (x - mean) / max(deviation, floor)`` over all that may be returned puts the cosines of different embedding
models on one scale; the floor keeps a handful of nearly equal memories from being torn apart by noise. A memory
without a vector yet counts as average, one without the vector of its window as if the window were itself.

A power law for recency, unlike a half-life, still tells last year's from the year before's; it is also how forgetting
goes (Wixted & Ebbesen 1991).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

#: The age, in seconds, at which recency is down to a half.
HALF_AGE = 30 * 86_400.0
#: How many words make half of the length that counts.
HALF_LENGTH = 10.0
#: How many days off the question's date a memory's own counts half.
HALF_DAYS = 2.0

#: The order of the columns.
NAMES = (
    "vector",
    "window",
    "next_window",
    "words",
    "window_words",
    "after_question",
    "speaker",
    "length",
    "is_question",
    "time",
    "when_time",
    "near_day",
    "own_day",
    "recency",
    "importance",
)
_VECTOR, _WINDOW, _NEXT_WINDOW, _WORDS, _WINDOW_WORDS, _AFTER_QUESTION, _SPEAKER, _LENGTH = range(8)
_IS_QUESTION, _TIME, _WHEN_TIME, _NEAR_DAY, _OWN_DAY, _RECENCY, _IMPORTANCE = range(8, 15)

_COSINE_FLOOR = 0.05

Floats = NDArray[np.float64]
Marks = NDArray[np.bool_]
#: By the number of a feature, its place in `NAMES`.
Columns = dict[int, Floats | Marks]


@dataclass(frozen=True, slots=True)
class Scale:
    """Mean and deviation of the cosines of all that may be returned."""

    mean: float
    deviation: float

    @classmethod
    def of(cls, cosines: Floats) -> Scale:
        """Measures cosines; NaN is left out."""
        total, known = float(np.add.reduce(cosines)), cosines
        if math.isnan(total):
            known = cosines[~np.isnan(cosines)]
            total = float(np.add.reduce(known))
        if not len(known):
            return cls(0.0, 1.0)
        mean = total / len(known)
        off = known - mean
        off *= off
        deviation = math.sqrt(float(np.add.reduce(off)) / len(known))
        return cls(mean, max(deviation, _COSINE_FLOOR))

    def z(self, cosines: Floats) -> Floats:
        """How many deviations each is over the mean; NaN stays NaN."""
        made = cosines - self.mean
        made /= self.deviation
        return made


@dataclass(frozen=True, slots=True)
class Deviations:
    """How many deviations cosines of the question's vector are over the mean (`Scale.z`); NaN where one is missing.

    Attributes:
        vector: with the memory's own.
        window, next_window: with its window's, and the next memory's window's.
    """

    vector: Floats
    window: Floats
    next_window: Floats


@dataclass(frozen=True, slots=True)
class Candidates:
    """What may be returned, in columns: one value per memory.

    Attributes:
        cosines: of the question's vector; ``None``: of all they are missing.
        bm25: of the question's words.
        asked_bm25: of the memory just before, where that asks something; else 0.
        named: it was said by the one speaker whom the question names; ``None``: it names none.
        words: how many words it has.
        is_question: 1 if it ends with a question.
        is_timed: 1 if it speaks of a time.
        asks_when: the question asks for a time.
        days_off: days from when it was said to the days that the question names; ``None``: it names none.
        names_day: it names days itself of which the question names one; ``None`` likewise.
        age: seconds since it was said, not negative.
        importance: 0 to 1.
    """

    cosines: Deviations | None
    bm25: Floats
    asked_bm25: Floats
    named: Marks | None
    words: Floats
    is_question: Floats
    is_timed: Floats
    asks_when: bool
    days_off: Floats | None
    names_day: Marks | None
    age: Floats
    importance: Floats


def columns_of(given: Candidates) -> Columns:
    """The features that are not 0 for all, one value per memory, never NaN; all but ``window_words``.

    Those take longest, and need not be known of a memory that has not even a chance.
    """
    made: Columns = {_WORDS: given.bm25, _AFTER_QUESTION: given.asked_bm25}
    if given.cosines is not None:
        made[_VECTOR] = vector = _or(given.cosines.vector, 0.0)
        made[_WINDOW] = window = _or(given.cosines.window, vector)
        made[_NEXT_WINDOW] = _or(given.cosines.next_window, window)
    if given.named is not None:
        made[_SPEAKER] = given.named
    made[_LENGTH] = given.words / (given.words + HALF_LENGTH)
    made[_IS_QUESTION] = given.is_question
    made[_WHEN_TIME if given.asks_when else _TIME] = given.is_timed
    if given.days_off is not None:
        made[_NEAR_DAY] = 1.0 / (1.0 + given.days_off / HALF_DAYS)
    if given.names_day is not None:
        made[_OWN_DAY] = given.names_day
    made[_RECENCY] = HALF_AGE / (given.age + HALF_AGE)
    made[_IMPORTANCE] = given.importance - 0.5
    return made


def features_of(columns: Columns, some: NDArray[np.int64] | None, window_bm25: Floats) -> Floats:
    """Every feature of some memories, or all: shape (features, memories), in the order of `NAMES`; never NaN.

    Args:
        columns: of all.
        some: which; ``None``: all.
        window_bm25: of these, what the question's words score in them together with the texts around.
    """
    made = np.zeros((len(NAMES), len(window_bm25)))
    for number, column in columns.items():
        made[number] = column if some is None else column[some]
    made[_WINDOW_WORDS] = window_bm25
    return made


def _or(column: Floats, instead: Floats | float) -> Floats:
    """The column, and something else where it is not a number."""
    missing = np.isnan(column)
    return np.where(missing, instead, column) if missing.any() else column
