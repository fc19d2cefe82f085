"""Remembering one exchange (what a user said, and the answer), beside mem0 and LangGraph's PostgresStore.

    python benchmarks/remember.py [--exchanges 400] [--ours-only]

All get the same texts of twenty users and the same vectors, made beforehand: mem0 both messages in one call without a
model (`infer=False`, local Qdrant), LangGraph's store one `put` on the Postgres that ours is on, too. Ours stores the
log of the conversation (both messages) and the memory with its vector, in one transaction, and queues it to be read.
They are measured in turns, twenty exchanges each, so that a busy machine slows all alike. What is done behind the
answers is not part of it, and told beside it: reading what users say about themselves, and the vectors of windows.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir
from typing import Any

import numpy as np
import peers
from databases import database, settings_for
from made_up import InstantModel, TableEmbeddings, texts
from numpy.typing import NDArray
from remember_handed import Said, timed, write
from report import emit, progress, ratio, say, spread

from muxi.core.chat.reply import said as remembered
from muxi.core.chat.types import Exchange, LoggedMessage, Saved
from muxi.core.formation import Formation
from muxi.core.sessions.types import ASSISTANT, USER, Session
from muxi.ids import UserId, new_message_id

#: How many times as quick as each peer it has to be.
TIMES = {"mem0": 10.0, "langgraph": 1.0}
USERS, BLOCK, WARM_UP = 20, 20, 2
SETTLED_S = 600.0

Block = Callable[[int], list[float]]


def main() -> None:
    """Reads the arguments, measures, prints."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--exchanges", type=int, default=400, help="of each")
    parser.add_argument("--ours-only", action="store_true")
    chosen = parser.parse_args()
    exchanges = _exchanges(chosen.exchanges + WARM_UP * BLOCK)
    model = TableEmbeddings()
    said, answers = (
        model.now([one.text for one in exchanges]),
        model.now([one.answer for one in exchanges]),
    )
    with ExitStack() as stack:
        sqlite, postgres = (stack.enter_context(database(kind)) for kind in ("sqlite", "postgres"))
        ours = {
            kind: stack.enter_context(_ours(address, exchanges, said))
            for kind, address in (("sqlite", sqlite), ("postgres", postgres))
        }
        remember: dict[str, Block] = {kind: one.block for kind, one in ours.items()}
        if not chosen.ours_only:
            folder = Path(stack.enter_context(TemporaryDirectory()))
            write(folder, exchanges, np.concatenate([said, answers]))
            remember["mem0"] = stack.enter_context(_peer("mem0", "remember_mem0.py", str(folder)))
            remember["langgraph"] = stack.enter_context(
                _peer("langgraph-postgres", "remember_langgraph.py", str(folder), postgres)
            )
        times = _in_turns(remember, chosen.exchanges)
        behind = {kind: one.behind_ms() for kind, one in ours.items()}
    found = {name: {"remember_ms": spread(taken)} for name, taken in times.items()}
    for kind, one in behind.items():
        found[kind]["behind_the_answer_cpu_ms"] = one
    emit({"targets": targets(found), "exchanges": chosen.exchanges, **found, "versions": _versions(found)})


