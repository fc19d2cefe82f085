"""What is recalled for a user: their own memories, those of their teams, and what the whole formation shares.

Each owner's memories are ranked in an index of their own, and the best of all are taken by score. Scores of different
indexes compare well enough for that: they are logits of one model. Measured on LoCoMo (docs/recall.md), conversations
cut in two and merged again find 83.4 % of the evidence in the first ten, in one index 83.9 %; by reciprocal ranks
81.1 %. A weight multiplies the odds, so its logarithm is added to the score.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from muxi.core.chat.types import Look
from muxi.core.memory.cache import Versions
from muxi.core.memory.layout import Shown
from muxi.core.memory.service import Keep, Memories
from muxi.core.memory.store import SHARED
from muxi.core.memory.types import OF_FORMATION, Hit, Owner
from muxi.ids import UserId

# As the ranker's own scores: the last bits decide nothing.
_DECIMALS = 6


@dataclass(frozen=True, slots=True)
class Weights:
    """How much shared memories count, beside the user's own, which count 1; 0 leaves them out.

    Attributes:
        team: those of the user's teams.
        formation: those of the whole formation.
    """

    team: float = 0.6
    formation: float = 0.4


class Library(Protocol):
    """The parts of a formation that remember."""

    memories: Memories
    weights: Weights


def recall(
    library: Library,
    user_id: UserId | None,
    query: str,
    vector: NDArray[np.float32] | None,
    look: Look | None,
    *,
    limit: int = 10,
    keep: Keep | None = None,
    shown: Shown | None = None,
    explain: bool = False,
) -> list[Hit]:
    """What answers a question best, of everything that a user may recall at this moment; each hit with its owner.

    Args:
        library: the formation.
        user_id: who asks; ``None`` recalls what is kept without a user, and nothing else.
        query, vector, limit, keep, explain: as `muxi.core.memory.service.Memories.search`.
        look: what is there, and which teams the user is in, as of this moment; ``None`` if nobody asks.
        shown: what of the user's own is before the reader's eyes.

    Raises:
        EmbeddingMismatchError: the vector has another dimension than the stored ones.
    """
    search, own = library.memories.search, look.memories if look else None
    hits = search(user_id, query, vector, limit=limit, keep=keep, shown=shown, explain=explain, versions=own)
    others = list(shared_owners(look, library.weights)) if look else []
    if not others:
        return hits
    for one in others:
        found = search(one.id, query, vector, limit=limit, keep=keep, explain=explain, versions=one.versions)
        hits += [replace(hit, score=round(hit.score + one.bonus, _DECIMALS), owner=one.owner) for hit in found]
    # Of equal scores the user's own come first, as they stand.
    return sorted(hits, key=lambda hit: -hit.score)[:limit]


@dataclass(frozen=True, slots=True)
class _Sharing:
    """Somebody who shares memories: their id, who they are, how far they are, and what is added to scores."""

    id: UserId
    owner: Owner
    versions: Versions
    bonus: float


def shared_owners(look: Look, weights: Weights) -> Iterator[_Sharing]:
    """Whose memories a user recalls beside their own; those who have never shared anything are left out."""
    if weights.team:
        for team in look.teams:
            if any(one.version for one in team.memories.values()):
                yield _Sharing(team.id, Owner("team", team.id, team.name), team.memories, math.log(weights.team))
    if weights.formation and look.shared:
        yield _Sharing(SHARED, OF_FORMATION, look.shared, math.log(weights.formation))
