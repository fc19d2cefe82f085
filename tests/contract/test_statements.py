"""Statements that contradict each other, as a model finds them: the newer stands, the older is kept as history."""

from __future__ import annotations

import json
from collections.abc import Callable

from muxi.core.formation import Formation
from muxi.core.identity.types import IdentifierInput
from muxi.core.memory.types import FOUND, Memory
from muxi.core.models.base import Prompt
from tests.conftest import TestClock
from tests.support.extraction import Scripted, read, say

ANN, BOB = "ann@example.com", "bob@example.com"
Open = Callable[..., Formation]


def states(text: str, *, replaces: str | None = None, messages: str = "m1") -> Callable[[Prompt], str]:
    """An answer with one memory; what it replaces is named by its text, as the model sees it beside its id."""

    def answer(prompt: Prompt) -> str:
        shown = {one["memory"]: one["id"] for one in known(prompt)}
        memory = {"text": text, "confidence": 0.9, "importance": 0.6, "messages": [messages]}
        memory |= {"replaces": [shown[replaces]] if replaces else []}
        return json.dumps({"operations": [], "memories": [memory]})

    return answer


def known(prompt: Prompt) -> list[dict[str, str]]:
    lines = prompt.message.partition("<known>\n")[2].partition("\n</known>")[0].splitlines()
    return [told for line in lines if line and "memory" in (told := json.loads(line))]


def texts(formation: Formation, who: IdentifierInput, kind: str | None = None) -> list[str]:
    return [memory.text for memory in memories(formation, who) if kind in (None, memory.kind)]


def memories(formation: Formation, who: IdentifierInput) -> list[Memory]:
    return formation.memories.newest(formation.identities.resolve(who).id).items


async def test_the_newer_stands(opening: Open) -> None:
    """Neither the old statement nor the words that made it are recalled any more, also by who has read them before."""
    model = Scripted(states("Ann plays the cello."), states("Ann sold her cello.", replaces="Ann plays the cello."))
    formation = opening(model=model)
    ann = formation.identities.resolve(ANN).id
    await say(formation, ANN, "I play the cello")
    await read(formation)
    assert {hit.memory.text for hit in formation.memories.search(ann, "cello", None)} == {
        "I play the cello",
        "Ann plays the cello.",
    }
    await say(formation, ANN, "I have sold my cello")
    await read(formation)
    assert sorted(texts(formation, ANN)) == ["Ann sold her cello.", "I have sold my cello"]
    assert {hit.memory.text for hit in formation.memories.search(ann, "cello", None)} == {
        "Ann sold her cello.",
        "I have sold my cello",
    }


async def test_words_that_say_more_stay(opening: Open) -> None:
    """A message with two statements, of which one holds, is still recalled."""
    both = json.dumps(
        {
            "operations": [],
            "memories": [
                {"text": text, "confidence": 0.9, "importance": 0.5, "messages": ["m1"]}
                for text in ("Ann plays the cello.", "Ann collects stamps.")
            ],
        }
    )
    formation = opening(model=Scripted(both, states("Ann sold her cello.", replaces="Ann plays the cello.")))
    await say(formation, ANN, "I play the cello and collect stamps")
    await read(formation)
    await say(formation, ANN, "I have sold my cello")
    await read(formation)
    assert sorted(texts(formation, ANN, FOUND)) == ["Ann collects stamps.", "Ann sold her cello."]
    assert "I play the cello and collect stamps" in texts(formation, ANN)


async def test_what_was_said_before_replaces_nothing(opening: Open, clock: TestClock) -> None:
    """Messages that could not be read at first are read late: what was said since stands."""
    model = Scripted(*["no JSON"] * 5, states("Ann sold her cello."), states("Ann plays the cello."))
    formation = opening(model=model)
    await say(formation, ANN, "I play the cello")
    for _ in range(5):
        await read(formation)
        clock.move(3600)
    await say(formation, ANN, "I have sold my cello")
    await read(formation)
    [failure] = formation.extraction.failures().items
    model.script.clear()
    model.script.append(states("Ann plays the cello.", replaces="Ann sold her cello."))
    await formation.extraction.replay(failure.id)
    assert "Ann sold her cello." in texts(formation, ANN, FOUND)


async def test_only_what_was_shown(opening: Open) -> None:
    """Another user's memories are not shown, and an id that was not is a wrong answer: nothing is written."""
    model = Scripted(states("Ann plays the cello."))
    formation = opening(model=model)
    await say(formation, ANN, "I play the cello")
    await read(formation)
    [of_ann] = [memory for memory in memories(formation, ANN) if memory.kind == FOUND]
    forged = {"text": "Bob has a cello.", "confidence": 1, "importance": 1, "messages": ["m1"], "replaces": [of_ann.id]}
    model.script.append(json.dumps({"operations": [], "memories": [forged]}))
    await say(formation, BOB, "I have a cello")
    await read(formation)
    assert known(model.asked[-1]) == []
    assert texts(formation, BOB) == ["I have a cello"] and "Ann plays the cello." in texts(formation, ANN)


async def test_the_nearest_are_shown(opening: Open) -> None:
    """Of many statements those that share words with what was said, as far as there is room."""
    many = json.dumps(
        {
            "operations": [],
            "memories": [
                {"text": f"Ann told a long story about {subject}: " + "and so on, " * 60, "confidence": 0.9}
                | {"importance": 0.5, "messages": ["m1"]}
                for subject in ("bicycles", "boats", "cellos", "trains", "tulips", "planes", "castles", "onions")
            ],
        }
    )
    model = Scripted(many)
    formation = opening(model=model)
    await say(formation, ANN, "Let me tell you stories")
    await read(formation)
    await say(formation, ANN, "My cello is gone")
    await read(formation)
    shown = [one["memory"] for one in known(model.asked[-1])]
    assert 1 <= len(shown) < 8 and shown[0].startswith("Ann told a long story about cellos")


async def test_merged_users_are_one(opening: Open) -> None:
    """What one of two merged users had said gives way to what the other says."""
    model = Scripted(states("Ann plays the cello."), states("Ann sold her cello.", replaces="Ann plays the cello."))
    formation = opening(model=model)
    await say(formation, ANN, "I play the cello")
    await read(formation)
    ann, bob = formation.identities.resolve(ANN).id, formation.identities.resolve(BOB).id
    formation.merges.merge([ann, bob], into=bob, actor="test")
    await say(formation, BOB, "I have sold my cello")
    await read(formation)
    assert texts(formation, ANN, FOUND) == ["Ann sold her cello."]
