"""Whether knowing who writes stays as quick when a formation has ten million identifiers; on SQLite and on Postgres.

One database a size; the people in it are generated, each with an e-mail address. Then somebody is looked up in each,
one size after the other, again and again, so that a slow moment of the machine is every size's. The figure is the
median, past the cache, and the ratio is to the smallest size; beside it the same query by the bare driver. Postgres is
told to look at its tables once they are filled, as its own housekeeping would do within minutes.
"""

from __future__ import annotations

import argparse
import random
import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any
from urllib.parse import urlsplit

import databases
import identity
import psycopg
import report

from muxi.core.clock import utc_now
from muxi.core.identity import normal_form
from muxi.core.identity.service import Identities
from muxi.storage.bulk_lookups import WaitingLookups
from muxi.storage.open import Storage, open_storage

FORMATION = "default"
#: From an identifier to a user, or the user's row.
Finder = Callable[[str], Any]
SIZES = (10**3, 10**4, 10**5, 10**6, 10**7)
AT_MOST = 1.2
MADE_AT = "2026-01-01T00:00:00.000000+00:00"
#: People written in one transaction.
AT_ONCE = 10**6
#: The sign of a key (`muxi.storage.databases.sqlite_keys.written_later`).
WRITTEN_LATER = -(2**63)

# A public id has 26 characters after its prefix; the number keeps them apart.
USER = {"sqlite": "'usr_' || printf('%026d', n)", "postgres": "'usr_' || lpad(n::text, 26, '0')"}
MAIL = "'person' || n || '@company' || (n - n / 1000 * 1000) || '.com'"
NUMBERS = {
    "sqlite": "WITH RECURSIVE s(n) AS (SELECT {first} UNION ALL SELECT n + 1 FROM s WHERE n < {last})",
    "postgres": "WITH s(n) AS (SELECT generate_series({first}, {last}))",
}


def fill(storage: Storage, count: int) -> None:
    """As many people, each with an address: the rows that linking them one by one would leave."""
    for first in range(1, count + 1, AT_ONCE):
        last = min(first + AT_ONCE - 1, count)
        FILLED[storage.dialect](storage, first, last)
        report.say(f"{storage.dialect}: {last:,} of {count:,} are written")
    if storage.dialect == "postgres":
        with storage._database.owning() as conn:
            conn.execute("VACUUM ANALYZE")


def _fill_sqlite(storage: Storage, first: int, last: int) -> None:
    """As an import does: what they are found by comes last, in its own order."""
    key_of = f", identifier_key('{FORMATION}', 'email', {MAIL}) | {WRITTEN_LATER}"
    with storage._database.writing_much(), storage._database.transaction() as conn:
        _people(conn, "sqlite", first, last, ", key", key_of)
        WaitingLookups(at_once=0).linked(conn, last - first + 1)


def _fill_postgres(storage: Storage, first: int, last: int) -> None:
    """As the owner, without looking up the user of each row, which was written the moment before."""
    with storage._database.owning() as conn, conn.transaction():
        conn.execute("SET LOCAL session_replication_role = replica")
        _people(conn, "postgres", first, last)


def _people(conn: Any, kind: str, first: int, last: int, key: str = "", key_of: str = "") -> None:
    numbers, user = NUMBERS[kind].format(first=first, last=last), USER[kind]
    conn.execute(
        f"{numbers} INSERT INTO users (formation_id, id, canonical_id, created_at)"
        f" SELECT '{FORMATION}', {user}, {user}, '{MADE_AT}' FROM s",
        {"formation_id": FORMATION},
    )
    conn.execute(
        f"{numbers} INSERT INTO identifiers (formation_id, value, type, user_id, shown, linked_at, linked_by{key})"
        f" SELECT '{FORMATION}', {MAIL}, 'email', {user}, {MAIL}, '{MADE_AT}', 'made up'{key_of} FROM s",
        {"formation_id": FORMATION},
    )


FILLED = {"sqlite": _fill_sqlite, "postgres": _fill_postgres}


def look_up(find: Finder, size: int, chosen: random.Random) -> float:
    """Microseconds of a look-up of somebody."""
    # Else a small database's people would be remembered by their written form, and a large one's not.
    normal_form._email.cache_clear()
    number = chosen.randrange(1, size + 1)
    value = f"person{number}@company{number % 1000}.com"
    start = time.perf_counter()
    found = find(value)
    taken = time.perf_counter() - start
    assert str(found[0] if isinstance(found, tuple) else found.id).endswith(str(number)), found
    return taken * 1e6


def measure(kind: str, arguments: argparse.Namespace) -> dict[str, Any]:
    """The look-up at each size."""
    sizes = [size for size in SIZES if size <= arguments.largest]
    ours: dict[int, list[float]] = {size: [] for size in sizes}
    bare: dict[int, list[float]] = {size: [] for size in sizes}
    with ExitStack() as closing:
        finders: dict[int, tuple[Finder, Finder]] = {}
        for size, address in zip(sizes, addresses(kind, len(sizes), closing), strict=True):
            storage = open_storage(address)
            closing.callback(storage.close)
            storage.migrate()
            stores = storage.for_formation(FORMATION, utc_now())
            fill(storage, size)
            identities = Identities(stores.identity, stores.hash_key, utc_now)
            finders[size] = identities.get, bare_finder(closing.enter_context(identity.bare(kind, address)))
            report.say(f"{kind}: {size:,} identifiers are there")
        chosen = random.Random(7)
        for turn in range(arguments.warm_up + arguments.count):
            for size in sizes:
                for find, times in zip(finders[size], (ours[size], bare[size]), strict=True):
                    us = look_up(find, size, chosen)
                    if turn >= arguments.warm_up:
                        times.append(us)
    ratio = slowest_of_smallest(ours)
    return {
        "slowest_of_smallest": {"value": ratio, "at_most": AT_MOST, "met": ratio <= AT_MOST},
        "slowest_of_smallest_bare": slowest_of_smallest(bare),
        "resolve_us": {f"{size:,}": report.median(times) for size, times in ours.items()},
        "bare_us": {f"{size:,}": report.median(times) for size, times in bare.items()},
    }


def slowest_of_smallest(times_of: dict[int, list[float]]) -> float:
    medians = {size: report.median(times) for size, times in times_of.items()}
    return report.ratio(max(medians.values()), medians[min(medians)])


def bare_finder(query: Callable[[dict[str, str]], Any]) -> Finder:
    """The look-up's query alone; what comes back is not made into anything."""
    return lambda value: query({"formation_id": FORMATION, "value": value, "type": "email"})


def addresses(kind: str, count: int, closing: ExitStack) -> list[str]:
    """Empty databases of a kind."""
    if kind == "sqlite":
        return [closing.enter_context(databases.database(kind)) for _ in range(count)]
    server = closing.enter_context(databases.database(kind))
    names = [f"size{place}" for place in range(count)]
    with psycopg.connect(server, autocommit=True) as conn:
        for name in names:
            conn.execute(f"CREATE DATABASE {name}")
    return [urlsplit(server)._replace(path=f"/{name}").geturl() for name in names]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=7500, help="people looked up at each size")
    parser.add_argument("--warm-up", type=int, default=500, help="people that are not counted")
    parser.add_argument("--largest", type=int, default=SIZES[-1])
    parser.add_argument("--kind", choices=databases.KINDS, action="append", help="both if not given")
    arguments = parser.parse_args()
    report.emit({kind: measure(kind, arguments) for kind in arguments.kind or databases.KINDS})


if __name__ == "__main__":
    main()
