"""Where a merge would find that contexts disagree, on each database."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from muxi.core.formation import Formation
from muxi.core.identity.types import Disagreement
from muxi.core.privacy.joining import preview
from muxi.errors import MergeConflictError
from muxi.ids import UserId
from tests.conftest import TestClock
from tests.support.formations import open_formation

ANN, BEN, EVE = "ann@x.org", "ben@x.org", "eve@x.org"


@pytest.fixture
def formation(database_url: str, clock: TestClock) -> Iterator[Formation]:
    made = open_formation(database_url, clock)
    for who in (ANN, BEN, EVE):
        made.identities.resolve(who)
        clock.move(1)
    yield made
    made.close()


def ids(formation: Formation) -> list[UserId]:
    return [formation.identities.get(who).id for who in (ANN, BEN, EVE)]


def test_every_side_is_told(formation: Formation) -> None:
    """Of three users: values that differ, an object against a value, a job; and only those."""
    ann, ben, eve = ids(formation)
    context = formation.context
    context.merge(ann, {"budget": 1, "name": "A", "pet": {"name": "Rex"}, "job": "cook", "same": [1], "old": 1})
    context.merge(ben, {"budget": 2, "pet": "cat", "same": [1], "size": 3})
    context.merge(eve, {"budget": 2, "job": {"role": "cook"}})
    for user, like in ((ann, "tea"), (ben, "tea"), (eve, "rain")):
        context.add(user, "likes", like)
    found = preview(formation, [ANN, BEN, EVE])
    assert found.survivor_id == ann and list(found.holdings) == [ann, ben, eve]
    assert found.disagreements == (
        Disagreement("budget", {ann: 1, ben: 2, eve: 2}),
        Disagreement("job", {ann: "cook", eve: {"role": "cook"}}),
        Disagreement("pet", {ann: {"name": "Rex"}, ben: "cat"}),
    )


def test_what_is_hidden_is_what_the_merge_hides(formation: Formation) -> None:
    """After the merge each value is what was said last; the split brings back the rest."""
    ann, ben, _ = ids(formation)
    formation.context.set(ann, "budget", 1)
    formation.context.set(ben, "budget", 2)
    [one] = preview(formation, [ANN, BEN]).disagreements
    merge = formation.merges.merge([ANN, BEN])
    assert formation.context.get(merge.survivor_id) == {"budget": list(one.values.values())[-1]}
    formation.merges.split(merge.id)
    assert [formation.context.get(user)["budget"] for user in (ann, ben)] == [1, 2]


def test_it_changes_nothing_and_fails_like_a_merge(formation: Formation) -> None:
    """Nobody is merged; one user alone cannot be."""
    ann, ben, _ = ids(formation)
    assert preview(formation, [ANN, BEN]).disagreements == ()
    assert ids(formation)[:2] == [ann, ben]
    with pytest.raises(MergeConflictError):
        preview(formation, [ANN, ANN])
