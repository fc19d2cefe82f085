"""``muxi users import``, as a person runs it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from muxi.cli.app import app
from muxi.errors import InvalidImportError


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Three users, of whom one shares an address with another."""
    path = tmp_path / "users.csv"
    path.write_text("user,identifier,type\ncrm-1,ada@x.org,\ncrm-1,U1,slack\ncrm-2,ada@x.org,\n,bob@x.org,\n")
    return path


@pytest.fixture
def muxi(tmp_path: Path) -> Any:
    """Runs a command on one store."""

    def run(*arguments: str | Path) -> Result:
        return CliRunner().invoke(app, [*map(str, arguments), "--data-dir", str(tmp_path / "data")])

    return run


def read(run: Result) -> Any:
    assert run.exit_code == 0, run.output
    return json.loads(run.stdout)


def test_a_dry_run_and_then_the_import(muxi: Any, file: Path, tmp_path: Path) -> None:
    """The dry run tells the same numbers and leaves nobody; the import links, and its audit names the command line."""
    dry = read(muxi("users", "import", file, "--dry-run", "--json"))
    assert muxi("users", "show", "ada@x.org").exit_code == 1
    conflicts = tmp_path / "conflicts.jsonl"
    done = read(muxi("users", "import", file, "--conflicts", conflicts, "--json"))
    assert (dry["dry_run"], done["dry_run"]) == (True, False)
    for name, value in {"groups": 4, "linked": 4, "users_made": 2, "unchanged": 1, "conflict_count": 1}.items():
        assert dry[name] == done[name] == value
    (told,) = map(json.loads, conflicts.read_text().splitlines())
    assert (told["place"], told["code"], told["identifiers"]) == (4, "identifier_conflict", ["ada@x.org"])
    shown = read(muxi("users", "identifiers", "internal:crm-1", "--json"))
    assert [one["identifier"] for one in shown] == ["crm-1", "ada@x.org", "U1"]
    (record,) = read(muxi("audit", "--user", "ada@x.org", "--json"))["records"]
    assert (record["action"], record["actor"]) == ("identifiers.imported", "command line")


def test_for_a_person(muxi: Any, file: Path) -> None:
    """The conflicts are a table of lines, and the last line sums up."""
    run = muxi("users", "import", file)
    assert run.exit_code == 0
    assert "identifier_conflict" in run.stdout and "│ 4 " in run.stdout
    assert "Linked 4 identifiers; 2 users made, 1 identifiers unchanged, 1 conflicts." in run.stdout


def test_a_wrong_line(muxi: Any, file: Path) -> None:
    """It is named, and nothing of the file is linked."""
    file.write_text(file.read_text() + ",undefined,\n")
    run = muxi("users", "import", file)
    assert isinstance(run.exception, InvalidImportError)
    assert run.exception.details["lines"][0]["line"] == 6
    assert muxi("users", "show", "bob@x.org").exit_code == 1
