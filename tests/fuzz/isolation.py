"""The run: rounds of random calls over many connections, changes between them, and pairs at the end."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.fuzz import routes_access, routes_memory, routes_people, routes_teams
from tests.fuzz.changes import Changes
from tests.fuzz.connection import Connection
from tests.fuzz.model import Fault
from tests.fuzz.pairs import Verdict, judge, pairs_of
from tests.fuzz.routes import WAYS, learn, random_call
from tests.fuzz.rules import Route, read_rules
from tests.fuzz.serving import Wanted, serving
from tests.fuzz.world import World

#: Of these a success needs what a random run cannot bring about, a model that fails, or would change between two rounds
#: who is in a team.
NEVER_A_SUCCESS = {
    ("post", "/v1/extraction/failures/{failure_id}/replay"),
    ("delete", "/v1/teams/{team_id}/members/{user_id}"),
}
SUBJECTS = (routes_access, routes_memory, routes_people, routes_teams)
MOST_FAULTS = 20


@dataclass(slots=True)
class Run:
    """What came of it.

    Attributes:
        calls: how many were made at random.
        seconds: that they took.
        faults: what must not be: leaks, faults of the server, wrong answers.
        verdicts: of pairs.
        called, succeeded: by route.
        statuses: how often each.
        unreached: routes of the server's OpenAPI document that the fuzz does not know, and the other way round.
        log: the end of what the server logged.
    """

    calls: int = 0
    seconds: float = 0.0
    faults: list[Fault] = field(default_factory=list)
    verdicts: list[Verdict] = field(default_factory=list)
    called: Counter[Route] = field(default_factory=Counter)
    succeeded: Counter[Route] = field(default_factory=Counter)
    statuses: Counter[int] = field(default_factory=Counter)
    unreached: set[Route] = field(default_factory=set)
    log: str = ""

    @property
    def never(self) -> list[str]:
        """Routes that never answered with a success, though they could: what they show was not looked at."""
        return sorted(" ".join(one) for one in set(WAYS) - set(self.succeeded) - NEVER_A_SUCCESS)

    @property
    def problems(self) -> list[str]:
        """All that is wrong, each in words."""
        found = [str(one) for one in self.faults]
        found += [
            f"{one.name}: {one.fault} ({one.theirs_ms:.2f} ms, {one.none_ms:.2f} ms)"
            for one in self.verdicts
            if one.fault
        ]
        found += [
            f"the fuzz and the OpenAPI document differ in {method} {path}" for method, path in sorted(self.unreached)
        ]
        return found


@dataclass(frozen=True, slots=True)
class Size:
    """How much is done.

    Attributes:
        calls: at random.
        people: in all three formations.
        pair_times: how often both questions of a pair are asked.
        connections: at once.
        round: calls between two changes.
    """

    calls: int = 100_000
    people: int = 50
    pair_times: int = 60
    connections: int = 12
    round: int = 1000


def fuzz(database: str, seed: int, size: Size, progress: Callable[[int], None] = lambda _: None) -> Run:
    """Runs on a database of its own.

    Args:
        database: a Postgres address, or the path of a SQLite file that is not there yet.
        seed: of everything random.
        size: how much.
        progress: told how many calls were made.
    """
    world = World(read_rules(), seed)
    with tempfile.TemporaryDirectory() as folder:
        wanted = Wanted(database, world.keys, world.agents, routes_people.PROVIDER.jwks)
        running = _Running(world, size, progress)
        with serving(wanted, Path(folder)) as url:
            try:
                return asyncio.run(running.run(url))
            finally:
                running.done.log = (Path(folder) / "server.log").read_text(encoding="utf-8")[-4000:]


class _Running:
    def __init__(self, world: World, size: Size, progress: Callable[[int], None]) -> None:
        self._world = world
        self._size = size
        self._progress = progress
        self._connections: list[Connection] = []
        self.done = Run()
        self._routes = sorted(WAYS)
        self._weights = [WAYS[one].weight for one in self._routes]
        self._first: list[Route] = []

    async def run(self, url: str) -> Run:
        self._connections = [Connection(url) for _ in range(self._size.connections)]
        first = self._connections[0]
        self.done.unreached = set(WAYS) ^ await _documented(first)
        await self._world.settle(first, self._size.people)
        changes = Changes(self._world, first)
        began = time.perf_counter()
        self._first = list(self._routes)
        while self.done.calls < self._size.calls and len(self.done.faults) < MOST_FAULTS:
            await self._round(min(self._size.round, self._size.calls - self.done.calls))
            await changes.round()
        self.done.seconds = time.perf_counter() - began
        if not self.done.faults:
            self.done.verdicts = [
                await judge(first, pair, self._size.pair_times) for pair in list(pairs_of(self._world))
            ]
        for one in self._connections:
            await one.close()
        return self.done

    async def _round(self, calls: int) -> None:
        left = iter(range(calls))
        await asyncio.gather(*(self._calls(one, left) for one in self._connections))

    async def _calls(self, connection: Connection, left: Iterator[int]) -> None:
        for _ in left:  # one iterator for all: each takes the next
            await self._call(connection)
            self.done.calls += 1
            self._progress(1)

    async def _call(self, connection: Connection) -> None:
        world, done = self._world, self.done
        route = self._first.pop() if self._first else world.rng.choices(self._routes, self._weights)[0]
        call = random_call(world, route)
        answer = await connection.send(route[0], call.address, call.headers | call.credential.headers, call.body)
        faults = world.model.judge(call, answer)
        done.faults += faults
        done.called[route] += 1
        done.statuses[answer.status] += 1
        if answer.status < 300:
            done.succeeded[route] += 1
            if not faults:
                learn(world, call, answer)


async def _documented(connection: Connection) -> set[Route]:
    """The routes of the OpenAPI document."""
    paths = (await connection.send("get", "/openapi.json", {})).json["paths"]
    return {(method, path) for path, methods in paths.items() for method in methods}
