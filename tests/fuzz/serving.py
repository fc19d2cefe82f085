"""The real server in a process of its own, of three formations on one database: `python -m tests.fuzz.serving`.

It is `muxi serve` in everything but where vectors come from: a hundred thousand texts would take the real model a
quarter of an hour, and no wall stands there.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import uvicorn

from muxi.core.credentials.envelope import new_master_key
from muxi.core.formation import Formation
from muxi.core.keys_file import open_keys
from muxi.server.app import create_app
from muxi.server.logs import set_up_logs
from muxi.server.run import listening_socket, server_config
from muxi.settings import FormationSettings
from tests.support.identity_provider import AUDIENCE, ISSUER
from tests.support.vectors import WordVectors

STOP_S = 30.0


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be served.

    Attributes:
        database: a Postgres address, or the path of a SQLite file.
        keys: the client and the admin key of each formation, by its id; the first is the server's own.
        agents: the name of each formation's second agent, a word of its own.
        jwks: with which identity tokens are checked.
    """

    database: str
    keys: dict[str, tuple[str, str]]
    agents: dict[str, str]
    jwks: dict[str, Any]

    def settings(self, formation_id: str, master_key: str) -> FormationSettings:
        client, admin = self.keys[formation_id]
        provider = "postgres" if self.database.startswith("postgres") else "sqlite"
        return FormationSettings.model_validate(
            {
                "id": formation_id,
                "keys": {"client_key": client, "admin_key": admin},
                "memory": {
                    "persistent": {"provider": provider, "connection_string": self.database},
                    "extraction": {"wait": 0.0},
                },
                "agents": [
                    {"id": "assistant", "default": True},
                    {"id": self.agents[formation_id], "system_message": f"Be {self.agents[formation_id]}."},
                ],
                "identity": {"oidc": [{"issuer": ISSUER, "audience": AUDIENCE, "jwks": self.jwks}]},
                "credentials": {"master_key": master_key},
                "server": {"metrics": True},
            }
        )


@contextmanager
def serving(wanted: Wanted, folder: Path) -> Iterator[str]:
    """A server until the block ends: its address without a slash at the end. What it logs is in ``server.log``."""
    (folder / "wanted.json").write_text(json.dumps(asdict(wanted)), encoding="utf-8")
    with (folder / "server.log").open("wb") as log:
        command = [sys.executable, "-m", "tests.fuzz.serving", str(folder)]
        root = Path(__file__).parents[2]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(root / "src"), str(root)])}
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True, cwd=root, env=environment)
    try:
        line = process.stdout.readline() if process.stdout else ""
        found = re.match(r"http://\S+", line)
        if found is None:
            raise RuntimeError(f"The server did not start: {(folder / 'server.log').read_text()[-2000:]}")
        yield found[0]
    finally:
        process.terminate()
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(STOP_S)
        if process.stdout:
            process.stdout.close()


def main(folder: Path) -> None:
    """Serves until it is told to stop."""

    set_up_logs()
    wanted = Wanted(**json.loads((folder / "wanted.json").read_text(encoding="utf-8")))
    master_key = new_master_key()
    settings = [wanted.settings(one, master_key) for one in wanted.keys]
    listening = listening_socket("127.0.0.1", 0)
    keys = open_keys(settings, folder)
    formations = {one.id: Formation.open(one, folder, embedding_model=WordVectors()) for one in settings}
    app = create_app(formations, settings[0].id, keys, {one.id: one.server for one in settings})
    sys.stdout.write(f"http://127.0.0.1:{listening.getsockname()[1]}\n")
    sys.stdout.flush()
    uvicorn.Server(server_config(app, 1)).run([listening])


if __name__ == "__main__":
    main(Path(sys.argv[1]))
