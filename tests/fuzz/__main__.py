"""`python -m tests.fuzz`: the isolation fuzz as a command, on SQLite and on Postgres."""

from __future__ import annotations

import argparse
import secrets
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from tests.fuzz.isolation import Run, Size, fuzz
from tests.support.postgres import running_postgres

KINDS = ("sqlite", "postgres")
#: Problems that are told in full.
SHOWN = 8
console = Console(stderr=True)


@contextmanager
def database(kind: str) -> Iterator[str]:
    """The address of an empty database of a kind."""
    with tempfile.TemporaryDirectory(prefix="muxi-fuzz-") as folder:
        if kind == "sqlite":
            yield str(Path(folder) / "muxi.db")
        else:
            with running_postgres(Path(folder)) as address:
                yield address


def one(kind: str, seed: int, size: Size) -> Run:
    """A run on one kind of database, with a progress bar."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with database(kind) as address, Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(f"isolation on {kind}", total=size.calls)
        return fuzz(address, seed, size, lambda many: bar.advance(task, many))


def tell(kind: str, run: Run) -> None:
    """What came of it."""
    rate = run.calls / max(run.seconds, 0.001)
    statuses = ", ".join(f"{status}: {many}" for status, many in sorted(run.statuses.items()))
    console.print(
        f"{kind}: {run.calls:,} calls in {run.seconds:.0f} s ({rate:.0f}/s), {len(run.called)} routes; {statuses}",
        soft_wrap=True,
        highlight=False,
    )
    worst = max(run.verdicts, key=lambda one: abs(one.theirs_ms - one.none_ms), default=None)
    if worst:
        console.print(
            f"{kind}: {len(run.verdicts)} pairs of «not yours» and «not there»; furthest apart: {worst.name} "
            f"({worst.theirs_ms:.2f} and {worst.none_ms:.2f} ms)",
            soft_wrap=True,
            highlight=False,
        )
    if run.never:
        console.print(f"{kind}: never a success: {run.never}", soft_wrap=True, highlight=False)
    for problem in run.problems[:SHOWN]:
        console.print(f"{kind}: {problem}", markup=False, soft_wrap=True, highlight=False)
    console.print(
        f"{kind}: {'no leak, no fault' if not run.problems else f'{len(run.problems)} PROBLEMS'}",
        soft_wrap=True,
        highlight=False,
    )


def main() -> int:
    """Runs on each kind of database that was asked for; 1 if anything is wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--calls", type=int, default=Size().calls, help="random calls on each database (%(default)s)")
    parser.add_argument("--people", type=int, default=Size().people, help="in all three formations (%(default)s)")
    parser.add_argument("--seed", type=int, help="of an earlier run, to see it again")
    parser.add_argument("--database", choices=KINDS, action="append", help="both if not given")
    given = parser.parse_args()
    seed = secrets.randbelow(10**6) if given.seed is None else given.seed
    console.print(f"seed {seed}", soft_wrap=True, highlight=False)
    wrong = False
    for kind in given.database or KINDS:
        run = one(kind, seed, Size(given.calls, given.people))
        tell(kind, run)
        wrong = wrong or bool(run.problems)
    return int(wrong)


if __name__ == "__main__":
    sys.exit(main())
