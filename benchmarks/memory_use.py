"""The memory of one process that serves many users, with the default embedding model loaded.

    python benchmarks/memory_use.py [--users 1000] [--memories 100] [--cache-mb 128]

One process fills a database; a fresh one opens it, searches each user's memories three times, takes a chat turn for
each and remembers a few dozen long texts, as an application does, and tells how much memory it had at most.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import resource
import subprocess
import sys
from pathlib import Path
from tempfile import gettempdir
from typing import Any

from databases import KINDS, database, settings_for
from made_up import InstantModel, TableEmbeddings, remember, settle, texts
from report import emit, progress, say

from muxi.core.formation import Formation
from muxi.core.memory.service import Draft
from muxi.core.models.providers.local import LocalEmbeddings
from muxi.core.orchestrator import Orchestrator

LIMIT_MIB = 500
SEARCHES = 3
LONG_TEXTS, WORDS_OF_A_LONG_TEXT = 64, (200, 300)


def main() -> None:
    """Reads the arguments, measures, prints."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--users", type=int, default=1000)
    parser.add_argument("--memories", type=int, default=100, help="of each user")
    parser.add_argument("--cache-mb", type=int, default=128, help="the bound of the recall indexes, in MiB")
    parser.add_argument("--database", choices=KINDS, default="sqlite")
    parser.add_argument("--serve", metavar="ADDRESS", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.serve:
        print(json.dumps(asyncio.run(serve(chosen.serve, chosen.users, chosen.cache_mb))))
        return
    with database(chosen.database) as address:
        fill(address, chosen.users, chosen.memories)
        command = [sys.executable, __file__, "--serve", address]
        command += ["--users", str(chosen.users), "--cache-mb", str(chosen.cache_mb)]
        served = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)
    target = {"peak_mib": served["peak_mib"], "limit_mib": LIMIT_MIB, "met": served["peak_mib"] <= LIMIT_MIB}
    emit({"target": target, "users": chosen.users, "memories_of_each": chosen.memories, **served})


def fill(address: str, users: int, memories: int) -> None:
    """Gives every user memories. The vectors are made up, but pass for the default model's."""
    model = TableEmbeddings(LocalEmbeddings().name)
    formation = Formation.open(
        settings_for(address), Path(gettempdir()), chat_model=InstantModel(), embedding_model=model
    )
    try:
        with progress() as bar:
            task = bar.add_task("filling", total=users)
            for number in range(users):
                remember(formation, _name(number), memories)
                bar.advance(task)
        say("waiting for the vectors ...")
        settle(formation)
    finally:
        formation.close()


async def serve(address: str, users: int, cache_mb: int) -> dict[str, Any]:
    """Searches and talks for every user, and tells the memory in use."""
    with (
        progress() as bar,
        Orchestrator(settings=settings_for(address, cache_mb=cache_mb), chat_model=InstantModel()) as orchestrator,
    ):
        await orchestrator.formation.memories.embed("warm-up")  # loads the model
        at_start = rss_mib()
        task = bar.add_task("serving", total=users * (SEARCHES + 1))
        for asked in texts(SEARCHES, seed="questions"):
            for number in range(users):
                await orchestrator.search_memory(asked, use_long_term=True, filter_metadata={"user_id": _name(number)})
                bar.advance(task)
        for number, message in enumerate(texts(users, seed="messages")):
            await orchestrator.reply(message, user_id=_name(number))
            bar.advance(task)
        before_long_texts = peak_mib()
        await asyncio.to_thread(_remember_long_texts, orchestrator.formation)
        cache = orchestrator.formation.memories.cache
        return {
            "peak_mib": peak_mib(),
            "peak_before_long_texts_mib": before_long_texts,
            "before_the_first_user_mib": at_start,
            "after_mib": rss_mib(),
            "recall_cache": {
                "users_held": len(cache),
                "used_mib": round(cache.nbytes / 2**20, 1),
                "bound_mib": round(cache.max_bytes / 2**20, 1),
            },
        }


def _remember_long_texts(formation: Formation) -> None:
    """The embedding model needs the most memory when many long texts come at once."""
    user_id = formation.identities.resolve(_name(0)).id
    long = texts(LONG_TEXTS, seed="long", words=WORDS_OF_A_LONG_TEXT)
    formation.memories.add(user_id, [Draft(text) for text in long])
    settle(formation)


#: Linux tells the peak in KiB, macOS in bytes.
_MAXRSS_UNIT = 1 if sys.platform == "darwin" else 1024


def peak_mib() -> float:
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _MAXRSS_UNIT / 2**20, 1)


def rss_mib() -> float | None:
    """What the process has now; ``None`` where the system does not tell."""
    statm = Path("/proc/self/statm")
    if not statm.exists():
        return None
    return round(int(statm.read_text(encoding="ascii").split()[1]) * resource.getpagesize() / 2**20, 1)


def _name(number: int) -> str:
    return f"user {number}"


if __name__ == "__main__":
    main()
