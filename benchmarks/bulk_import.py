"""Importing a file of identifiers, beside bare inserts of the very same rows.

    python benchmarks/bulk_import.py [--identifiers 1000000] [--of-each-user 2] [--databases sqlite postgres]

A fresh process imports a made-up CSV file with `Bulk.import_file`, checking and audit included, and tells how much
memory it had after a fifth of the lines and at the end, and how long it kept a processor busy, which tells more than
the time where others are running. Then the rows that this made (users, identifiers, audit) are
read, and put by the bare driver into a second empty database with the same tables, in transactions of as many rows:
`executemany` on SQLite, COPY on Postgres. Only the inserts are timed.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import closing
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import psycopg
from databases import KINDS, database
from report import emit, progress, ratio, say

from muxi.core.clock import utc_now
from muxi.core.identity.bulk import Bulk
from muxi.core.identity.service import Identities
from muxi.garbage import collect_seldom
from muxi.storage.open import open_storage

FORMATION = "default"
LEAST_A_SECOND = {"sqlite": 20_000, "postgres": 30_000}
MOST_TO_BARE = 3.0
#: The peak may grow by so much between a fifth of the lines, when SQLite's page cache is full, and the end.
MOST_GROWTH_MIB = 20.0
CHANNELS = ("slack", "telegram", "discord", "email")
TABLES = {
    "users": ("formation_id", "id", "canonical_id", "created_at"),
    "identifiers": ("formation_id", "value", "type", "user_id", "shown", "linked_at", "linked_by"),
    "audit": ("formation_id", "seq", "at", "actor", "action", "user_id", "details", "hash"),
}
#: As they were made.
ORDER = {"users": "id", "identifiers": "linked_at", "audit": "seq"}
#: Linux tells the peak in KiB, macOS in bytes.
MAXRSS_UNIT = 1 if sys.platform == "darwin" else 1024


def main() -> None:
    """Reads the arguments, measures, prints."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--identifiers", type=int, default=1_000_000)
    parser.add_argument("--of-each-user", type=int, default=2, choices=range(1, len(CHANNELS) + 2))
    parser.add_argument("--databases", nargs="+", choices=KINDS, default=list(KINDS))
    parser.add_argument("--import", dest="to_import", nargs=2, metavar=("ADDRESS", "FILE"), help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.to_import:
        print(json.dumps(imported(*chosen.to_import)))
        return
    with TemporaryDirectory(prefix="muxi-benchmark-") as folder:
        file = Path(folder) / "users.csv"
        write(file, chosen.identifiers, chosen.of_each_user)
        results = {kind: measured(kind, file) for kind in chosen.databases}
    emit({"identifiers": chosen.identifiers, "of_each_user": chosen.of_each_user, **results})


def write(file: Path, identifiers: int, of_each_user: int) -> None:
    """A made-up file. The first of a user's identifiers is the application's own name, if there are several."""
    values = random.Random(7)
    with file.open("w", encoding="utf-8") as out:
        out.write("user,identifier,type\n")
        lines_of_each = max(1, of_each_user - 1)
        for user in range(identifiers // of_each_user):
            name = f"crm-{user}" if of_each_user > 1 else ""
            for channel in CHANNELS[:lines_of_each]:
                value = f"u{values.getrandbits(48):012x}"
                written = f"{value}@mail{user % 50}.example.org" if channel == "email" else value.upper()
                out.write(f"{name},{written},{channel}\n")


def measured(kind: str, file: Path) -> dict[str, Any]:
    """The import and the bare inserts on one kind of database."""
    with database(kind) as address:
        say(f"{kind}: importing ...")
        command = [sys.executable, __file__, "--import", address, str(file)]
        ours = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)
        with database(kind) as second:
            bare = bare_seconds(kind, address, second)
    a_second = round(ours["linked"] / ours["seconds"])
    growth = round(ours["peak_mib"] - ours["peak_after_a_fifth_mib"], 1)
    to_bare = ratio(ours["seconds"], bare)
    return {
        "met": a_second >= LEAST_A_SECOND[kind] and to_bare <= MOST_TO_BARE and growth <= MOST_GROWTH_MIB,
        "identifiers_a_second": a_second,
        "least_a_second": LEAST_A_SECOND[kind],
        "to_bare_inserts": to_bare,
        "most_to_bare_inserts": MOST_TO_BARE,
        "bare_inserts_seconds": round(bare, 2),
        "peak_growth_mib": growth,
        **ours,
    }


def imported(address: str, file: str) -> dict[str, Any]:
    """Imports the file into an empty database, as the command does."""
    collect_seldom()
    storage = open_storage(address)
    storage.migrate()
    stores = storage.for_formation(FORMATION, utc_now())
    bulk = Bulk(stores.bulk, Identities(stores.identity, stores.hash_key, utc_now), utc_now)
    peaks: list[float] = []
    checked: list[float] = []
    began, processor_began = time.perf_counter(), time.process_time()
    with progress() as bar:
        tasks = {step: bar.add_task(step, total=None) for step in ("checking", "linking")}

        def tell(step: str, done: int, total: int) -> None:
            bar.update(tasks[step], completed=done, total=total)
            if step == "checking" and done == total:
                checked.append(time.perf_counter() - began)
            if step == "linking" and not peaks and done >= total / 5:
                peaks.append(_peak_mib())

        result = bulk.import_file(file, progress=tell)
    seconds, processor = time.perf_counter() - began, time.process_time() - processor_began
    storage.close()
    return {
        "seconds": round(seconds, 2),
        "processor_seconds": round(processor, 2),
        "of_it_checking_seconds": round(checked[0], 2),
        "linked": result.linked,
        "users_made": result.users_made,
        "conflicts": result.conflict_count,
        "peak_after_a_fifth_mib": peaks[0],
        "peak_mib": _peak_mib(),
    }


def bare_seconds(kind: str, source: str, target: str) -> float:
    """What the driver alone needs for the rows of ``source`` in an empty database with the same tables."""
    storage = open_storage(target)
    storage.migrate()
    at_once = storage.for_formation(FORMATION, utc_now()).bulk.most_values
    storage.close()
    say(f"{kind}: bare inserts ...")
    if kind == "sqlite":
        with closing(sqlite3.connect(source)) as rows, closing(sqlite3.connect(target, isolation_level=None)) as conn:
            for pragma in ("journal_mode = WAL", "synchronous = NORMAL", "foreign_keys = ON"):
                conn.execute(f"PRAGMA {pragma}")
            return sum(
                _sqlite_insert(conn, table, chunk)
                for table in TABLES
                for chunk in _chunks(rows.execute(_select(table)), at_once)
            )
    with psycopg.connect(source) as rows, psycopg.connect(target, autocommit=True) as conn:
        return sum(
            _postgres_insert(conn, table, chunk)
            for table in TABLES
            for chunk in _chunks(rows.cursor(table).execute(_select(table)), at_once)
        )


def _select(table: str) -> str:
    return f"SELECT {', '.join(TABLES[table])} FROM {table} ORDER BY {ORDER[table]}"


def _chunks(rows: Iterable[tuple[Any, ...]], at_once: int) -> Iterator[list[tuple[Any, ...]]]:
    following = iter(rows)
    while chunk := list(islice(following, at_once)):
        yield [tuple(json.dumps(cell) if isinstance(cell, dict) else cell for cell in row) for row in chunk]


def _sqlite_insert(conn: sqlite3.Connection, table: str, rows: list[tuple[Any, ...]]) -> float:
    columns = TABLES[table]
    began = time.perf_counter()
    conn.execute("BEGIN IMMEDIATE")
    marks = ", ".join("?" * len(columns))
    conn.executemany(f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})", rows)
    conn.execute("COMMIT")
    return time.perf_counter() - began


def _postgres_insert(conn: psycopg.Connection[Any], table: str, rows: list[tuple[Any, ...]]) -> float:
    began = time.perf_counter()
    into = f"COPY {table} ({', '.join(TABLES[table])}) FROM STDIN"
    with conn.transaction(), conn.cursor() as cursor, cursor.copy(into) as copy:
        for row in rows:
            copy.write_row(row)
    return time.perf_counter() - began


def _peak_mib() -> float:
    status = Path("/proc/self/status")
    if status.exists():
        # On Linux the other figure begins with the peak of the process that started this one.
        return round(int(status.read_text(encoding="ascii").split("VmHWM:")[1].split()[0]) / 1024, 1)
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * MAXRSS_UNIT / 2**20, 1)


if __name__ == "__main__":
    main()
