"""What two users remember, and said alike or otherwise while they were one: a split gives each side its own back."""

from __future__ import annotations

import json
from collections.abc import Callable

from muxi.core.formation import Formation
from tests.support.extraction import read, say

ALICE, BOB = "alice@acme.com", "bob@acme.com"


def remembered(formation: Formation, who: str) -> list[str]:
    user = formation.identities.get(who).id
    stored = sorted(memory.text for memory in formation.memories.newest(user).items)
    assert sorted({hit.memory.text for hit in formation.memories.search(user, "jazz", None, limit=50)}) == stored
    return stored


async def test_each_side_has_its_own_again(opening: Callable[..., Formation]) -> None:
    """Said alike it was one memory, and what contradicted it took its place: neither holds for the other side."""
    formation = opening()
    await say(formation, ALICE, "I like jazz")
    await say(formation, BOB, "I like tea")
    await read(formation)
    merge = formation.merges.merge([ALICE], into=BOB)
    await say(formation, BOB, "I like jazz")
    await read(formation)
    assert remembered(formation, ALICE) == ["I like jazz", "I like tea"]
    await say(formation, ALICE, "I don't like jazz any more")
    await read(formation)
    assert remembered(formation, BOB) == ["I don't like jazz any more", "I like tea"]

    formation.merges.split(merge.id)

    assert remembered(formation, ALICE) == ["I like jazz"]
    assert remembered(formation, BOB) == ["I don't like jazz any more", "I like tea"]
    alice = formation.identities.get(ALICE).id
    with formation.privacy.export(alice) as export:
        rows = json.loads("".join(export.document()))["tables"]["memories"]
    assert [row["superseded_by"] for row in rows] == [""], "nor is another user's memory named"
