"""What is handed to a peer, and what comes back. Runs in every peer's environment: standard library and numpy only."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

#: How many hits each question asks for.
DEPTH = 50
_TEXTS, _VECTORS, _CONVERSATIONS = "texts.json", "vectors.npy", "conversations.json"


@dataclass(frozen=True, slots=True)
class Conversation:
    """One user's memory and what is asked of it.

    Attributes:
        name: the user.
        turns: (id, text as it is remembered), in order.
        metadata: of each turn.
        questions: their texts.
    """

    name: str
    turns: list[tuple[str, str]]
    metadata: list[dict[str, Any]]
    questions: list[str]


@dataclass(frozen=True, slots=True)
class Found:
    """What a system found, and how long it took.

    Attributes:
        hits: of each conversation's name, for each question the ids of its turns, best first.
        searches: seconds of each search, without embedding.
        adds: seconds of each addition, without embedding, per turn.
    """

    hits: dict[str, list[list[str]]]
    searches: list[float]
    adds: list[float]


def write(folder: Path, conversations: list[Conversation], vectors: Mapping[str, NDArray[np.float32]]) -> None:
    """Puts conversations and the vector of every text into a folder."""
    (folder / _CONVERSATIONS).write_text(json.dumps([asdict(one) for one in conversations]), encoding="utf-8")
    (folder / _TEXTS).write_text(json.dumps(list(vectors)), encoding="utf-8")
    np.save(folder / _VECTORS, np.stack(list(vectors.values())))


def read(folder: Path) -> tuple[list[Conversation], dict[str, list[float]]]:
    """What `write` put there: the conversations, and each text's vector as plain numbers."""
    read = json.loads((folder / _CONVERSATIONS).read_text(encoding="utf-8"))
    texts = json.loads((folder / _TEXTS).read_text(encoding="utf-8"))
    return [Conversation(**one) for one in read], dict(zip(texts, np.load(folder / _VECTORS).tolist(), strict=True))


def measure(
    name: str,
    conversations: list[Conversation],
    add: Callable[[str, str, str, dict[str, Any]], object],
    search: Callable[[str, str], list[str]],
) -> None:
    """Adds every turn, asks every question, and prints what was `Found` as one line of JSON.

    Args:
        name: of the system, for the person who waits.
        conversations: as handed over.
        add: takes the user, the turn's id, its text and its metadata.
        search: takes the user and the question, and gives the ids of the turns found, best first.
    """
    found = Found({}, [], [])
    for one in conversations:
        for (turn, text), metadata in zip(one.turns, one.metadata, strict=True):
            found.adds.append(_timed(lambda: add(one.name, turn, text, metadata))[0])  # noqa: B023 (called at once)
        _tell(f"{name}: {len(found.adds)} turns added, conversation {one.name}")
        found.hits[one.name] = []
    for one in conversations:
        for question in one.questions:
            seconds, hits = _timed(lambda: search(one.name, question))  # noqa: B023 (called at once)
            found.searches.append(seconds)
            found.hits[one.name].append(hits)
        _tell(f"{name}: {len(found.searches)} questions asked, conversation {one.name}")
    print(json.dumps(asdict(found)))


def _timed(call: Callable[[], Any]) -> tuple[float, Any]:
    start = time.perf_counter()
    result = call()
    return time.perf_counter() - start, result


def _tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
