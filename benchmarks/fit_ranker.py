"""Fits the weights of the ranker, and says how well they do on conversations that they have not seen.

    python benchmarks/fit_ranker.py --data FOLDER [--penalty 3] [--without FEATURE ...]

The folder is as in `locomo.py`. Every turn is remembered and every question is asked through `Memories.search` with
``explain``, which gives the features of all memories of the user. The model is a conditional logit: the chance that a
memory is the evidence is exp(score) over the sum of exp(score) of that memory and all that are no evidence. Minus the
log of it, averaged over a question's evidence, summed over questions, plus ``penalty / 2`` times the squared weights
(of features divided by their deviation) is convex, and Newton's method finds the minimum.

Each conversation is left out once: the figures are of weights fitted on the others. What is printed as ``weights`` is
fitted on all, for `muxi/core/memory/weights.py`.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from databases import database, settings_for
from locomo import SETTLED_S, remember, user_of
from numpy.typing import NDArray
from report import emit, progress, say

from muxi.core.memory.buffer import BufferMemory
from muxi.core.memory.service import Memories
from muxi.core.memory.weights import FITTED, WEIGHTS
from muxi.core.models.providers.local import LocalEmbeddings
from muxi.core.orchestrator import Orchestrator
from muxi.ids import UserId

PENALTY = 3.0
STEPS, ENOUGH = 30, 1e-7
TOP = (10, 50)

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Asked:
    """A question's candidates.

    Attributes:
        features: shape (memories, features).
        fixed: the part of the score that is not fitted, shape (memories,).
        evidence: which rows are evidence.
    """

    features: Floats
    fixed: Floats
    evidence: NDArray[np.int64]


def main() -> None:
    """Reads the arguments, fits, prints."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--data", type=Path, required=True, help="the folder of conversations")
    parser.add_argument("--penalty", type=float, default=PENALTY, help="what large weights cost")
    parser.add_argument("--without", nargs="*", default=[], choices=list(FITTED), help="features to leave out")
    chosen = parser.parse_args()
    files = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(chosen.data.glob("*.json"))]
    names = [name for name in FITTED if name not in chosen.without]
    emit(fitted(collected(files, names), names, chosen.penalty))


def collected(files: list[dict[str, Any]], names: Sequence[str]) -> dict[str, list[Asked]]:
    """The candidates of every question, by conversation."""
    model = LocalEmbeddings()
    with (
        database("sqlite") as address,
        Orchestrator(settings=settings_for(address), buffer_memory=BufferMemory(model=model)) as orchestrator,
        progress() as bar,
    ):
        formation = orchestrator.formation
        remember(orchestrator, files)
        if not formation.memories.settled(SETTLED_S):
            raise SystemExit(f"The memories were not embedded in {SETTLED_S:g} s.")
        task = bar.add_task("asking", total=sum(len(one["questions"]) for one in files))
        found: dict[str, list[Asked]] = {}
        for one in files:
            user = formation.identities.resolve(user_of(one["conversation"]))
            vectors = model.embed_now([question["question"] for question in one["questions"]])
            found[one["conversation"]] = []
            for question, vector in zip(one["questions"], vectors, strict=True):
                found[one["conversation"]].append(_asked(formation.memories, user.id, question, vector, names))
                bar.advance(task)
        return found


def _asked(
    memories: Memories, user: UserId, question: Mapping[str, Any], vector: NDArray[np.float32], names: Sequence[str]
) -> Asked:
    hits = memories.search(user, question["question"], vector, limit=1_000_000, explain=True)
    told = [hit.features or {} for hit in hits]
    evidence = [row for row, hit in enumerate(hits) if hit.memory.metadata["id"] in question["evidence"]]
    return Asked(
        np.array([[one[name] for name in names] for one in told]),
        np.array([sum(weight * one[name] for name, weight in WEIGHTS.items() if name not in FITTED) for one in told]),
        np.array(evidence),
    )


def fitted(found: Mapping[str, Sequence[Asked]], names: Sequence[str], penalty: float) -> dict[str, Any]:
    """The held-out figures, conversation by conversation, and the weights of all."""
    held_out = {}
    for name, questions in found.items():
        weights = fit([one for other, asked in found.items() if other != name for one in asked], penalty)
        held_out[name] = recalls(questions, weights)
        say(f"without {name}: {np.round(np.mean(held_out[name], axis=0), 4)}")
    everything = [one for asked in found.values() for one in asked]
    weights = fit(everything, penalty)
    return {
        "held_out": _shares([of for questions in held_out.values() for of in questions]),
        "held_out_by_conversation": {name: _shares(of) for name, of in held_out.items()},
        "in_sample": _shares(recalls(everything, weights)),
        "weights": dict(zip(names, np.round(weights, 3).tolist(), strict=True)),
        "penalty": penalty,
    }


def recalls(questions: Sequence[Asked], weights: Floats) -> list[tuple[float, ...]]:
    """Of each question the share of its evidence in the top 10 and 50."""
    shares = []
    for one in questions:
        order = np.argsort(-(one.features @ weights + one.fixed), kind="stable")
        shares.append(tuple(float(np.isin(order[:top], one.evidence).sum() / len(one.evidence)) for top in TOP))
    return shares


def fit(questions: Sequence[Asked], penalty: float) -> Floats:
    """The weights of the least penalised loss."""
    deviations = np.concatenate([one.features for one in questions]).std(axis=0) + 1e-9
    scaled = [Asked(one.features / deviations, one.fixed, one.evidence) for one in questions]
    weights = np.zeros(len(deviations))
    loss, slope, curve = _loss(scaled, weights, penalty)
    for _ in range(STEPS):
        step, share = np.linalg.solve(curve, -slope), 1.0
        while (after := _loss(scaled, weights + share * step, penalty))[0] > loss and share > 1e-6:
            share /= 2
        weights, gained = weights + share * step, loss - after[0]
        loss, slope, curve = after
        if gained < ENOUGH * loss:
            break
    found: Floats = weights / deviations
    return found


def _loss(questions: Sequence[Asked], weights: Floats, penalty: float) -> tuple[float, Floats, Floats]:
    """The loss, its slope and its curvature."""
    loss, slope, curve = penalty / 2 * float(weights @ weights), penalty * weights, penalty * np.eye(len(weights))
    for one in questions:
        score = one.features @ weights + one.fixed
        likely = np.exp(score - score.max())
        others = likely.copy()
        others[one.evidence] = 0.0
        mean_others = others @ one.features
        square_others = (one.features * others[:, None]).T @ one.features
        share = 1.0 / len(one.evidence)
        for row in one.evidence:
            total, x = others.sum() + likely[row], one.features[row]
            mean = (mean_others + likely[row] * x) / total
            loss += share * (np.log(total) + score.max() - score[row])
            slope = slope + share * (mean - x)
            curve = curve + share * ((square_others + likely[row] * np.outer(x, x)) / total - np.outer(mean, mean))
    return float(loss), slope, curve


def _shares(questions: Sequence[tuple[float, ...]]) -> dict[str, float]:
    at_10, at_50 = np.mean(questions, axis=0).tolist()
    return {"recall_at_10": round(at_10, 4), "recall_at_50": round(at_50, 4), "questions": len(questions)}


if __name__ == "__main__":
    main()
