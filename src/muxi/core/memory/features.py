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

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

#: The age, in seconds, at which recency is down to a half.
HALF_AGE = 30 * 86_400.0
#: How many words make half of the length that counts.
HALF_LENGTH = 10.0
#: How many days off the question's date a memory's own counts half.
HALF_DAYS = 2.0

_COSINE_FLOOR = 0.05

Floats = NDArray[np.float64]
Marks = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Scale:
    """Mean and deviation of the cosines of all that may be returned."""

    mean: float
    deviation: float

    @classmethod
    def of(cls, cosines: Floats) -> Scale:
        """Measures cosines; NaN is left out."""
        known = cosines[~np.isnan(cosines)]
        if not len(known):
            return cls(0.0, 1.0)
        return cls(float(known.mean()), max(float(known.std()), _COSINE_FLOOR))

    def z(self, cosines: Floats) -> Floats:
        """How many deviations each is over the mean; NaN stays NaN."""
        return (cosines - self.mean) / self.deviation


@dataclass(frozen=True, slots=True)
class Candidates:
    """What may be returned, in columns: one value per memory.

    Attributes:
        cosine, window_cosine, next_window_cosine: of the question's vector with the memory's and its windows'; NaN
            where one of them is missing.
        scale, window_scale: of the cosines.
        bm25, window_bm25: of the question's words.
        asked_bm25: of the memory just before, where that asks something; else 0.
        named: it was said by the one speaker whom the question names.
        words: how many words it has.
        is_question: it ends with a question.
        is_timed: it speaks of a time.
        asks_when: the question asks for a time.
        days_off: days from when it was said to the days that the question names; infinite without any.
        names_day: it names days itself of which the question names one.
        age: seconds since it was said, not negative.
        importance: 0 to 1.
    """

    cosine: Floats
    window_cosine: Floats
    next_window_cosine: Floats
    scale: Scale
    window_scale: Scale
    bm25: Floats
    window_bm25: Floats
    asked_bm25: Floats
    named: Marks
    words: Floats
    is_question: Marks
    is_timed: Marks
    asks_when: bool
    days_off: Floats
    names_day: Marks
    age: Floats
    importance: Floats


def features_of(given: Candidates) -> dict[str, Floats]:
    """Every feature's column, by its name in `muxi.core.memory.weights.WEIGHTS`; never NaN."""
    vector = _filled(given.scale.z(given.cosine), 0.0)
    window = _filled(given.window_scale.z(given.window_cosine), vector)
    return {
        "vector": vector,
        "window": window,
        "next_window": _filled(given.window_scale.z(given.next_window_cosine), window),
        "words": given.bm25,
        "window_words": given.window_bm25,
        "after_question": given.asked_bm25,
        "speaker": given.named.astype(np.float64),
        "length": given.words / (given.words + HALF_LENGTH),
        "is_question": given.is_question.astype(np.float64),
        "time": (given.is_timed & (not given.asks_when)).astype(np.float64),
        "when_time": (given.is_timed & given.asks_when).astype(np.float64),
        "near_day": 1.0 / (1.0 + given.days_off / HALF_DAYS),
        "own_day": given.names_day.astype(np.float64),
        "recency": 1.0 / (1.0 + given.age / HALF_AGE),
        "importance": given.importance - 0.5,
    }


def _filled(column: Floats, instead: Floats | float) -> Floats:
    return np.where(np.isnan(column), instead, column)
