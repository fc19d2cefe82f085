"""The time of one search among a user's memories, without embedding the question.

    python benchmarks/search.py [--databases sqlite postgres] [--sizes 1000 10000 100000]

``public`` is `Orchestrator.search_memory` with the question's vector from a table: all that an application waits for
beside the embedding. ``warm`` is `Memories.search` within it: it ranks all of the user's memories, and asks the store
whether anything was written since (``version_check`` is how long that takes alone). ``cold`` is the first search of a
user that nothing is in memory of: it reads and indexes them.
"""

from __future__ import annotations

import argparse
import asyncio
import time
from itertools import cycle
from pathlib import Path
from tempfile import gettempdir
from typing import Any

from databases import KINDS, database, settings_for
from made_up import InstantModel, TableEmbeddings, remember, settle, texts
from report import emit, progress, spread, times_of

from muxi.core.formation import Formation
from muxi.core.orchestrator import Orchestrator
from muxi.ids import UserId

#: What a warm search may take at so many memories, in milliseconds; a cold one, `COLD_FACTOR` times as much.
LIMITS_MS = {1_000: 1.0, 10_000: 3.0, 100_000: 25.0}
COLD_FACTOR = 10
USER = "somebody"
SEARCHES, COLD_SEARCHES, WARM_UP = 500, 15, 50


def main() -> None:
    """Reads the arguments, measures, prints."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--databases", nargs="+", choices=KINDS, default=list(KINDS))
    parser.add_argument("--sizes", nargs="+", type=int, default=list(LIMITS_MS), help="memories of one user")
    chosen = parser.parse_args()
    results: dict[str, dict[str, Any]] = {}
    with progress() as bar:
        task = bar.add_task("searching", total=len(chosen.databases) * len(chosen.sizes))
        for kind in chosen.databases:
            results[kind] = {}
            for size in chosen.sizes:
                results[kind][str(size)] = measured(kind, size)
                bar.advance(task)
    emit({"targets": targets(results), **results})


def measured(kind: str, size: int) -> dict[str, Any]:
    """Times on an empty database, with one user of so many memories."""
    model = TableEmbeddings()
    with database(kind) as address:
        formation = Formation.open(
            settings_for(address), Path(gettempdir()), chat_model=InstantModel(), embedding_model=model
        )
        try:
            user_id = remember(formation, USER, size)
            settle(formation)
            return _times(formation, user_id, model)
        finally:
            formation.close()


def _times(formation: Formation, user_id: UserId, model: TableEmbeddings) -> dict[str, Any]:
    memories = formation.memories
    # More than are asked: a question that was asked before would find its hits' texts in memory.
    asked = texts(2 * SEARCHES + 200, seed="questions", words=(5, 12))
    questions = cycle(zip(asked, model.now(asked), strict=True))

    def search() -> None:
        query, vector = next(questions)
        memories.search(user_id, query, vector, limit=10)

    def search_cold() -> None:
        memories.cache.clear()
        search()

    cold = times_of(search_cold, count=COLD_SEARCHES, warm_up=2)
    warm = times_of(search, count=SEARCHES, warm_up=WARM_UP)
    asked_of, public = Orchestrator(formation=formation), texts(400, seed="more questions", words=(5, 12))
    return {
        "public_ms": {f"limit_{limit}": spread(asyncio.run(_public(asked_of, public, limit))) for limit in (10, 50)},
        "warm_ms": spread(warm),
        "version_check_ms": spread(times_of(lambda: memories.cache.index(user_id), count=SEARCHES, warm_up=WARM_UP)),
        "cold_ms": spread(cold),
        "cache_mib": round(memories.cache.nbytes / 2**20, 2),
    }


async def _public(orchestrator: Orchestrator, asked: list[str], limit: int) -> list[float]:
    """Seconds of each search the way an application does it, after a warm-up."""
    times = []
    for question in asked:
        start = time.perf_counter()
        await orchestrator.search_memory(question, use_long_term=True, filter_metadata={"user_id": USER}, limit=limit)
        times.append(time.perf_counter() - start)
    return times[WARM_UP:]


def targets(results: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Whether searches are as quick as they have to be: p50, warm and cold, of each database and size."""
    told: dict[str, Any] = {"limits_ms": {str(size): limit for size, limit in LIMITS_MS.items()}}
    for kind, sizes in results.items():
        told[kind] = {
            size: {
                "warm_met": of["warm_ms"]["p50"] <= LIMITS_MS[int(size)],
                "cold_met": of["cold_ms"]["p50"] <= COLD_FACTOR * LIMITS_MS[int(size)],
            }
            for size, of in sizes.items()
            if int(size) in LIMITS_MS
        }
    return told


if __name__ == "__main__":
    main()
