"""`python -m tests.openapi`: what the OpenAPI document promises, tried with every role on SQLite and on Postgres."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.openapi.promises import CALLERS, check, server
from tests.support.postgres import running_postgres

KINDS = ("sqlite", "postgres")


@contextmanager
def database(kind: str) -> Iterator[str]:
    """The address of an empty database of a kind."""
    with tempfile.TemporaryDirectory(prefix="muxi-openapi-") as folder:
        if kind == "sqlite":
            yield str(Path(folder) / "muxi.db")
        else:
            with running_postgres(Path(folder)) as address:
                yield address


def run(kind: str, callers: list[str], examples: int, seed: int) -> bool:
    """Whether every caller found the document to be true."""
    right = True
    with database(kind) as address, server(address) as url:
        for caller in callers:
            began = time.monotonic()
            told = check(url, caller, examples=examples, seed=seed)
            summary = next(
                (line for line in reversed(told.said.splitlines()) if "generated" in line), "nothing"
            ).strip()
            sys.stderr.write(f"{kind}, {caller}: {summary} ({time.monotonic() - began:.0f} s)\n")
            if told.status:
                right = False
                sys.stderr.write(told.said)
    return right


def main() -> int:
    """Runs with each role on each kind of database that was asked for; 1 if anything is not as documented."""
    parser = argparse.ArgumentParser(prog="python -m tests.openapi", description=__doc__)
    parser.add_argument("--examples", type=int, default=20, help="random calls of each operation (%(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="of what is random (%(default)s)")
    parser.add_argument(
        "--role", choices=CALLERS, action="append", help="a role's key, or a user's token; all if not given"
    )
    parser.add_argument("--database", choices=KINDS, action="append", help="both if not given")
    given = parser.parse_args()
    results = [run(kind, given.role or list(CALLERS), given.examples, given.seed) for kind in given.database or KINDS]
    return int(not all(results))


if __name__ == "__main__":
    sys.exit(main())
