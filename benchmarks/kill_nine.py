"""Killed at random moments (-9), nothing that was answered is lost, and nothing is written twice.

    python benchmarks/kill_nine.py [--kills 50] [--exchanges 5000] [--databases sqlite postgres] [--seed 1]

One process after the other chats as twenty users, and reads behind the answers what they say about themselves, until
it is killed; the next one goes on where the last answer came from, and asks again what had none, with the same request
key. Users say new things, correct themselves, and repeat what they have said before. In the end it is looked whether
the log holds each exchange once and in order, each fact has been written as often as it was said, one value of what was
corrected holds, each memory is there once with its count, and each watermark stands at the last message.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from tempfile import gettempdir
from typing import Any

import psycopg
from databases import KINDS, database, settings_for
from made_up import InstantModel, TableEmbeddings
from report import emit, progress, say
from rich.progress import Progress, TaskID

from muxi.core.chat import reply as recipe
from muxi.core.chat.types import Turn
from muxi.core.formation import Formation
from muxi.ids import UserId

USERS = 20
#: A process lives at most this much longer than the exchange at which it is to die, in seconds.
LINGERS_S = 0.01
SETTLED_S = 300.0
#: Of ten things that a user says one is a correction, and one was said before.
CORRECTS, REPEATS, BACK = 4, 9, 6
_READY = "ready"


def main() -> None:
    """Reads the arguments, measures, prints."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--exchanges", type=int, default=5000)
    parser.add_argument("--databases", nargs="+", choices=KINDS, default=list(KINDS))
    parser.add_argument("--seed", type=int, default=1, help="of the moments")
    parser.add_argument("--talk", nargs=3, metavar=("ADDRESS", "FIRST", "LAST"), help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.talk:
        address, first, last = chosen.talk
        asyncio.run(talk(address, int(first), int(last)))
        return
    results = {kind: measured(kind, chosen.kills, chosen.exchanges, chosen.seed) for kind in chosen.databases}
    emit({"targets": targets(results, chosen.kills, chosen.exchanges), "seed": chosen.seed, **results})


def measured(kind: str, kills: int, exchanges: int, seed: int) -> dict[str, Any]:
    """What a database holds after so many kills in a run of so many exchanges."""
    chance = random.Random(f"{kind} {seed}")
    moments = sorted(chance.sample(range(exchanges), kills))
    began = time.perf_counter()
    told: dict[str, Any] = {"kills": 0, "kills_while_reading": 0, "unanswered": 0}
    with database(kind) as address:
        with progress() as bar:
            task = bar.add_task(f"{kind}: exchanges", total=exchanges)
            first = 0
            while first < exchanges:
                dies_at = next((moment for moment in moments if moment >= first), None)
                last, killed = _talked(address, first, exchanges, dies_at, chance.uniform(0, LINGERS_S), (bar, task))
                told["kills"] += killed
                told["kills_while_reading"] += killed and _claimed(address) > 0
                told["unanswered"] += killed and _stored(address) > last + 1
                first = last + 1
        say(f"{kind}: reading what waits ...")
        formation = _opened(address)
        try:
            told |= {"settled": _settled(formation), **faults(formation, address, exchanges)}
        finally:
            formation.close()
    return {**told, "seconds": round(time.perf_counter() - began)}


def said(number: int) -> tuple[int, str]:
    """Who says what in the exchange of a number."""
    user, turn = number % USERS, number // USERS
    if turn % 10 == CORRECTS:
        return user, f"My budget is ${1000 + turn:,}"
    return user, f"I like {liked(user, turn)}"


def liked(user: int, turn: int) -> str:
    """What a user likes in a turn; in one of ten it is what they have liked before."""
    return f"word{turn - BACK if turn % 10 == REPEATS else turn}of{user}"


async def talk(address: str, first: int, last: int) -> None:
    """Chats, and says the number of each exchange whose answer has come."""
    formation = _opened(address)
    sys.stdout.write(f"{_READY}\n")
    for number in range(first, last):
        user, text = said(number)
        await recipe.reply(formation, Turn(text, _name(user), request_key=f"exchange {number}"))
        sys.stdout.write(f"{number}\n")
        sys.stdout.flush()
    formation.close()


def faults(formation: Formation, address: str, exchanges: int) -> dict[str, Any]:
    """What is lost, doubled, out of order or wrong, and how much was looked at."""
    found: Counter[str] = Counter()
    expected: dict[int, list[str]] = {user: [] for user in range(USERS)}
    for number in range(exchanges):
        user, text = said(number)
        expected[user].append(text)
    for user, texts in expected.items():
        user_id = formation.identities.resolve(_name(user)).id
        found += _of_log(_logged(address, user_id), texts) + _of_context(formation, user_id, texts)
        found += _of_memories(formation, user_id, texts)
    found["wrong_watermarks"] += _count(address, "SELECT count(*) FROM extractions WHERE watermark <> said")
    found["wrong_watermarks"] += _count(address, f"SELECT {USERS} - count(*) FROM extractions WHERE said > 0")
    found["dead_letters"] += _count(address, "SELECT count(*) FROM extraction_failures")
    names = ("lost_exchanges", "doubled_exchanges", "out_of_order", "lost_facts", "doubled_facts", "wrong_memories")
    return {name: found[name] for name in (*names, "wrong_watermarks", "dead_letters")}


def targets(results: dict[str, dict[str, Any]], kills: int, exchanges: int) -> dict[str, Any]:
    """Whether nothing is lost and nothing is double."""
    told: dict[str, Any] = {"exchanges": exchanges, "kills": kills}
    for kind, one in results.items():
        wrong = {name: one[name] for name in list(one) if name.startswith(("lost", "doubled", "out_of", "wrong"))}
        told[kind] = {
            **wrong,
            "met": one["kills"] >= kills and one["settled"] and not any(wrong.values()) and not one["dead_letters"],
        }
    return told


def _talked(
    address: str, first: int, last: int, dies_at: int | None, lingers_s: float, bar: tuple[Progress, TaskID]
) -> tuple[int, bool]:
    """Has a process chat, and kills it; the number of its last answer, and whether it was killed."""
    command = [sys.executable, __file__, "--talk", address, str(first), str(last)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        answered = first - 1
        for line in process.stdout:
            if line.strip() != _READY:
                answered = int(line)
                bar[0].update(bar[1], completed=answered + 1)
            if dies_at is not None and answered >= dies_at:
                time.sleep(lingers_s)
                process.kill()
                # What it had said before it died, but for a number that it did not finish.
                rest = process.stdout.read().splitlines(keepends=True)
                whole = [int(one) for one in rest if one.endswith("\n")]
                return max([answered, *whole]), process.wait() != 0
        if process.wait():
            raise SystemExit(f"The process that chats failed at exchange {answered + 1}.")
    return answered, False


def _opened(address: str) -> Formation:
    # Read at once, so that reading and answering are under way together when it dies.
    settings = settings_for(address, extraction_wait=0.0)
    return Formation.open(settings, Path(gettempdir()), chat_model=InstantModel(), embedding_model=TableEmbeddings())


def _settled(formation: Formation) -> bool:
    """Whether everything was read; what a killed process had claimed is free again after its lease."""
    ends = time.monotonic() + SETTLED_S
    while time.monotonic() < ends:
        formation.extraction.settled(5)
        if not formation.extraction.status().waiting:
            return formation.memories.settled(SETTLED_S)
        time.sleep(0.2)
    return False


def _of_log(logged: list[tuple[str, str]], texts: list[str]) -> Counter[str]:
    asked = [text for role, text in logged if role == "user"]
    counted = Counter(asked)
    counted.subtract(texts)
    answers = len([role for role, _ in logged if role == "assistant"])
    return Counter(
        lost_exchanges=-sum(count for count in counted.values() if count < 0) + max(0, len(texts) - answers),
        doubled_exchanges=sum(count for count in counted.values() if count > 0) + max(0, answers - len(texts)),
        out_of_order=int(asked != texts),
    )


def _of_context(formation: Formation, user_id: UserId, texts: list[str]) -> Counter[str]:
    """Each liking is one fact that was said as often as it was, and each budget one in the history."""
    liked = Counter(text.removeprefix("I like ") for text in texts if text.startswith("I like "))
    budgets = [text.removeprefix("My budget is ") for text in texts if text.startswith("My budget is ")]
    live = formation.context.facts(user_id)
    times: Counter[str] = Counter()
    for fact in live:
        if fact.path == "preferences.likes":
            times[str(fact.value)] += fact.times
    history: list[str] = []
    cursor = None
    while True:
        page = formation.context.history(user_id, "budget", cursor=cursor, limit=100)
        history += [str(fact.value) for fact in page.items for _ in range(fact.times)]
        cursor = page.next_cursor
        if cursor is None:
            break
    holds = [fact.value for fact in live if fact.path == "budget"]
    lost, doubled = liked - times, times - liked
    lost += Counter(budgets) - Counter(history)
    doubled += Counter(history) - Counter(budgets)
    return Counter(
        lost_facts=lost.total() + (holds != budgets[-1:]),
        doubled_facts=doubled.total() + len(live) - len({(fact.path, fact.value) for fact in live}),
    )


def _of_memories(formation: Formation, user_id: UserId, texts: list[str]) -> Counter[str]:
    """One memory of each thing that was said and holds, with its count."""
    budgets = [text for text in texts if text.startswith("My budget is ")]
    expected = Counter(text for text in texts if text not in budgets[:-1])
    held: Counter[str] = Counter()
    cursor, rows = None, 0
    while True:
        page = formation.memories.newest(user_id, cursor=cursor, limit=100)
        for memory in page.items:
            held[memory.text] += memory.times
            rows += 1
        cursor = page.next_cursor
        if cursor is None:
            break
    wrong = (expected - held).total() + (held - expected).total() + rows - len(held)
    return Counter(wrong_memories=wrong)


def _logged(address: str, user_id: UserId) -> list[tuple[str, str]]:
    rows = _rows(address, f"SELECT role, text FROM messages WHERE user_id = '{user_id}' ORDER BY session_id, seq")
    return [(str(role), str(text)) for role, text in rows]


def _claimed(address: str) -> int:
    return _count(address, "SELECT count(*) FROM extractions WHERE leased_by <> ''")


def _stored(address: str) -> int:
    return _count(address, "SELECT count(*) FROM messages WHERE role = 'user'")


def _count(address: str, query: str) -> int:
    return int(_rows(address, query)[0][0])


def _rows(address: str, query: str) -> list[tuple[Any, ...]]:
    if address.startswith("postgres"):
        with psycopg.connect(address) as conn:
            return conn.execute(query.encode()).fetchall()
    lite = sqlite3.connect(address)
    try:
        return lite.execute(query).fetchall()
    finally:
        lite.close()


def _name(user: int) -> str:
    return f"user{user}@example.com"


if __name__ == "__main__":
    main()
