"""The time to merge two users and to split them again, with few memories and with many.

    python benchmarks/merge.py [--databases sqlite postgres] [--sizes 10 100000]

A merge moves a pointer and copies nothing, so its time must not depend on what the users hold.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from tempfile import gettempdir
from typing import Any

from databases import KINDS, database, settings_for
from made_up import InstantModel, TableEmbeddings, remember
from report import emit, median, progress, ratio, spread

from muxi.core.formation import Formation

LIMIT_MS, LIMIT_RATIO = 50.0, 1.5
ROUNDS, WARM_UP = 60, 10


def main() -> None:
    """Reads the arguments, measures, prints."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--databases", nargs="+", choices=KINDS, default=list(KINDS))
    parser.add_argument("--sizes", nargs=2, type=int, default=[10, 100_000], help="memories of each user")
    chosen = parser.parse_args()
    results: dict[str, dict[str, Any]] = {}
    with progress() as bar:
        task = bar.add_task("merging", total=len(chosen.databases))
        for kind in chosen.databases:
            results[kind] = measured(kind, chosen.sizes)
            bar.advance(task)
    emit(results)


def measured(kind: str, sizes: list[int]) -> dict[str, Any]:
    """Times of merges and splits of two small and of two large users, in turn, on one database."""
    with database(kind) as address:
        formation = Formation.open(
            settings_for(address), Path(gettempdir()), chat_model=InstantModel(), embedding_model=TableEmbeddings()
        )
        formation.memories.embedder.close()  # vectors play no part
        try:
            pairs = {size: [remember(formation, f"{side} of {size}", size) for side in "ab"] for size in sizes}
            times: dict[int, dict[str, list[float]]] = {size: {"merge": [], "split": []} for size in sizes}
            for _ in range(WARM_UP + ROUNDS):
                for size, users in pairs.items():
                    began = time.perf_counter()
                    merge = formation.merges.merge(users)
                    merged = time.perf_counter()
                    formation.merges.split(merge.id)
                    times[size]["merge"].append(merged - began)
                    times[size]["split"].append(time.perf_counter() - merged)
        finally:
            formation.close()
    counted = {size: {what: all_[WARM_UP:] for what, all_ in of.items()} for size, of in times.items()}
    small, large = (counted[size] for size in sizes)
    return {
        what: {
            "large_to_small": (by := ratio(median(large[what]), median(small[what]))),
            "met": by <= LIMIT_RATIO and 1000 * median(large[what]) <= LIMIT_MS,
            **{str(size): spread(counted[size][what]) for size in sizes},
        }
        for what in ("merge", "split")
    }


if __name__ == "__main__":
    main()
