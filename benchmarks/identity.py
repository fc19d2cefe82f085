"""How long it takes to know who writes: cached, from the store, and at first contact; on SQLite and on Postgres.

Beside it a bare round trip of the same query through the same driver, and on Postgres the resolver of `muxi-runtime`.
Every round measures all of them one after the other; the figures are medians over the rounds.
"""

from __future__ import annotations

import argparse
import json
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, cast
from urllib.parse import urlsplit
from uuid import uuid4

import databases
import peers
import psycopg
import report
from psycopg_pool import ConnectionPool

from muxi.core.clock import utc_now
from muxi.core.identity.service import Identities
from muxi.core.identity.types import IdentifierInput
from muxi.storage import queries
from muxi.storage.databases.postgres import PostgresDatabase
from muxi.storage.databases.sqlite import SqliteDatabase
from muxi.storage.databases.sqlite_keys import identifier_key
from muxi.storage.open import FormationStores, open_storage

FORMATION = "default"
BATCH = 1000
TARGETS_US = {"cached": 1.5, "sqlite_store": 30.0}
TARGET_OF_BARE = 2.5
TARGET_TIMES_FASTER = 4.0
Samples = dict[str, list[float]]


def emails(count: int, tag: str) -> list[IdentifierInput]:
    """Addresses at twenty domains, as the customers of a company have them."""
    return [f"{tag}.person{i}@company{i % 20}.com" for i in range(count)]


def slack(count: int, tag: str) -> list[IdentifierInput]:
    """Typed identifiers that are not e-mail addresses."""
    return [(f"U{tag.upper()}{i:06d}", "slack") for i in range(count)]


FORMS = {"email": emails, "slack": slack}


def timed(call: Callable[[Any], Any], values: Sequence[Any]) -> list[float]:
    """Seconds of each call."""
    times = []
    for value in values:
        start = time.perf_counter()
        call(value)
        times.append(time.perf_counter() - start)
    return times


def timed_in_batches(call: Callable[[Any], Any], values: Sequence[Any]) -> list[float]:
    """Seconds of a call, each a mean of a batch: a clock costs as much as a cached look-up."""
    times = []
    for first in range(0, len(values), BATCH):
        batch = values[first : first + BATCH]
        start = time.perf_counter()
        for value in batch:
            call(value)
        times.append((time.perf_counter() - start) / len(batch))
    return times


@contextmanager
def bare(kind: str, address: str) -> Iterator[Callable[[dict[str, str]], Any]]:
    """The look-up's query, run by the bare driver: sqlite3, or a pool of psycopg."""
    database = cast(Any, SqliteDatabase if kind == "sqlite" else PostgresDatabase)
    sql = queries.load(database, "identity")
    if kind == "sqlite":
        conn = sqlite3.connect(address)

        def by_key(parameters: dict[str, str]) -> Any:
            value, type, formation_id = parameters["value"], parameters["type"], parameters["formation_id"]
            key = identifier_key(formation_id, type, value)
            return conn.execute(sql.find_key.sql, (key, value, type, formation_id)).fetchone()

        yield by_key
        conn.close()
        return
    with ConnectionPool(address, min_size=1, kwargs={"autocommit": True}) as pool:

        def look_up(parameters: dict[str, str]) -> Any:
            with pool.connection() as conn:
                return conn.execute(sql.find_value.sql, parameters).fetchone()

        yield look_up


def ours(stores: FormationStores, values: list[IdentifierInput]) -> Samples:
    """First contact, then look-ups past the cache (a new one for the round), then cached ones."""

    def identities() -> Identities:
        return Identities(stores.identity, stores.hash_key, utc_now)

    known = identities()
    return {
        "first_contact": timed(identities().resolve, values),
        "resolve": timed(known.resolve, values),
        "cached": timed_in_batches(known.resolve, values),
    }


def peer(address: str, values: list[IdentifierInput]) -> Samples:
    """The same of `muxi-runtime`; its identifiers are plain text."""
    names = [value[0] if isinstance(value, tuple) else value for value in values]
    return cast(Samples, peers.run("muxi-runtime", "identity_muxi_runtime.py", "speed", address, json.dumps(names)))