def targets(found: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """How many times as quick as each peer, and whether that is enough."""
    p50 = {name: one["remember_ms"]["p50"] for name, one in found.items()}
    told: dict[str, Any] = {}
    for peer, times in TIMES.items():
        if peer in p50:
            # A store on a server is compared with ours on that server, one in files with ours in a file.
            like = "postgres" if peer == "langgraph" else "sqlite"
            ratios = {f"times_as_quick_on_{kind}": ratio(p50[peer], p50[kind]) for kind in ("sqlite", "postgres")}
            told[peer] = {"limit": times, **ratios, "met": ratios[f"times_as_quick_on_{like}"] >= times}
    return told


class _Ours:
    """A formation that remembers.

    Args:
        formation: open.
        exchanges: in order.
        vectors: of what was said.
    """

    def __init__(self, formation: Formation, exchanges: list[Said], vectors: NDArray[np.float32]) -> None:
        self._formation = formation
        self._coming = iter(zip(exchanges, vectors, strict=True))
        self._sessions: dict[UserId, Session] = {}
        self._stored = 0
        for user in dict.fromkeys(one.user for one in exchanges):
            user_id = formation.identities.resolve(user).id
            self._sessions[user_id] = formation.sessions.open(user_id, "talk", 0)[0]

    def block(self, count: int) -> list[float]:
        """Seconds of each of so many more."""
        taken = []
        for said, vector in [next(self._coming) for _ in range(count)]:
            taken.append(timed(lambda one: self._remember(one, vector), said))  # noqa: B023 (called at once)
        self._stored += count
        return taken

    def behind_ms(self) -> float:
        """The CPU time of this process for what is done behind an answer, a piece."""
        began = time.process_time()
        self._formation.extraction.settled(SETTLED_S)
        self._formation.memories.embedder.wake()
        if not self._formation.memories.settled(SETTLED_S):
            raise SystemExit("What waits was not embedded.")
        return round((time.process_time() - began) / self._stored * 1e3, 2)

    def _remember(self, said: Said, vector: NDArray[np.float32]) -> None:
        """As a chat turn does at its end (`muxi.core.chat.reply`), but that nobody is woken to read it."""
        formation = self._formation
        user_id, now = formation.identities.resolve(said.user).id, formation.clock()
        session = self._sessions[user_id]
        asked = LoggedMessage(new_message_id(), USER, formation.keep(said.text), "assistant", {})
        answered = LoggedMessage(new_message_id(), ASSISTANT, formation.keep(said.answer), "assistant", {})
        memory = remembered(asked, user_id, "", session.id, now, vector)
        waiting = formation.extraction.waiting_tokens(user_id, asked.text)
        exchange = Exchange(session, user_id, (asked, answered), memory, now, None, waiting)
        saved = formation.exchanges.save(exchange, formation.memories.embedder.model.name)
        if isinstance(saved, Saved) and saved.memory:
            formation.memories.cache.written(saved.memory, saved.version)


@contextmanager
def _ours(address: str, exchanges: list[Said], vectors: NDArray[np.float32]) -> Iterator[_Ours]:
    formation = Formation.open(
        settings_for(address), Path(gettempdir()), chat_model=InstantModel(), embedding_model=TableEmbeddings()
    )
    try:
        yield _Ours(formation, exchanges, vectors)
    finally:
        formation.close()


@contextmanager
def _peer(peer: str, script: str, *arguments: str) -> Iterator[Block]:
    """A peer's part in its own process, which remembers when it is told to."""
    folder = Path(__file__).parent
    command = [str(peers.python_of(peer)), str(folder / script), *arguments]
    env = {name: value for name, value in os.environ.items() if name not in {"PYTHONPATH", "VIRTUAL_ENV"}}
    with TemporaryDirectory() as home:
        env |= {"MEM0_DIR": home, "MEM0_TELEMETRY": "False", "LANGSMITH_TRACING": "false"}
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=env) as process:
            stdin, stdout = process.stdin, process.stdout
            assert stdin
            assert stdout
            while stdout.readline() not in ("ready\n", ""):
                say(f"{peer}: starting ...")

            def block(count: int) -> list[float]:
                stdin.write(f"{count}\n")
                stdin.flush()
                line = stdout.readline()
                if not line:
                    raise SystemExit(f"{peer} has failed.")
                taken: list[float] = json.loads(line)
                return taken

            yield block
            stdin.close()


def _in_turns(remember: dict[str, Block], count: int) -> dict[str, list[float]]:
    times: dict[str, list[float]] = {name: [] for name in remember}
    with progress() as bar:
        task = bar.add_task("exchanges of each", total=count)
        for number in range(WARM_UP + count // BLOCK):
            for name in remember if number % 2 else reversed(remember):
                taken = remember[name](BLOCK)
                times[name] += taken if number >= WARM_UP else []
            bar.update(task, completed=max(0, number + 1 - WARM_UP) * BLOCK)
    return times


def _exchanges(count: int) -> list[Said]:
    """Each text once, so that each has its vector."""
    said, answered = texts(count, seed="said"), texts(count, seed="answered", words=(10, 40))
    return [
        Said(f"user-{place % USERS}", f"{text} {place}", f"{answer} to {place}")
        for place, (text, answer) in enumerate(zip(said, answered, strict=True))
    ]


def _versions(found: dict[str, dict[str, Any]]) -> dict[str, str]:
    named = {"mem0": "mem0", "langgraph": "langgraph-postgres"}
    return {name: peers.PEERS[peer][0] for name, peer in named.items() if name in found}


if __name__ == "__main__":
    main()
