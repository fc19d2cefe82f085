"""Recall on LoCoMo: how much of a question's evidence is found, ours beside peers with the same embeddings.

    python benchmarks/locomo.py --data FOLDER [--ours-only] [--database postgres]

The folder holds one JSON file a conversation, which is one user's memory::

    {"conversation": "26",
     "turns":     [{"id": "D1:3", "session": 1, "date": "...", "speaker": "...", "text": "..."}],
     "questions": [{"question": "...", "evidence": ["D1:3"], "category": 1}]}

LoCoMo (Maharana et al., ACL 2024) is CC BY-NC 4.0 and not part of this project.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import tempfile
import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import peers
from databases import KINDS, database, settings_for
from locomo_handed import DEPTH, Conversation, Found, write
from report import emit, progress, ratio, say, spread

from muxi.core.memory.buffer import BufferMemory
from muxi.core.memory.service import MAX_BATCH, Draft
from muxi.core.models.base import Vectors
from muxi.core.models.providers.local import LocalEmbeddings
from muxi.core.orchestrator import Orchestrator

CATEGORIES = {1: "several_turns", 2: "time", 3: "open", 4: "one_turn"}
SETTLED_S = 1800.0
PEERS = {"langgraph": "locomo_langgraph.py", "mem0": "locomo_mem0.py"}

File = dict[str, Any]


class TimedEmbeddings:
    """The default embedding model, and how long its last call took."""

    def __init__(self) -> None:
        self.model = LocalEmbeddings()
        self.name = self.model.name
        self.last_s = 0.0

    async def embed(self, texts: Sequence[str]) -> Vectors:
        """As `LocalEmbeddings.embed`."""
        start = time.perf_counter()
        vectors = await self.model.embed(texts)
        self.last_s = time.perf_counter() - start
        return vectors


def main() -> None:
    """Reads the arguments, measures, prints."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--data", type=Path, required=True, help="the folder of conversations")
    parser.add_argument("--ours-only", action="store_true", help="measure no peer")
    parser.add_argument("--database", choices=KINDS, default="sqlite", help="where ours keeps its memories")
    chosen = parser.parse_args()
    files = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(chosen.data.glob("*.json"))]
    if not files:
        parser.error(f"{chosen.data} holds no *.json file")
    model = TimedEmbeddings()
    found, figures = asyncio.run(ours(files, model, chosen.database))
    results = {"ours": {**recall(files, found), **figures}}
    if not chosen.ours_only:
        results |= asyncio.run(beside(files, model))
    emit({**against(results), **results, "data": {"conversations": len(files), **sizes(files)}})


async def ours(files: list[File], model: TimedEmbeddings, kind: str) -> tuple[Found, File]:
    """What we find, through the public way only, and our times."""
    with (
        database(kind) as address,
        Orchestrator(settings=settings_for(address), buffer_memory=BufferMemory(model=model)) as orchestrator,
    ):
        adding = remember(orchestrator, files)
        found, embeddings = Found({}, [], []), []
        with progress() as bar:
            task = bar.add_task("ours: asking", total=sizes(files)["questions"])
            for one in files:
                await _ask(orchestrator, model, "Where were we?", one)  # warm-up: reads the user's memories
                found.hits[one["conversation"]] = []
                for question in one["questions"]:
                    hits, total_s, embedding_s = await _ask(orchestrator, model, question["question"], one)
                    found.hits[one["conversation"]].append(hits)
                    found.searches.append(total_s)
                    embeddings.append(embedding_s)
                    bar.advance(task)
    alone = np.subtract(found.searches, embeddings).tolist()
    return found, {"search_ms": {"total": spread(found.searches), "without_embedding": spread(alone)}, **adding}


def remember(orchestrator: Orchestrator, files: list[File]) -> File:
    """Adds every turn and waits until all have their vectors."""
    formation = orchestrator.formation
    adding, start = 0.0, time.perf_counter()
    for one in files:
        user = formation.identities.resolve(user_of(one["conversation"]))
        drafts = [Draft(_text(turn), metadata=_metadata(turn)) for turn in one["turns"]]
        before = time.perf_counter()
        for first in range(0, len(drafts), MAX_BATCH):
            formation.memories.add(user.id, drafts[first : first + MAX_BATCH])
        adding += time.perf_counter() - before
    say("ours: remembered; waiting for the vectors ...")
    if not formation.memories.settled(SETTLED_S):
        raise SystemExit(f"The memories were not embedded in {SETTLED_S:g} s.")
    turns = sizes(files)["turns"]
    return {"add_ms": {"mean": float(f"{adding / turns * 1e3:.3g}"), "count": turns}, "embedded_after_s": _since(start)}


