"""How much each feature of `muxi.core.memory.features` counts.

The score of a memory is the sum of weight * feature: a conditional logit, that is, exp(score) over the sum of
exp(score) of all the user's memories is the model's chance that this one is asked for.

Fitted by ``benchmarks/fit_ranker.py``; `docs/recall.md` says on what, and how well it does on what it has not seen.
Recency and importance are set by hand: that data has neither. They decide between memories that are alike otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from muxi.core.memory.features import NAMES, Columns
from muxi.core.memory.types import Hit

#: By `fit_ranker.py` on LoCoMo 26, 30, 41, 42, 43 (Maharana et al., ACL 2024), embeddings all-MiniLM-L6-v2 int8.
FITTED: Mapping[str, float] = {
    "vector": 0.32,
    "window": 0.47,
    "next_window": 0.29,
    "words": 1.01,
    "window_words": 1.88,
    "after_question": 1.11,
    "speaker": 2.29,
    "length": 2.94,
    "is_question": -0.38,
    "time": 0.52,
    "when_time": 2.29,
    "near_day": 5.39,
    "own_day": 1.11,
}

#: The whole ranker: score = sum of weight * feature.
WEIGHTS: Mapping[str, float] = {**FITTED, "recency": 0.25, "importance": 1.0}


def adds(features: Mapping[str, float]) -> dict[str, float]:
    """What each feature of a candidate adds to its score."""
    return {name: weight * features[name] for name, weight in WEIGHTS.items() if name in features}


def adds_of(hit: Hit) -> dict[str, float] | None:
    """What makes up a hit's score: its features and, where it is shared, ``owner``; ``None`` if nobody asked."""
    if hit.features is None:
        return None
    made = adds(hit.features)
    if hit.owner.kind != "user":
        made["owner"] = round(hit.score - sum(made.values()), 6)
    return made


_IN_ORDER = np.array([WEIGHTS[name] for name in NAMES])


def total(features: NDArray[np.float64]) -> NDArray[np.float64]:
    """The score of every candidate, higher is better; of features in the order of `NAMES`, (features, candidates)."""
    # Not by BLAS: a sum has the same bits wherever its column stands, and no threads are woken.
    score: NDArray[np.float64] = np.einsum("i,ij->j", _IN_ORDER, features)
    return score


def total_of(columns: Columns, window_bm25: NDArray[np.float64]) -> NDArray[np.float64]:
    """The same of candidates by the columns that are known, but for the last bits.

    Args:
        columns: of all, without ``window_words``.
        window_bm25: what is taken for those.
    """
    score = WEIGHTS["window_words"] * window_bm25
    part = np.empty(len(score))
    for number, column in columns.items():
        np.multiply(column, _IN_ORDER[number], out=part)
        score += part
    return score
