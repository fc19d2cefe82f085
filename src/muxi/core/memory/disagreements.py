"""Where the contexts of several users would contradict each other, if they were one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from muxi.core.memory.document import MISSING, Tree, node_at, replay, standing, value_of
from muxi.core.memory.facts import Fact
from muxi.core.memory.paths import above
from muxi.core.memory.values import token
from muxi.ids import UserId


def disagreements(sides: Mapping[UserId, Sequence[Fact]]) -> dict[str, dict[UserId, Any]]:
    """The paths at which somebody's value would be hidden by what another one's said later.

    Args:
        sides: of each canonical user the facts that hold, in the order in which they were last said.

    Returns:
        By path, in order: the value that each user has there, if it has one. Lists that were only added to are joined
        by a merge, and never disagree.
    """
    trees = {user: replay(facts) for user, facts in sides.items()}
    facts = sorted((fact for side in sides.values() for fact in side), key=lambda fact: (fact.last_at, fact.id))
    together = replay(facts)
    kept = {fact.id for fact in standing(together)}
    places = {_place(together, fact.path) for tree in trees.values() for fact in standing(tree) if fact.id not in kept}
    found = {}
    for place in sorted(places):
        values = {user: value_of(node_at(tree, place)) for user, tree in trees.items()}
        would_be = token(value_of(node_at(together, place)))
        told = {user: value for user, value in values.items() if value is not MISSING}
        if any(token(value) != would_be for value in told.values()):
            found[place] = told
    return found


def _place(tree: Tree, path: str) -> str:
    """Where a path ends in a tree: at it, or at the first one above it that is no object."""
    return next((place for place in above(path) if type(node_at(tree, place)) is not dict), path)
