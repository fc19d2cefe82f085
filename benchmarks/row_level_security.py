"""What row-level security costs on Postgres: the same calls on the same rows, with the walls and without.

    python benchmarks/row_level_security.py [--users 200] [--memories 300] [--rounds 400]

``without`` logs in as one who passes the walls, and is never told whose rows a statement is about. Each call is made
with and without, in turns. Where it says ``_of_others``, each call is about another user than the one before, so that
the connection has to be told; elsewhere calls are about one user. ``resolve`` asks the store who an identifier is;
``cold_recall`` reads a user's memories anew and searches them, ``warm_recall`` asks what has changed and searches;
``exchange`` stores what one turn leaves behind. ``ratio`` is of the processor time of this process's thread and of the
server's, which says more than times where other programs run.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import cycle
from pathlib import Path
from tempfile import gettempdir
from typing import Any
from unittest.mock import patch

import psycopg
from databases import database, settings_for
from made_up import InstantModel, TableEmbeddings, remember, settle, texts
from report import emit, median, progress, ratio, spread

from muxi.core.chat.reply import said
from muxi.core.chat.types import Exchange, LoggedMessage
from muxi.core.formation import Formation
from muxi.core.identity.types import Identifier
from muxi.ids import UserId, new_message_id
from muxi.storage.databases import postgres, postgres_roles
from muxi.storage.databases.postgres_scope import ScopedConnection

MOST = 1.3
WARM_UP = 40
SIDES = ("with", "without")


class _Open(ScopedConnection):
    """A connection that tells nothing."""

    def enter(self, statement: object, parameters: object) -> None:
        """Nothing to tell."""


def main() -> None:
    """Reads the arguments, measures, prints."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--users", type=int, default=200)
    parser.add_argument("--memories", type=int, default=300, help="of each of ten of them")
    parser.add_argument("--rounds", type=int, default=400, help="calls of each kind")
    chosen = parser.parse_args()
    with database("postgres") as address, closing(_opened(address)) as walled:
        with patch.object(postgres, "ScopedConnection", _Open), patch.object(postgres_roles, "walled_role", _nobody):
            unwalled = _opened(address)
        with closing(unwalled):
            sides = dict(zip(SIDES, (walled, unwalled), strict=True))
            figures = _figures(address, sides, _people(walled, chosen.users, chosen.memories), chosen.rounds)
    bound = ("resolve", "resolve_of_others", "cold_recall", "warm_recall", "warm_recall_of_others")
    met = all(figures[name]["ratio"] <= MOST for name in bound)
    emit({"targets": {"ratio of a resolve and a recall": f"at most {MOST}", "met": met}, **figures})


def _nobody(_: object) -> None:
    return None


def _opened(address: str) -> Formation:
    return Formation.open(
        settings_for(address), Path(gettempdir()), chat_model=InstantModel(), embedding_model=TableEmbeddings()
    )


def _people(formation: Formation, users: int, memories: int) -> list[UserId]:
    """Ten who remember much, of many who remember little."""
    found = [remember(formation, _name(number), memories if number < 10 else 1) for number in range(users)]
    settle(formation)
    return found[:10]


def _name(number: int) -> str:
    return f"user{number}@example.com"


def _identifier(mail: str) -> Identifier:
    return Identifier(mail, "email", mail, mail)


def _figures(address: str, sides: dict[str, Formation], users: list[UserId], rounds: int) -> dict[str, Any]:
    numbers = range(len(users))
    kinds: dict[str, Callable[[Formation], Callable[[], object]]] = {
        "resolve": lambda one: _resolving(one, numbers[:1]),
        "resolve_of_others": lambda one: _resolving(one, numbers),
        "warm_recall": lambda one: _recalling(one, users[:1]),
        "warm_recall_of_others": lambda one: _recalling(one, users),
        "cold_recall": lambda one: _recalling_anew(one, users[:1]),
        "cold_recall_of_others": lambda one: _recalling_anew(one, users),
        "exchange": lambda one: _exchanging(one, users[:1]),
        "exchange_of_others": lambda one: _exchanging(one, users),
    }
    found = {}
    with progress() as bar:
        task = bar.add_task("calling", total=len(kinds))
        for name, made in kinds.items():
            found[name] = _compared(address, {side: made(one) for side, one in sides.items()}, rounds)
            bar.advance(task)
    return found


def _resolving(formation: Formation, numbers: range) -> Callable[[], object]:
    store = formation.storage.for_formation(formation.id, formation.clock()).identity
    wanted = cycle([_identifier(_name(number)) for number in numbers])
    return lambda: store.owners(next(wanted))


def _recalling(formation: Formation, users: list[UserId]) -> Callable[[], object]:
    question, wanted = texts(1, seed="question", words=(5, 12))[0], cycle(users)
    vector = TableEmbeddings().now([question])[0]
    return lambda: formation.memories.search(next(wanted), question, vector, limit=10)


def _recalling_anew(formation: Formation, users: list[UserId]) -> Callable[[], object]:
    recall = _recalling(formation, users)

    def call() -> object:
        formation.memories.cache.clear()
        return recall()

    return call


def _exchanging(formation: Formation, users: list[UserId]) -> Callable[[], object]:
    model = TableEmbeddings()
    exchanges = _exchanges(formation, users, model)
    return lambda: formation.exchanges.save(next(exchanges), model.name)


def _exchanges(formation: Formation, users: list[UserId], model: TableEmbeddings) -> Iterator[Exchange]:
    sessions = {user: formation.sessions.enter(user, "benchmark") for user in users}
    for user in cycle(users):
        now, session = formation.clock(), sessions[user]
        asked = LoggedMessage(new_message_id(), "user", "I like tea, and rain.", "assistant", {})
        answer = LoggedMessage(new_message_id(), "assistant", "So do I.", "assistant", {})
        memory = said(asked, user, "", session.id, now, model.now([asked.text])[0])
        yield Exchange(session, user, (asked, answer), memory, now)


def _compared(address: str, of: dict[str, Callable[[], object]], rounds: int) -> dict[str, Any]:
    times: dict[str, list[float]] = {side: [] for side in SIDES}
    busy = dict.fromkeys(SIDES, 0.0)
    for side in SIDES:
        for _ in range(WARM_UP):
            of[side]()
    backends = _backends(address)
    for number in range(rounds):
        for side in SIDES if number % 2 else reversed(SIDES):
            before, start = _processor(backends), time.perf_counter()
            of[side]()
            times[side].append(time.perf_counter() - start)
            busy[side] += _processor(backends) - before
    return {
        "ratio": ratio(busy["with"], busy["without"]),
        # Of calls one after the other.
        "ratio_of_times": median(ratio(*pair) for pair in zip(times["with"], times["without"], strict=True)),
        "processor_ms": {side: round(1000 * seconds / rounds, 3) for side, seconds in busy.items()},
        **{side: spread(seconds) for side, seconds in times.items()},
    }


def _backends(address: str) -> list[Path]:
    """What Linux tells of the server's processes; none if it runs elsewhere."""
    with psycopg.connect(address) as conn:
        listed = conn.execute("SELECT pid FROM pg_stat_activity WHERE datname = current_database()").fetchall()
    return [path for (pid,) in listed if (path := Path(f"/proc/{pid}/schedstat")).exists()]


def _processor(backends: list[Path]) -> float:
    """Seconds of processor time of this thread and of the server."""
    return time.thread_time() + sum(int(path.read_text().split()[0]) for path in backends if path.exists()) / 1e9


if __name__ == "__main__":
    main()