@contextmanager
def peers_database(address: str) -> Iterator[str]:
    """A database of the peer's own on the same server."""
    name = f"runtime_{uuid4().hex[:8]}"
    with psycopg.connect(address, autocommit=True) as conn:
        conn.execute(f'CREATE DATABASE "{name}"')
        yield urlsplit(address)._replace(path=f"/{name}").geturl()
        conn.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


def measure(kind: str, address: str, form: str, arguments: argparse.Namespace) -> dict[str, Any]:
    """All figures of one form of identifier on one database."""
    storage = open_storage(address)
    storage.migrate()
    stores = storage.for_formation(FORMATION, utc_now())
    rounds: dict[str, Samples] = {"ours": {}, "bare": {}, "muxi-runtime": {}}
    for round_ in range(arguments.rounds + 1):  # the first one warms up
        values = FORMS[form](arguments.count if round_ else 200, f"r{round_}")
        samples = {"ours": ours(stores, values), "bare": _bare(kind, address, stores, values)}
        if kind == "postgres" and not arguments.ours_only:
            with peers_database(address) as own:
                samples["muxi-runtime"] = peer(own, values)
        for who, of_round in samples.items() if round_ else ():
            for phase, times in of_round.items():
                rounds[who].setdefault(phase, []).append(report.median(times) * 1e6)
        report.say(f"{kind} {form} round {round_} of {arguments.rounds}")
    storage.close()
    return {who: {phase: report.median(p50s) for phase, p50s in of.items()} for who, of in rounds.items() if of}


def _bare(kind: str, address: str, stores: FormationStores, values: list[IdentifierInput]) -> Samples:
    identities = Identities(stores.identity, stores.hash_key, utc_now)
    forms = [identities.normal_form(value) for value in values]
    parameters = [{"formation_id": FORMATION, "value": form.value, "type": form.type} for form in forms]
    with bare(kind, address) as look_up:
        timed(look_up, parameters[:50])  # the driver prepares a statement at its sixth use
        return {"resolve": timed(look_up, parameters)}


def summary(figures: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Each figure that has a target, with it."""
    told: dict[str, dict[str, Any]] = {}
    for form in FORMS:
        for kind, of_kind in figures.items():
            us = of_kind[form]["ours"]
            told[f"{kind}, {form}: cached, us"] = _at_most(us["cached"], TARGETS_US["cached"])
            if kind == "sqlite":
                told[f"sqlite, {form}: from the store, us"] = _at_most(us["resolve"], TARGETS_US["sqlite_store"])
                continue
            of_bare = report.ratio(us["resolve"], of_kind[form]["bare"]["resolve"])
            told[f"postgres, {form}: from the store, times a bare round trip"] = _at_most(of_bare, TARGET_OF_BARE)
            for phase, times in of_kind[form].get("muxi-runtime", {}).items():
                value = report.ratio(times, us[phase])
                told[f"postgres, {form}: {phase}, times faster than muxi-runtime"] = {
                    "value": value,
                    "at_least": TARGET_TIMES_FASTER,
                    "met": value >= TARGET_TIMES_FASTER,
                }
    return told


def _at_most(value: float, target: float) -> dict[str, Any]:
    return {"value": value, "at_most": target, "met": value <= target}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=2000, help="identifiers in a round")
    parser.add_argument("--rounds", type=int, default=3, help="after one round to warm up")
    parser.add_argument("--kind", choices=databases.KINDS, action="append", help="both if not given")
    parser.add_argument("--ours-only", action="store_true", help="without muxi-runtime")
    arguments = parser.parse_args()
    figures: dict[str, dict[str, Any]] = {}
    for kind in arguments.kind or databases.KINDS:
        figures[kind] = {}
        for form in FORMS:
            with databases.database(kind) as address:
                figures[kind][form] = measure(kind, address, form, arguments)
    report.emit({"targets": summary(figures), "p50_us": figures})


if __name__ == "__main__":
    main()
