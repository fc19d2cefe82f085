"""Whether a user with five memories gets exactly these, and how soon, in a formation that has very many.

    python benchmarks/few_among_many.py [--databases sqlite postgres] [--others 10000 1000000]

The other memories are another user's, and answer every question as well. ``exact`` is the share of searches whose
hits, order and scores are those of a search among the five alone. ``cold_ms`` is a search of which nothing is in
memory yet. ``delete_ms`` is `Deletion.delete_data` of the five, and with it what takes them out of the files.
"""

from __future__ import annotations

import argparse
import time
from itertools import count
from pathlib import Path
from tempfile import gettempdir
from typing import Any

from databases import KINDS, database, settings_for
from made_up import InstantModel, TableEmbeddings, remember, settle, texts
from report import emit, progress, ratio, spread, times_of

from muxi.core.formation import Formation
from muxi.core.memory.recall import MemoryIndex
from muxi.ids import UserId
from muxi.storage.vectors import write_vector

MINE, SEARCHES = 5, 200
INSERTED = (
    *("formation_id", "id", "user_id", "version", "kind", "text", "importance", "channel", "agent_id", "session_id"),
    *("seq", "said_at", "created_at", "metadata", "embedding", "embedding_model"),
)


def main() -> None:
    """Reads the arguments, measures, prints."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--databases", nargs="+", choices=KINDS, default=list(KINDS))
    parser.add_argument("--others", nargs="+", type=int, default=[10_000, 1_000_000], help="memories of another user")
    chosen = parser.parse_args()
    results: dict[str, dict[str, Any]] = {}
    with progress() as bar:
        task = bar.add_task("searching", total=len(chosen.databases) * len(chosen.others))
        for kind in chosen.databases:
            results[kind] = {}
            for others in chosen.others:
                results[kind][str(others)] = measured(kind, others)
                bar.advance(task)
    exact = [one["exact"] for sizes in results.values() for one in sizes.values()]
    emit({"targets": {"exact": 1.0, "met": min(exact) == 1.0}, **results})


def measured(kind: str, others: int) -> dict[str, Any]:
    """Figures on an empty database, with so many memories of another user."""
    model = TableEmbeddings()
    with database(kind) as address:
        settings = settings_for(address)
        formation = Formation.open(settings, Path(gettempdir()), chat_model=InstantModel(), embedding_model=model)
        try:
            mine = remember(formation, "somebody", MINE)
            settle(formation)
            fill(formation, formation.identities.resolve("another").id, model, others)
            return _figures(formation, mine, model)
        finally:
            formation.close()


def fill(formation: Formation, user: UserId, model: TableEmbeddings, others: int) -> None:
    """Memories of another user, with vectors, written past the public interface: a million in a minute or two."""
    stored, numbers = formation.storage._database, count(1)
    now = formation.clock()
    said = texts(2000, seed="others")
    vectors = [write_vector(vector) for vector in model.now(said)]
    marks = ", ".join(f":{name}" if stored.dialect == "sqlite" else f"%({name})s" for name in INSERTED)
    insert = f"INSERT INTO memories ({', '.join(INSERTED)}) VALUES ({marks})"
    for first in range(0, others, 5000):
        rows: list[dict[str, Any]] = []
        for place in range(first, min(first + 5000, others)):
            number = next(numbers)
            row = (formation.id, f"mem_{number:026d}", user, number, "note", said[place % 2000], 0.5, "api", "", "")
            rest: tuple[Any, ...] = (number, now, now, {}, vectors[place % 2000], model.name)
            rows.append(dict(zip(INSERTED, (*row, *rest), strict=True)))
        with stored.transaction() as conn:
            cursor = conn.cursor() if stored.dialect == "postgres" else stored.adapter()._cursor(conn)
            cursor.executemany(insert, rows)
    with stored.transaction() as conn:
        counted = f"UPDATE users SET memory_version = {others} WHERE id = '{user}'"
        conn.execute(counted, {"formation_id": formation.id})


def _figures(formation: Formation, mine: UserId, model: TableEmbeddings) -> dict[str, Any]:
    alone, now = MemoryIndex(), formation.clock()
    alone.put(formation.storage.for_formation(formation.id, now).memory.since(mine, 0))
    asked = texts(SEARCHES, seed="questions", words=(5, 12))
    same = 0
    for question, vector in zip(asked, model.now(asked), strict=True):
        hits = formation.memories.search(mine, question, vector, limit=MINE)
        expected = alone.search(question, vector, limit=MINE, now=formation.clock())
        same += [one.memory.id for one in hits] == [one.memory.id for one in expected] and len(hits) == MINE
    question, vector = asked[0], model.now(asked)[0]

    def cold() -> None:
        formation.memories.cache.clear()
        formation.memories.search(mine, question, vector, limit=MINE)

    figures = {"exact": ratio(same, SEARCHES), "cold_ms": spread(times_of(cold, count=50, warm_up=2))}
    start = time.perf_counter()
    deleted = formation.deletion.delete_data(mine)
    took = time.perf_counter() - start
    return {**figures, "delete_ms": round(took * 1000, 1), "deleted": deleted.counts["memories"]}


if __name__ == "__main__":
    main()