async def _ask(
    orchestrator: Orchestrator, model: TimedEmbeddings, question: str, one: File
) -> tuple[list[str], float, float]:
    """The ids of the turns found, the seconds it took, and how many of these went to the embedding."""
    start = time.perf_counter()
    hits = await orchestrator.search_memory(
        question, use_long_term=True, filter_metadata={"user_id": user_of(one["conversation"])}, limit=DEPTH
    )
    return [hit.memory.metadata["id"] for hit in hits], time.perf_counter() - start, model.last_s


async def beside(files: list[File], model: TimedEmbeddings) -> dict[str, File]:
    """What the peers find with the same vectors."""
    conversations = [
        Conversation(
            name=user_of(one["conversation"]),
            turns=[(turn["id"], _text(turn)) for turn in one["turns"]],
            metadata=[_metadata(turn) for turn in one["turns"]],
            questions=[question["question"] for question in one["questions"]],
        )
        for one in files
    ]
    texts = [text for one in conversations for _, text in one.turns]
    texts = list(dict.fromkeys(texts + [question for one in conversations for question in one.questions]))
    vectors = dict(zip(texts, await model.embed(texts), strict=True))
    results: dict[str, File] = {}
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder), conversations, vectors)
        for peer, script in PEERS.items():
            env = {"MEM0_DIR": folder, "MEM0_TELEMETRY": "False", "LANGSMITH_TRACING": "false"}
            found = Found(**peers.run(peer, script, folder, env=env))
            hits = {one["conversation"]: found.hits[user_of(one["conversation"])] for one in files}
            results[peer] = {
                **recall(files, Found(hits, [], [])),
                "search_ms": {"without_embedding": spread(found.searches)},
                "add_ms": spread(found.adds),
                "version": peers.PEERS[peer][0],
            }
    return results


def recall(files: list[File], found: Found) -> File:
    """Mean share of a question's evidence among the first 10 and 50 hits: of all questions, and by category."""
    shares: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for one in files:
        for question, hits in zip(one["questions"], found.hits[one["conversation"]], strict=True):
            evidence = set(question["evidence"])
            at = (len(evidence & set(hits[:10])) / len(evidence), len(evidence & set(hits[:50])) / len(evidence))
            shares["all"].append(at)
            shares[CATEGORIES.get(question["category"], str(question["category"]))].append(at)
    by_category = {name: _mean(at) for name, at in sorted(shares.items()) if name != "all"}
    return {**_mean(shares["all"]), "by_category": by_category}


def against(results: dict[str, File]) -> File:
    """How many times a peer's recall ours is, and how many times our search time a peer's is; empty without peers."""
    own = results["ours"]
    ratios = {
        peer: {
            "recall_at_10": ratio(own["recall_at_10"], of["recall_at_10"]),
            "recall_at_50": ratio(own["recall_at_50"], of["recall_at_50"]),
            "search_speed": ratio(
                of["search_ms"]["without_embedding"]["p50"], own["search_ms"]["without_embedding"]["p50"]
            ),
        }
        for peer, of in results.items()
        if peer != "ours"
    }
    return {"ours_against": ratios} if ratios else {}


def sizes(files: list[File]) -> dict[str, int]:
    """How many turns and questions."""
    return {kind: sum(len(one[kind]) for one in files) for kind in ("turns", "questions")}


def _mean(shares: list[tuple[float, float]]) -> File:
    at_10, at_50 = np.mean(shares, axis=0).tolist()
    return {"recall_at_10": round(at_10, 4), "recall_at_50": round(at_50, 4), "questions": len(shares)}


def _text(turn: File) -> str:
    return f"{turn['speaker']}: {turn['text']}"


def _metadata(turn: File) -> File:
    return {key: turn[key] for key in ("session", "speaker", "date", "id")}


def user_of(conversation: str) -> str:
    return f"locomo-{conversation}"


def _since(start: float) -> float:
    return round(time.perf_counter() - start, 1)


if __name__ == "__main__":
    main()
