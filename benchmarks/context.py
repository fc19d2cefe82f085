"""The time to read a context of 1,000 facts, and to change one of them.

    python benchmarks/context.py [--databases sqlite postgres] [--facts 1000] [--others 20000]

Read from the database each time: nothing is kept in memory between two calls.
"""

from __future__ import annotations

import argparse
from itertools import count
from pathlib import Path
from tempfile import gettempdir
from typing import Any

from databases import KINDS, database, settings_for
from made_up import InstantModel, TableEmbeddings, texts
from report import emit, progress, spread, times_of

from muxi.core.formation import Formation
from muxi.core.memory.facts import Change
from muxi.ids import UserId

LIMIT_MS = 5.0
ROUNDS, WARM_UP = 200, 20
AT_ONCE = 1000


def main() -> None:
    """Reads the arguments, measures, prints."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--databases", nargs="+", choices=KINDS, default=list(KINDS))
    parser.add_argument("--facts", type=int, default=1000, help="of the user who is read")
    parser.add_argument("--others", type=int, default=20_000, help="facts of other users beside them")
    chosen = parser.parse_args()
    results: dict[str, dict[str, Any]] = {}
    with progress() as bar:
        task = bar.add_task("contexts", total=len(chosen.databases))
        for kind in chosen.databases:
            results[kind] = measured(kind, chosen.facts, chosen.others)
            bar.advance(task)
    emit({"limit_ms": LIMIT_MS, **results})


def measured(kind: str, facts: int, others: int) -> dict[str, Any]:
    """Times of one user's reads and writes on one database."""
    with database(kind) as address:
        formation = Formation.open(
            settings_for(address), Path(gettempdir()), chat_model=InstantModel(), embedding_model=TableEmbeddings()
        )
        try:
            for place in range(others // AT_ONCE):
                filled(formation, f"other {place}", AT_ONCE)
            user, small = filled(formation, "one", facts), filled(formation, "few facts", 30)
            values, context = count(), formation.context
            read = spread(times_of(lambda: context.get(user), count=ROUNDS, warm_up=WARM_UP))
            return {
                "met": read["p50"] <= LIMIT_MS,
                "read": read,
                "read with where each comes from": spread(
                    times_of(lambda: context.facts(user), count=ROUNDS // 4, warm_up=5)
                ),
                "change one of them": spread(
                    times_of(lambda: context.set(user, "likes.5", next(values)), count=ROUNDS // 4, warm_up=5)
                ),
                "change one of 30": spread(
                    times_of(lambda: context.set(small, "likes.5", next(values)), count=ROUNDS, warm_up=WARM_UP)
                ),
            }
        finally:
            formation.close()


def filled(formation: Formation, name: str, size: int) -> UserId:
    """A user with that many facts."""
    user = formation.identities.resolve(name).id
    said = texts(size, seed=name, words=(1, 6))
    changes = [Change("set", f"{'likes' if n % 2 else 'about.me'}.{n}", text) for n, text in enumerate(said)]
    for first in range(0, size, AT_ONCE):
        formation.context.write(user, changes[first : first + AT_ONCE])
    return user


if __name__ == "__main__":
    main()
