"""The systems that we measure ourselves against, each in a virtual environment of its own beside this file.

They are made at the first use and kept; remove ``benchmarks/.venv-*`` to make them anew. A peer's part of a benchmark
is a script that its own interpreter runs and that prints one JSON document as its last line.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import report

HERE = Path(__file__).parent

#: The distributions of each peer, pinned, so that figures of two days can be compared.
PEERS: dict[str, tuple[str, ...]] = {
    "langgraph": ("langgraph==1.2.22", "langgraph-checkpoint==4.3.2", "numpy==2.4.6"),
    "langgraph-postgres": (
        "langgraph-checkpoint-postgres==3.2.0",
        "langgraph-checkpoint==4.3.2",
        "psycopg[binary]==3.3.9",
        "numpy==2.4.6",
    ),
    "mem0": ("mem0ai==2.2.1", "qdrant-client==1.20.0", "numpy==2.4.6"),
    "muxi-runtime": ("--no-deps", "-r", str(HERE / "muxi_runtime.txt")),
}


def python_of(peer: str) -> Path:
    """The interpreter of a peer's environment, which is made if it is not there (or is of another version).

    Raises:
        subprocess.CalledProcessError: a distribution could not be installed.
    """
    folder = HERE / f".venv-{peer}"
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    made, wanted = folder / "made-of.txt", "\n".join(PEERS[peer])
    if made.exists() and made.read_text(encoding="utf-8") == wanted:
        return python
    report.say(f"Making the environment of {peer} (once) ...")
    _run([sys.executable, "-m", "venv", "--clear", str(folder)])
    _install(python, PEERS[peer])
    made.write_text(wanted, encoding="utf-8")
    return python


def run(peer: str, script: Path | str, *arguments: str, env: dict[str, str] | None = None) -> Any:
    """What a script prints as its last line, read as JSON; its stderr goes to ours.

    Args:
        peer: whose interpreter runs it.
        script: its path, or its name in this folder.
        arguments: handed on.
        env: added to the environment.

    Raises:
        subprocess.CalledProcessError: it failed.
    """
    command = [str(python_of(peer)), str(HERE / script), *arguments]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env={**_environment(), **(env or {})})
    return json.loads(done.stdout.strip().splitlines()[-1])


def _environment() -> dict[str, str]:
    """Ours, but without the paths of our own packages."""
    return {name: value for name, value in os.environ.items() if name not in {"PYTHONPATH", "VIRTUAL_ENV"}}


def _install(python: Path, distributions: tuple[str, ...]) -> None:
    """With uv, which is quick, where there is one and it can; else with pip."""
    beside = Path(sys.executable).with_name("uv")
    uv = str(beside) if beside.exists() else shutil.which("uv")
    if uv:
        command = [uv, "pip", "install", "--quiet", "--python", str(python), *distributions]
        if not subprocess.run(command, check=False, env=_environment()).returncode:
            return
    _run([str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *distributions])


def _run(command: list[str]) -> None:
    subprocess.run(command, check=True, env=_environment())
