"""One of several processes that change the same identities at once: `python -m tests.support.busy_process`."""

from __future__ import annotations

import json
import random
import sys
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from muxi.core.formation import Formation
from muxi.errors import (
    IdentifierConflictError,
    LastIdentifierError,
    MergeConflictError,
    MergeNotFoundError,
    MuxiError,
    UserNotFoundError,
)
from muxi.settings import FormationSettings, IdentitySettings, MemorySettings, PersistentSettings
from tests.support.vectors import WordVectors

THREADS = 8
NAMES = [(f"U{n}", "slack") for n in range(24)]
#: What may be answered when somebody else was faster. Anything else is a fault.
EXPECTED = (IdentifierConflictError, LastIdentifierError, MergeConflictError, MergeNotFoundError, UserNotFoundError)


def settings_for(address: str) -> FormationSettings:
    """One formation on a database."""
    provider = "postgres" if address.startswith("postgres") else "sqlite"
    persistent = PersistentSettings.model_validate({"provider": provider, "connection_string": address})
    # Merges join more identifiers of one type than a person has.
    identity = IdentitySettings(limits={"slack": None})
    return FormationSettings(memory=MemorySettings(persistent=persistent), identity=identity)


class Worker:
    """A thread's share of the work, chosen by its seed."""

    def __init__(self, formation: Formation, seed: int) -> None:
        self._formation = formation
        self._random = random.Random(seed)
        self.done: Counter[str] = Counter()
        self.faults: list[str] = []

    def work(self, times: int) -> Worker:
        actions = [self.resolve, self.resolve, self.associate, self.associate, self.unlink, self.merge, self.split]
        for _ in range(times):
            # Seldom, or nobody would be left.
            action = self.erase if self._random.random() < 0.02 else self._random.choice(actions)
            self._try(action)
        return self

    def _try(self, action: Callable[[], object]) -> None:
        name = action.__name__
        try:
            action()
            self.done[name] += 1
        except EXPECTED:
            self.done[f"{name} refused"] += 1
        except MuxiError as error:
            self.faults.append(f"{name}: {type(error).__name__}: {error}")

    def _some(self, count: int) -> list[tuple[str, str]]:
        return self._random.sample(NAMES, count)

    def resolve(self) -> None:
        self._formation.identities.resolve(self._some(1)[0])

    def associate(self) -> None:
        self._formation.identities.associate(self._some(2), merge=self._random.random() < 0.5)

    def unlink(self) -> None:
        self._formation.identities.unlink(self._some(1)[0])

    def merge(self) -> None:
        one, other = self._some(2)
        self._formation.merges.merge([one], into=other)

    def split(self) -> None:
        merges = self._formation.merges.of(self._some(1)[0])
        if merges:
            self._formation.merges.split(self._random.choice(merges).id)

    def erase(self) -> None:
        self._formation.privacy.erase(self._some(1)[0])


def main() -> None:
    """Arguments: the database, a seed, and how often each thread acts. Prints what was done, as JSON."""
    address, seed, times = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    formation = Formation.open(settings_for(address), Path(), embedding_model=WordVectors())
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.readline()
    with ThreadPoolExecutor(THREADS) as pool:
        workers = list(pool.map(lambda place: Worker(formation, seed * THREADS + place).work(times), range(THREADS)))
    formation.close()
    done: Counter[str] = sum((worker.done for worker in workers), Counter())
    sys.stdout.write(json.dumps({"done": done, "faults": [fault for one in workers for fault in one.faults]}) + "\n")


if __name__ == "__main__":
    main()
