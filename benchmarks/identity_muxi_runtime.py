"""The part of `muxi-runtime` in identity.py and first_contact.py: run by its own interpreter, prints JSON.

Its resolver is called without a cache, as ours is in those measurements, with its own tables on the same server.
"""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import sys
import time
from collections import Counter
from typing import Any

from muxi.runtime.services.db import DatabaseManager
from muxi.runtime.services.memory.long_term import User, UserIdentifier
from muxi.runtime.utils.user_resolution import resolve_user_identifier

FORMATION = "default"


def create_tables(address: str) -> None:
    manager = DatabaseManager(address)
    manager.create_tables(User.metadata, [User.__table__, UserIdentifier.__table__])
    manager.close()


async def speed(address: str, names: list[str]) -> dict[str, list[float]]:
    """Seconds of each first contact, and of each look-up of the same identifiers afterwards."""
    manager = DatabaseManager(address)
    for warm_up in range(50):
        await resolve_user_identifier(f"warm-{names[0]}-{warm_up % 25}", FORMATION, manager, None)
    times: dict[str, list[float]] = {}
    for phase in ("first_contact", "resolve"):
        times[phase] = []
        for name in names:
            start = time.perf_counter()
            await resolve_user_identifier(name, FORMATION, manager, None)
            times[phase].append(time.perf_counter() - start)
    await manager.close_async()
    return times


def race(address: str, rounds: list[str], requests: int, processes: int) -> list[dict[str, Any]]:
    """What came of each round of requests for one new identifier, from several processes at once."""
    context = multiprocessing.get_context("spawn")
    barrier, found = context.Barrier(processes), context.Queue()
    shares = [requests // processes + (place < requests % processes) for place in range(processes)]
    workers = [context.Process(target=_race_of_one, args=(address, rounds, share, barrier, found)) for share in shares]
    for worker in workers:
        worker.start()
    answers = [found.get() for _ in workers]
    for worker in workers:
        worker.join()
    outcomes = []
    for place, name in enumerate(rounds):
        said = [one for answer in answers for one in answer[place]]
        users = {one for one in said if one.startswith("ok ")}
        errors = Counter(one for one in said if not one.startswith("ok "))
        outcomes.append({"identifier": name, "users": len(users), "errors": dict(errors)})
    return outcomes


def _race_of_one(address: str, rounds: list[str], share: int, barrier: Any, found: Any) -> None:
    found.put(asyncio.run(_contacts(address, rounds, share, barrier)))


async def _contacts(address: str, rounds: list[str], share: int, barrier: Any) -> list[list[str]]:
    manager = DatabaseManager(address)
    # Connections first: only the identifier is new in the race.
    await asyncio.gather(
        *(resolve_user_identifier("warm-up", FORMATION, manager, None, None, False) for _ in range(share))
    )
    said = []
    for name in rounds:
        await asyncio.to_thread(barrier.wait)
        calls = (resolve_user_identifier(name, FORMATION, manager, None) for _ in range(share))
        done = await asyncio.gather(*calls, return_exceptions=True)
        said.append([type(one).__name__ if isinstance(one, BaseException) else f"ok {one[1]}" for one in done])
    await manager.close_async()
    return said


def main() -> None:
    mode, address, *rest = sys.argv[1:]
    create_tables(address)
    result = (
        asyncio.run(speed(address, json.loads(rest[0])))
        if mode == "speed"
        else race(address, json.loads(rest[0]), int(rest[1]), int(rest[2]))
    )
    print(json.dumps(result))


if __name__ == "__main__":
    main()
