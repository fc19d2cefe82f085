"""A MongoDB wire server for tests: a process of its own on a real port, alone, without a replica set."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
import uuid
from pathlib import Path
from typing import Self

from pymongo import MongoClient

from muxi.storage.mongo.memory import Members
from muxi.storage.open import FormationStores

START_SECONDS = 60.0


class MongoServer:
    """The server; a context manager. It can be killed and started again on the same port, with what it stored.

    Args:
        folder: where its files are.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self._port = free.getsockname()[1]
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def uri(self) -> str:
        """Where it listens."""
        return f"mongodb://127.0.0.1:{self._port}"

    def start(self) -> None:
        """Starts it, and waits until it answers."""
        command = [sys.executable, "-m", "secantus", "--port", str(self._port), "--storage-path", str(self._folder)]
        told = [*command, "--standalone", "--cache-size", "128M", "--log-level", "ERROR"]
        self._process = subprocess.Popen(told, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        until = time.monotonic() + START_SECONDS
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > until:
                raise RuntimeError("the MongoDB server for tests did not start")
            time.sleep(0.05)

    def kill(self) -> None:
        """Ends it at once, whatever it is doing."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def _answers(self) -> bool:
        with socket.socket() as probe:
            probe.settimeout(1)
            return probe.connect_ex(("127.0.0.1", self._port)) == 0

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.kill()


def new_name() -> str:
    """The name of a database that nobody has."""
    return f"muxi_{uuid.uuid4().hex[:12]}"


def drop(uri: str, name: str) -> None:
    """Drops a database."""
    with MongoClient[dict[str, object]](uri) as client:
        client.drop_database(name)


def members_in(stores: FormationStores) -> Members:
    """Whom a canonical user is made of, as the formation's own database knows."""
    return lambda user_id: [one for one in stores.memory.versions(user_id) if one is not None]
