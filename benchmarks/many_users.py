"""Ten thousand users, ten turns each, in one process: what memory it needs over time, and whether a queue only grows.

    python benchmarks/many_users.py [--users 10000] [--turns 10] [--embeddings table|local] [--database sqlite]

Each user says something in turn, several at a time, as fast as the process answers; then the next round comes. So users
come back when all the others were there: caches are as cold as they get. The chat model answers at once; vectors come
from a table, or from the default model. Sampled are the process's memory, turns a second, and what waits behind the
answers: messages that were not read yet, the age of the oldest of them, and memories whose vectors are to be made.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import gettempdir
from typing import Any

import psycopg
from databases import KINDS, database, settings_for
from made_up import InstantModel, TableEmbeddings, texts
from memory_use import peak_mib, rss_mib
from report import emit, progress, ratio, say

from muxi.core.chat import reply as recipe
from muxi.core.chat.types import Turn
from muxi.core.formation import Formation

#: Turns under way at once.
AT_ONCE = 8
SAMPLES = 40
#: The memory that one process may need, as in memory_use.py; how much more after all the turns than after half of them;
#: and how old what waits may get, in seconds, while turns come as fast as they are answered.
LIMIT_MIB, LIMIT_GROWTH, LIMIT_WAIT_S = 500, 1.2, 60.0
SETTLED_S = 900.0
LIKES = 3
_TEXTS = 4000


def main() -> None:
    """Reads the arguments, measures, prints."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--users", type=int, default=10_000)
    parser.add_argument("--turns", type=int, default=10, help="of each user")
    parser.add_argument("--embeddings", choices=("table", "local"), default="table")
    parser.add_argument("--database", choices=KINDS, default="sqlite")
    parser.add_argument("--cache-mb", type=int, default=128, help="the bound of the recall indexes, in MiB")
    chosen = parser.parse_args()
    with database(chosen.database) as address:
        figures = asyncio.run(measured(address, chosen))
    told = {"users": chosen.users, "turns_of_each": chosen.turns, "embeddings": chosen.embeddings}
    emit({"target": target(figures), "database": chosen.database, **told, **figures})


async def measured(address: str, chosen: argparse.Namespace) -> dict[str, Any]:
    """The series, and the totals."""
    users, turns = chosen.users, chosen.turns
    formation = Formation.open(
        settings_for(address, cache_mb=chosen.cache_mb),
        Path(gettempdir()),
        chat_model=InstantModel(),
        embedding_model=TableEmbeddings() if chosen.embeddings == "table" else None,
    )
    try:
        await formation.memories.embed("warm-up")
        series = Series(address, users * turns)
        await _talk(formation, users, turns, series)
        took = time.perf_counter() - series.began
        say("reading and embedding what waits ...")
        began = time.perf_counter()
        settled = await asyncio.to_thread(_settled, formation)
        drained_s = time.perf_counter() - began
        failures = formation.extraction.status().failures
    finally:
        formation.close()
    gc.collect()
    return {
        "turns_per_s": round(users * turns / took, 1),
        "seconds": round(took, 1),
        "drained_s": round(drained_s, 1),
        "settled": settled and not failures,
        "peak_mib": peak_mib(),
        "series": series.rows,
    }


