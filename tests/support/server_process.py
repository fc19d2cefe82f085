"""A real muxi server in a process of its own.

::

    with ServerProcess(tmp_path) as server:
        httpx.get(server.url + "/ready")

The tests of the SDK, of acceptance and the benchmarks start theirs here.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self

import httpx

SOURCES = Path(__file__).parents[2] / "src"
CLIENT_KEY = "test-client-key-0123456789"
ADMIN_KEY = "test-admin-key-0123456789"
START_SECONDS = 60.0
STOP_SECONDS = 20.0


class ServerProcess:
    """``muxi serve`` on a free port of this machine; a context manager that waits until it is ready.

    Args:
        data_dir: where its files are; made if missing. Start another one on the same folder to restart.
        database_url: a Postgres address; SQLite in ``data_dir`` if not told.
        configs: the texts of formation.yaml files; the first is the server's own formation.
        workers: processes.
        env: more environment variables; an empty value takes a variable away.

    Attributes:
        url: without a slash at the end.
        client_key, admin_key: of the first formation.
        process: the server; `kill` ends it at once.
        log: what it has written so far goes to this file.
    """

    client_key = CLIENT_KEY
    admin_key = ADMIN_KEY

    def __init__(
        self,
        data_dir: Path,
        *,
        database_url: str | None = None,
        configs: Sequence[str] = (),
        workers: int = 1,
        env: Mapping[str, str] | None = None,
    ) -> None:
        self.data_dir = data_dir
        self.log = data_dir / "server.log"
        self._database_url = database_url
        self._configs = configs
        self._workers = workers
        self._env = dict(env or {})
        self._port = _free_port()
        self.url = f"http://127.0.0.1:{self._port}"

    def __enter__(self) -> Self:
        self.data_dir.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(self._command(), stdout=log, stderr=log, env=self._environment())
        try:
            self._wait_until_ready()
        except BaseException:
            self.kill()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> int:
        """Asks the server to stop, waits, and returns its exit status."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
            raise

    def kill(self) -> None:
        """Ends the server at once, as a crash would."""
        self.process.kill()
        self.process.wait(STOP_SECONDS)

    def headers(self, user: str | None = None, type: str | None = None) -> dict[str, bytes]:
        """The headers of a request with the client key, for a user."""
        named = {"X-Muxi-Client-Key": self.client_key, "X-Muxi-User-Id": user, "X-Muxi-User-Id-Type": type}
        return {name: value.encode() for name, value in named.items() if value is not None}

    def _command(self) -> list[str]:
        command = [sys.executable, "-m", "muxi", "serve", "--host", "127.0.0.1", "--port", str(self._port)]
        command += ["--data-dir", str(self.data_dir), "--workers", str(self._workers)]
        if self._database_url:
            command += ["--database-url", self._database_url]
        for number, text in enumerate(self._configs):
            path = self.data_dir / f"formation-{number}.yaml"
            path.write_text(text, encoding="utf-8")
            command += ["--config", str(path)]
        return command

    def _environment(self) -> dict[str, str]:
        # From the sources if the tests are: an installed package is found without.
        paths = [str(SOURCES)] if SOURCES.is_dir() and str(SOURCES) in sys.path else []
        paths += [path for path in (os.environ.get("PYTHONPATH"),) if path]
        keys = {"MUXI_CLIENT_KEY": self.client_key, "MUXI_ADMIN_KEY": self.admin_key}
        whole = {**os.environ, **keys, "PYTHONPATH": os.pathsep.join(paths), **self._env}
        return {name: value for name, value in whole.items() if value}

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise RuntimeError(f"The server ended with {self.process.returncode}:\n{self._written()}")
            try:
                if httpx.get(f"{self.url}/ready", trust_env=False).status_code == httpx.codes.OK:
                    return
            except httpx.TransportError:
                pass
            time.sleep(0.05)
        raise RuntimeError(f"The server was not ready in {START_SECONDS:g} s:\n{self._written()}")

    def _written(self) -> str:
        return self.log.read_text(encoding="utf-8", errors="replace")[-4000:]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
