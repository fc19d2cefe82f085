"""Many requests for one new identifier at once, from several processes: it must be one user, without an error.

Each round has a new identifier. Every request waits at one barrier of all processes, in a thread and with a cache of
its own, as if it were alone. Afterwards the rows are counted: nobody may be left behind without an identifier.
On Postgres the same race is run by `muxi-runtime` on a database of its own.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import sqlite3
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import databases
import peers
import psycopg
import report
from identity import FORMATION, peers_database

from muxi.core.clock import utc_now
from muxi.core.identity.service import Identities
from muxi.errors import MuxiError
from muxi.storage.open import FormationStores, open_storage

ORPHANS = "SELECT count(*) FROM users u WHERE NOT EXISTS (SELECT 1 FROM identifiers i WHERE i.user_id = u.id)"
RUNTIMES_ORPHANS = ORPHANS.replace("identifiers", "user_identifiers")
TIMEOUT_S = 120


def race(address: str, rounds: list[str], requests: int, processes: int) -> list[list[str]]:
    """What each request of each round got: ``ok usr_...`` or the error's code; and each one's time in ms."""
    context = multiprocessing.get_context("spawn")
    barrier, answers = context.Barrier(requests), context.Queue()
    shares = [requests // processes + (place < requests % processes) for place in range(processes)]
    workers = [
        context.Process(target=_race_of_one, args=(address, rounds, share, barrier, answers)) for share in shares
    ]
    for worker in workers:
        worker.start()
    said = [answers.get(timeout=TIMEOUT_S) for _ in workers]
    for worker in workers:
        worker.join()
    return [[one for of_worker in said for one in of_worker[place]] for place in range(len(rounds))]


def _race_of_one(address: str, rounds: list[str], share: int, barrier: Any, answers: Any) -> None:
    storage = open_storage(address)
    stores = storage.for_formation(FORMATION, utc_now())
    with ThreadPoolExecutor(share) as pool:
        said = [list(pool.map(lambda _, name=name: _contact(stores, name, barrier), range(share))) for name in rounds]
    answers.put(said)
    storage.close()


def _contact(stores: FormationStores, name: str, barrier: Any) -> str:
    identities = Identities(stores.identity, stores.hash_key, utc_now)
    barrier.wait(TIMEOUT_S)
    try:
        return f"ok {identities.resolve((name, 'slack')).id}"
    except MuxiError as error:
        return error.code


def ours(kind: str, arguments: argparse.Namespace) -> dict[str, Any]:
    """The race on one kind of database."""
    rounds = [f"U{place:06d}" for place in range(arguments.rounds)]
    with databases.database(kind) as address:
        storage = open_storage(address)
        storage.migrate()
        storage.for_formation(FORMATION, utc_now())
        storage.close()
        start = time.perf_counter()
        said = race(address, rounds, arguments.requests, arguments.processes)
        seconds = time.perf_counter() - start
        users, orphans = counted(address, "SELECT count(*) FROM users"), counted(address, ORPHANS)
    errors = [one for of_round in said for one in of_round if not one.startswith("ok ")]
    whole = sum(len(set(of_round)) == 1 and of_round[0].startswith("ok ") for of_round in said)
    return figures(arguments, whole, len(errors), sorted(set(errors)), users, orphans) | {"seconds": round(seconds, 2)}


def runtime(arguments: argparse.Namespace) -> dict[str, Any]:
    """The race as `muxi-runtime` runs it."""
    names = json.dumps([f"U{place:06d}" for place in range(arguments.rounds)])
    with databases.database("postgres") as server, peers_database(server) as address:
        race_of = ("race", address, names, str(arguments.requests), str(arguments.processes))
        said = peers.run("muxi-runtime", "identity_muxi_runtime.py", *race_of)
        users, orphans = counted(address, "SELECT count(*) FROM users"), counted(address, RUNTIMES_ORPHANS)
    errors = [name for one in said for name, times in one["errors"].items() for _ in range(times)]
    whole = sum(one["users"] == 1 and not one["errors"] for one in said)
    return figures(arguments, whole, len(errors), sorted(set(errors)), users, orphans)


def figures(
    arguments: argparse.Namespace, whole: int, errors: int, kinds: list[str], users: int, orphans: int
) -> dict[str, Any]:
    """One row of the table."""
    return {
        "rounds": arguments.rounds,
        "rounds_with_one_user_and_no_error": whole,
        "requests": arguments.rounds * arguments.requests,
        "errors": errors,
        "kinds_of_errors": kinds,
        "users": users,
        "orphans": orphans,
        "met": whole == arguments.rounds == users and not errors and not orphans,
    }


def counted(address: str, sql: str) -> int:
    """The one number that a query gives."""
    if address.startswith("postgres"):
        with psycopg.connect(address) as conn:
            row = conn.execute(sql).fetchone()
            return int(row[0]) if row else 0
    file = sqlite3.connect(address)
    count = int(file.execute(sql).fetchone()[0])
    file.close()
    return count


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--requests", type=int, default=25, help="at once, in each round")
    parser.add_argument("--processes", type=int, default=4)
    parser.add_argument("--ours-only", action="store_true", help="without muxi-runtime")
    arguments = parser.parse_args()
    told: dict[str, Any] = {}
    for kind in databases.KINDS:
        told[f"ours, {kind}"] = ours(kind, arguments)
        report.say(f"{kind}: {told[f'ours, {kind}']}")
    if not arguments.ours_only:
        told["muxi-runtime, postgres"] = runtime(arguments)
    report.emit(told)


if __name__ == "__main__":
    main()