class Series:
    """What was sampled.

    Args:
        address: of the database.
        total: turns.
    """

    def __init__(self, address: str, total: int) -> None:
        self.rows: list[dict[str, Any]] = []
        self.began = time.perf_counter()
        self._address = address
        self._every = max(1, total // SAMPLES)
        self._last = (0, self.began)

    def turned(self, count: int) -> None:
        """So many turns were answered."""
        if count % self._every == 0:
            self.rows.append(self._sample(count))

    def _sample(self, count: int) -> dict[str, Any]:
        now = time.perf_counter()
        rate = (count - self._last[0]) / (now - self._last[1])
        [(messages, users, since)] = _rows(self._address, _WAITING)
        [(embeddings,)] = _rows(self._address, _UNEMBEDDED)
        [(windows,)] = _rows(self._address, _UNPLACED)
        self._last = (count, time.perf_counter())
        return {
            "turns": count,
            "seconds": round(now - self.began, 1),
            "turns_per_s": round(rate, 1),
            "rss_mib": rss_mib(),
            "messages_to_read": int(messages or 0),
            "users_to_read": users,
            "oldest_s": round(max(0.0, float(since or 0)), 1),
            "to_embed": embeddings,
            "windows_to_embed": windows,
        }


_WAITING = {
    "sqlite": """
        SELECT sum(said - watermark), count(*),
            (julianday('now') - julianday(min(waiting_since))) * 86400
        FROM extractions WHERE waiting_since IS NOT NULL""",
    "postgres": """
        SELECT sum(said - watermark), count(*), extract(epoch FROM now() - min(waiting_since))
        FROM extractions WHERE waiting_since IS NOT NULL""",
}
_UNEMBEDDED = dict.fromkeys(KINDS, "SELECT count(*) FROM memories WHERE formation_id = 'default' AND embedding IS NULL")
_UNPLACED = dict.fromkeys(
    KINDS,
    "SELECT count(*) FROM memories"
    " WHERE formation_id = 'default' AND window_embedding IS NULL AND embedding IS NOT NULL",
)


async def _talk(formation: Formation, users: int, turns: int, series: Series) -> None:
    told = texts(_TEXTS, seed="what users say")
    coming = _turns(users, turns, told)
    count = 0
    with progress() as bar:
        task = bar.add_task("turns", total=users * turns)

        async def some() -> None:
            nonlocal count
            for turn in coming:
                await recipe.reply(formation, turn)
                count += 1
                bar.advance(task)
                series.turned(count)
                # Nothing here waits for anything: give the others their turn.
                await asyncio.sleep(0)

        await asyncio.gather(*(some() for _ in range(AT_ONCE)))


def _turns(users: int, turns: int, told: list[str]) -> Iterator[Turn]:
    """One turn of each user after the other, and again; every third says something about who says it."""
    for turn in range(turns):
        for user in range(users):
            place = turn * users + user
            about = f" I like word{place % 5000}." if place % LIKES == 0 else ""
            yield Turn(f"{told[place % len(told)].capitalize()}.{about}", f"user{user}@example.com")


def target(figures: dict[str, Any]) -> dict[str, Any]:
    """Whether memory is bounded, and no queue only grows."""
    rows = figures["series"]
    half, last = rows[len(rows) // 2], rows[-1]
    growth = ratio(last["rss_mib"] or 0, half["rss_mib"] or 1)
    longest = max(row["oldest_s"] for row in rows)
    waits = {name: _spread(rows, name) for name in ("messages_to_read", "to_embed", "windows_to_embed")}
    return {
        "limit_mib": LIMIT_MIB,
        "peak_mib": figures["peak_mib"],
        "growth_of_the_second_half": growth,
        "longest_wait_s": longest,
        "at_most_in_first_half_and_second": waits,
        "turns_per_s": figures["turns_per_s"],
        "met": figures["peak_mib"] <= LIMIT_MIB
        and growth <= LIMIT_GROWTH
        and longest <= LIMIT_WAIT_S
        and figures["settled"],
    }


def _spread(rows: list[dict[str, Any]], name: str) -> list[int]:
    middle = len(rows) // 2
    return [max(row[name] for row in part) for part in (rows[:middle], rows[middle:])]


def _settled(formation: Formation) -> bool:
    ends = time.monotonic() + SETTLED_S
    while time.monotonic() < ends and formation.extraction.status().waiting:
        formation.extraction.settled(10)
    return formation.memories.settled(max(1.0, ends - time.monotonic()))


def _rows(address: str, query: dict[str, str]) -> list[tuple[Any, ...]]:
    if address.startswith("postgres"):
        with psycopg.connect(address) as conn:
            return conn.execute(query["postgres"].encode()).fetchall()
    lite = sqlite3.connect(address)
    try:
        return lite.execute(query["sqlite"]).fetchall()
    finally:
        lite.close()


if __name__ == "__main__":
    main()
