"""``muxi import``, as a person runs it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from muxi.cli.app import app
from muxi.errors import InvalidImportError
from tests.contract.test_imports import MEM0, SAID, STORE, written


@pytest.fixture
def muxi(tmp_path: Path) -> Any:
    """Runs a command on one store."""

    def run(*arguments: str | Path) -> Result:
        return CliRunner().invoke(app, [*map(str, arguments), "--data-dir", str(tmp_path / "data")])

    return run


def read(run: Result) -> Any:
    assert run.exit_code == 0, run.output
    return json.loads(run.stdout)


def remembered(muxi: Any, who: str) -> list[str]:
    return sorted(one["text"] for one in read(muxi("memories", "list", "--as", who, "--json"))["memories"])


def test_mem0(muxi: Any, tmp_path: Path) -> None:
    """A dry run, the import, and again: the numbers, and what is remembered."""
    path = tmp_path / "mem0.json"
    # Without the one that ends early in 2026: the clock of a command is the real one.
    path.write_text(json.dumps({"results": [MEM0[0], *MEM0[2:]]}))
    dry = read(muxi("import", "mem0", path, "--dry-run", "--json"))
    assert (dry["memories"], dry["users_made"], dry["skipped"], dry["dry_run"]) == (2, 2, 1, True)
    assert muxi("users", "show", "ann@x.org").exit_code == 1
    done = read(muxi("import", "mem0", path, "--json"))
    assert (done["memories"], done["first_at"]) == (2, "2025-01-01T00:00:00+00:00")
    assert remembered(muxi, "ann@x.org") == ["Likes tea in the morning"]
    run = muxi("import", "mem0", path)
    assert "0 memories and 0 messages stored; 2 were here." in run.stdout and "unchanged" in run.stdout


def test_langgraph(muxi: Any, tmp_path: Path) -> None:
    """Who the user is has to be said; an address that is none is a typed error."""
    path = written(tmp_path / "store.jsonl", STORE)
    assert muxi("import", "langgraph", path).exit_code == 2
    assert read(muxi("import", "langgraph", path, "--user-at", "1", "--json"))["memories"] == 2
    assert remembered(muxi, "bob@x.org") == ["Plays the cello"]
    run = muxi("import", "langgraph", "postgresql://secret@127.0.0.1:1/x?connect_timeout=2", "--user-at", "1")
    assert run.exit_code == 1 and "secret" not in run.output + str(run.exception)


def test_jsonl(muxi: Any, tmp_path: Path) -> None:
    """Conversations, and a wrong line, which is named."""
    assert read(muxi("import", "jsonl", written(tmp_path / "chat.jsonl", SAID), "--json"))["messages"] == 6
    assert remembered(muxi, "slack:U1") == ["I like chess."]
    run = muxi("import", "jsonl", written(tmp_path / "bad.jsonl", [*SAID, {"role": "user"}]))
    assert isinstance(run.exception, InvalidImportError)
    assert run.exception.details["lines"][0]["line"] == len(SAID) + 1
