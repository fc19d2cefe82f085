"""The time of one chat turn in-process, and whether it grows with what other users remember.

    python benchmarks/chat_turn.py [--databases sqlite postgres] [--others 10 1000]

One user with 1,000 memories talks to a chat model that answers at once; embeddings come from a table. What is left is
ours: identity, session, buffer, recall, prompt, and the stored exchange. The same is measured beside few and beside
100 times as many other users of 100 memories each, one turn here and one there: a busy machine slows both alike.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import math
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import gettempdir
from typing import Any

from databases import KINDS, database, settings_for
from made_up import InstantModel, TableEmbeddings, remember, settle, texts
from report import emit, progress, ratio, say, spread

from muxi.core.formation import Formation
from muxi.core.orchestrator import Orchestrator

LIMIT_MS, LIMIT_GROWTH = {"sqlite": 5.0}, 1.2
OWN, OF_EACH_OTHER = 1000, 100
TURNS, WARM_UP = 300, 30
USER = "somebody@example.com"


def main() -> None:
    """Reads the arguments, measures, prints."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--databases", nargs="+", choices=KINDS, default=list(KINDS))
    parser.add_argument("--others", nargs=2, type=int, default=[10, 1000], help="few and many other users")
    chosen = parser.parse_args()
    results = {kind: asyncio.run(measured(kind, *chosen.others)) for kind in chosen.databases}
    emit({"targets": targets(results), **results})


async def measured(kind: str, few: int, many: int) -> dict[str, Any]:
    """The times of turns beside few and beside many other users."""
    with ExitStack() as stack:
        beside = [stack.enter_context(_filled(kind, others)) for others in (few, many)]
        for message in texts(WARM_UP, seed="warm-up"):
            for one in beside:
                await _turn(one, message)
        gc.collect()
        times: dict[Orchestrator, list[float]] = {one: [] for one in beside}
        for number, message in enumerate(texts(TURNS, seed="turns")):
            for one in beside if number % 2 else reversed(beside):
                times[one].append(await _turn(one, message))
    small, large = (spread(times[one]) for one in beside)
    return {
        "turn_ms": {f"beside_{few}_users": small, f"beside_{many}_users": large},
        "growth": ratio(large["p50"], small["p50"]),
    }


async def _turn(orchestrator: Orchestrator, message: str) -> float:
    start = time.perf_counter()
    await orchestrator.reply(message, user_id=USER)
    return time.perf_counter() - start


@contextmanager
def _filled(kind: str, others: int) -> Iterator[Orchestrator]:
    """A formation on a database of its own, with the user and so many others."""
    with database(kind) as address:
        formation = Formation.open(
            settings_for(address), Path(gettempdir()), chat_model=InstantModel(), embedding_model=TableEmbeddings()
        )
        try:
            with progress() as bar:
                task = bar.add_task(f"{kind}: filling", total=others)
                for number in range(others):
                    remember(formation, f"other {number}", OF_EACH_OTHER)
                    bar.advance(task)
            remember(formation, USER, OWN)
            say(f"{kind}: waiting for the vectors of {others * OF_EACH_OTHER + OWN} memories ...")
            settle(formation)
            yield Orchestrator(formation=formation)
        finally:
            formation.close()


def targets(results: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Whether turns are as quick as they have to be, and stay so beside many users."""
    told: dict[str, Any] = {"limits_ms": LIMIT_MS, "limit_growth": LIMIT_GROWTH}
    for kind, one in results.items():
        p50 = next(iter(one["turn_ms"].values()))["p50"]
        told[kind] = {
            "turn_p50_ms": p50,
            "growth": one["growth"],
            "met": p50 <= LIMIT_MS.get(kind, math.inf) and one["growth"] <= LIMIT_GROWTH,
        }
    return told


if __name__ == "__main__":
    main()
