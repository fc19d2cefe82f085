"""Whether knowing who writes stays as quick when a formation has ten million identifiers; on SQLite and on Postgres.

The table is generated: every person has one e-mail address. At each size the same number of people, spread over the whole
table, are resolved past the cache; the figure is the median of medians, and the ratio is to the smallest size.
Postgres is told to look at its tables after each growth, as its own housekeeping would do within minutes.
"""

from __future__ import annotations

import argparse
import random
import time
from typing import Any

import databases
import report

from muxi.core.clock import utc_now
from muxi.core.identity.service import Identities
from muxi.storage.open import FormationStores, Storage, open_storage

FORMATION = "default"
SIZES = (10**3, 10**4, 10**5, 10**6, 10**7)
AT_MOST = 1.2
MADE_AT = "2026-01-01T00:00:00.000000+00:00"

# A public id has 26 characters after its prefix; the number keeps them apart.
USER = {"sqlite": "'usr_' || printf('%026d', n)", "postgres": "'usr_' || lpad(n::text, 26, '0')"}
MAIL = {"sqlite": "'person' || n || '@company' || (n % 1000) || '.com'"}
MAIL["postgres"] = "'person' || n || '@company' || (n % 1000) || '.com'"
NUMBERS = {
    "sqlite": "WITH RECURSIVE s(n) AS (SELECT {first} UNION ALL SELECT n + 1 FROM s WHERE n < {last})",
    "postgres": "WITH s(n) AS (SELECT generate_series({first}, {last}))",
}


def grow(storage: Storage, first: int, last: int) -> None:
    """People from one number to another, each with an address."""
    kind = storage.dialect
    numbers = NUMBERS[kind].format(first=first, last=last)
    user, mail = USER[kind], MAIL[kind]
    with storage._database.transaction() as conn:
        conn.execute(
            f"{numbers} INSERT INTO users (formation_id, id, canonical_id, created_at)"
            f" SELECT '{FORMATION}', {user}, {user}, '{MADE_AT}' FROM s" + ("" if kind == "postgres" else " WHERE true")
        )
        conn.execute(
            f"{numbers} INSERT INTO identifiers (formation_id, value, type, user_id, shown, linked_at, linked_by)"
            f" SELECT '{FORMATION}', {mail}, 'email', {user}, {mail}, '{MADE_AT}', 'made up' FROM s"
        )
    if kind == "postgres":
        with storage._database.connection() as conn:
            conn.execute("VACUUM ANALYZE")


def resolve(stores: FormationStores, size: int, arguments: argparse.Namespace) -> float:
    """Microseconds of a look-up."""
    chosen = random.Random(size)
    medians = []
    identities = Identities(stores.identity, stores.hash_key, utc_now)
    for round_ in range(arguments.rounds + 1):
        people = [chosen.randrange(1, size + 1) for _ in range(arguments.count)]
        times = []
        for number in people:
            value = f"person{number}@company{number % 1000}.com"
            start = time.perf_counter()
            user = identities.get(value)  # which never uses the cache
            times.append(time.perf_counter() - start)
            assert user.id.endswith(str(number)), user
        if round_:  # the first one warms up
            medians.append(report.median(times) * 1e6)
    return report.median(medians)


def measure(kind: str, arguments: argparse.Namespace) -> dict[str, Any]:
    """The look-up at each size of one database."""
    with databases.database(kind) as address:
        storage = open_storage(address)
        storage.migrate()
        stores = storage.for_formation(FORMATION, utc_now())
        found: dict[int, float] = {}
        for before, size in zip((0, *SIZES), SIZES, strict=False):
            if size > arguments.largest:
                break
            grow(storage, before + 1, size)
            found[size] = resolve(stores, size, arguments)
            report.say(f"{kind}: {size:,} identifiers, {found[size]} us")
        storage.close()
    ratio = report.ratio(max(found.values()), found[SIZES[0]])
    return {
        "largest_of_smallest": {"value": ratio, "at_most": AT_MOST, "met": ratio <= AT_MOST},
        "resolve_us": {f"{size:,}": value for size, value in found.items()},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=2000, help="people resolved in a round")
    parser.add_argument("--rounds", type=int, default=5, help="after one round to warm up")
    parser.add_argument("--largest", type=int, default=SIZES[-1])
    parser.add_argument("--kind", choices=databases.KINDS, action="append", help="both if not given")
    arguments = parser.parse_args()
    report.emit({kind: measure(kind, arguments) for kind in arguments.kind or databases.KINDS})


if __name__ == "__main__":
    main()
