"""How well a memory answers a question: one weighted sum of features.

=============  =====================================================  ===========================================
feature        meaning                                                formula
=============  =====================================================  ===========================================
``dense``      it means the same, or its neighbours do                lifted(z(cosine of query and memory))
``words``      it uses the same words, or its neighbours do           lifted(z(BM25))
``recency``    it was said lately                                     1 / (1 + age / 30 days)
``importance`` it was marked as more important than usual             importance - 0.5
=============  =====================================================  ===========================================

``z(x) = (x - mean) / max(deviation, floor)`` over the candidates puts both measures of likeness on one scale: adding
scores keeps what reciprocal-rank fusion throws away. The floor keeps a handful of nearly equal candidates from being
torn apart by noise. ``lifted(x)`` adds half of x of the memories just before and after in the same session and a
quarter of the ones beyond: an answer rarely repeats the question's words, but the turn before it does.

The weights are round numbers. The likeness ones were tried on LoCoMo (Maharana et al., ACL 2024), where anything
from 0.5 to 1 for ``dense`` does about as well; recency and importance decide between memories alike otherwise. A
power law, unlike a half-life, still tells last year's from the year before's; it is also how forgetting goes
(Wixted & Ebbesen 1991).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

#: The whole ranker: score = sum of weight * feature.
WEIGHTS: Mapping[str, float] = {"dense": 1.0, "words": 1.0, "recency": 0.5, "importance": 1.0}

#: Share of a neighbour's likeness, by distance in the session.
NEIGHBOUR_SHARES = (0.5, 0.25)

#: The age, in seconds, at which recency is down to a half.
HALF_AGE = 30 * 86_400.0

_COSINE_FLOOR = 0.05
_BM25_FLOOR = 0.25

Numbers = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Candidates:
    """What may be returned, in columns: one value per memory, memories of a session side by side and in order.

    Attributes:
        cosine: of the question's vector with the memory's; NaN where one of them is missing.
        bm25: of the question's words.
        session: equal for memories of one session, and only for these.
        age: seconds since it was said, not negative.
        importance: 0 to 1.
    """

    cosine: Numbers
    bm25: Numbers
    session: NDArray[np.int64]
    age: Numbers
    importance: Numbers


def dense(candidates: Candidates) -> Numbers:
    """Likeness of meaning; a memory without a vector counts as average."""
    known = ~np.isnan(candidates.cosine)
    column = np.zeros(len(known))
    column[known] = _z(candidates.cosine[known], _COSINE_FLOOR)
    return _lifted(column, candidates.session)


def words(candidates: Candidates) -> Numbers:
    """Likeness of words."""
    return _lifted(_z(candidates.bm25, _BM25_FLOOR), candidates.session)


def recency(candidates: Candidates) -> Numbers:
    """1 for what is said now, 0.5 after `HALF_AGE`, never 0."""
    return 1.0 / (1.0 + candidates.age / HALF_AGE)


def importance(candidates: Candidates) -> Numbers:
    """-0.5 to 0.5, 0 for the usual importance."""
    return candidates.importance - 0.5


#: Every feature by its name in `WEIGHTS`.
FEATURES: Mapping[str, Callable[[Candidates], Numbers]] = {
    "dense": dense,
    "words": words,
    "recency": recency,
    "importance": importance,
}


def total(candidates: Candidates) -> Numbers:
    """The score of every candidate, higher is better, never NaN."""
    score = np.zeros(len(candidates.bm25))
    for name, weight in WEIGHTS.items():
        score += weight * FEATURES[name](candidates)
    return score


def _z(column: Numbers, floor: float) -> Numbers:
    if not len(column):
        return column
    centred: Numbers = column - column.mean()
    return centred / max(float(column.std()), floor)


def _lifted(column: Numbers, session: NDArray[np.int64]) -> Numbers:
    lifted = column.copy()
    for distance, share in enumerate(NEIGHBOUR_SHARES, start=1):
        together = share * (session[distance:] == session[:-distance])
        lifted[distance:] += together * column[:-distance]
        lifted[:-distance] += together * column[distance:]
    return lifted
