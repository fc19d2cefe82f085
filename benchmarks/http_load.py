"""`POST /v1/chat` under load: a real server process with one worker, 50 clients at once, on SQLite and on Postgres.

The model is `quote`, which answers at once. Before the clock starts every message of the pool is said once, so that the
server has their embeddings at hand: making one takes some 8 ms of a core, whoever makes it, and is measured apart.
The load generator is one process with raw streams and connections that stay open; it runs on the same machine.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import databases
import report

CLIENT_KEY = "benchmark-client-key"
KEYS = {"MUXI_CLIENT_KEY": CLIENT_KEY, "MUXI_ADMIN_KEY": "benchmark-admin-key"}
TARGET_TURNS_PER_S = 250
THINGS = ("budget", "deadline", "office", "manager", "favourite tea", "next trip", "printer", "laptop")
SAID = ("My {} is settled now.", "I have a question about the {}.", "Please remember the {}.", "What was my {}?")
POOL = [said.format(thing) for said in SAID for thing in THINGS]
START_TIMEOUT_S = 60.0


@dataclass(slots=True)
class Seen:
    """What the clients saw: seconds of each turn that was answered, and what went wrong how often."""

    seconds: list[float] = field(default_factory=list)
    errors: Counter[str] = field(default_factory=Counter)


@contextmanager
def server(address: str) -> Iterator[tuple[str, int]]:
    """A server of its own process on a database, one worker: its URL and its process id."""
    with tempfile.TemporaryDirectory() as data_dir:
        options = ["--port", "0", "--data-dir", data_dir]
        options += ["--database-url", address] if address.startswith("postgres") else []
        command = [sys.executable, "-m", "muxi", "serve", *options]
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env={**os.environ, **KEYS}
        )
        try:
            yield _url(process), process.pid
        finally:
            process.terminate()
            process.wait(START_TIMEOUT_S)


def _url(process: subprocess.Popen[str]) -> str:
    for line in process.stdout or ():
        if found := re.search(r"http://[\w.]+:\d+", line):
            return found[0]
    raise RuntimeError(f"The server ended with {process.wait()} before it listened.")


def cpu_seconds(process_id: int) -> float:
    """Processor time that a process has used; 0 where the system has no /proc."""
    stat = Path(f"/proc/{process_id}/stat")
    if not stat.exists():
        return 0.0
    fields = stat.read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def clients(url: str, count: int, seconds: float) -> Seen:
    """Clients that each say one thing after the other for some seconds, each as a user of its own."""
    seen = Seen()
    end = time.perf_counter() + seconds
    await asyncio.gather(*(_client(url, number, end, seen) for number in range(count)))
    return seen


async def _client(url: str, number: int, end: float, seen: Seen) -> None:
    place = urlsplit(url)
    requests = [_request(place.netloc, f"person{number}@company.com", message) for message in POOL]
    reader, writer = await asyncio.open_connection(place.hostname, place.port)
    turn = number
    while (start := time.perf_counter()) < end:
        writer.write(requests[turn % len(requests)])
        status, body = await _answer(reader)
        if status == 200:
            seen.seconds.append(time.perf_counter() - start)
        else:
            seen.errors[f"{status} {body[:200].decode(errors='replace')}"] += 1
        turn += 1
    writer.close()


def _request(host: str, user: str, message: str) -> bytes:
    body = json.dumps({"message": message}).encode()
    head = (
        f"POST /v1/chat HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        f"X-Muxi-Client-Key: {CLIENT_KEY}\r\nX-Muxi-User-Id: {user}\r\n\r\n"
    )
    return head.encode() + body


async def _answer(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    head = await reader.readuntil(b"\r\n\r\n")
    length = re.search(rb"(?i)content-length: *(\d+)", head)
    body = await reader.readexactly(int(length[1])) if length else b""
    return int(head[9:12]), body


def measure(kind: str, arguments: argparse.Namespace) -> dict[str, Any]:
    """The load on one kind of database."""
    with databases.database(kind) as address, server(address) as (url, process_id):
        report.say(f"{kind}: the server is at {url}, process {process_id}; warming up")
        asyncio.run(clients(url, 1, 0.1))
        warm = asyncio.run(clients(url, arguments.clients, arguments.warm_up))
        start, busy, server_busy = time.perf_counter(), time.process_time(), cpu_seconds(process_id)
        seen = asyncio.run(clients(url, arguments.clients, arguments.seconds))
        seconds, busy = time.perf_counter() - start, time.process_time() - busy
        server_busy = cpu_seconds(process_id) - server_busy
    turns_per_s = report.median([len(seen.seconds) / seconds])
    errors = seen.errors + warm.errors
    return {
        "turns_per_second": turns_per_s,
        "at_least": TARGET_TURNS_PER_S,
        "met": turns_per_s >= TARGET_TURNS_PER_S and not errors,
        "turn": report.spread(seen.seconds),
        "errors": dict(errors),
        # Of the server's own process: depends less than the rest on what else the machine is doing.
        "server_cpu_ms_a_turn": report.median([1000 * server_busy / max(len(seen.seconds), 1)]),
        "load_generator_cores": report.median([busy / seconds]),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--warm-up", type=float, default=5.0, help="seconds that are not counted")
    parser.add_argument("--clients", type=int, default=50)
    parser.add_argument("--kind", choices=databases.KINDS, action="append", help="both if not given")
    arguments = parser.parse_args()
    report.emit({kind: measure(kind, arguments) for kind in arguments.kind or databases.KINDS})


if __name__ == "__main__":
    main()
