"""``muxi users import``, as a person runs it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.acceptance.test_cli_users import Where, where

__all__ = ["where"]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Three users, of whom one shares an address with another."""
    path = tmp_path / "users.csv"
    path.write_text("user,identifier,type\ncrm-1,ada@x.org,\ncrm-1,U1,slack\ncrm-2,ada@x.org,\n,bob@x.org,\n")
    return path


def test_a_dry_run_and_then_the_import(where: Where, file: Path, tmp_path: Path) -> None:
    """The dry run tells the same numbers and leaves nobody; the import links, and its audit names who did it."""
    dry = where.read("users", "import", file, "--dry-run")
    assert where.muxi("users", "show", "ada@x.org").returncode == 1
    conflicts = tmp_path / "conflicts.jsonl"
    done = where.read("users", "import", file, "--conflicts", conflicts)
    assert (dry["dry_run"], done["dry_run"]) == (True, False)
    for name, value in {"groups": 4, "linked": 4, "users_made": 2, "unchanged": 1, "conflict_count": 1}.items():
        assert dry[name] == done[name] == value
    (told,) = map(json.loads, conflicts.read_text().splitlines())
    assert (told["place"], told["code"], told["identifiers"]) == (4, "identifier_conflict", ["ada@x.org"])
    shown = where.read("users", "identifiers", "internal:crm-1")
    assert [one["identifier"] for one in shown] == ["crm-1", "ada@x.org", "U1"]
    (record,) = where.read("audit", "--user", "ada@x.org")["records"]
    assert (record["action"], record["actor"]) == ("identifiers.imported", where.actor)
    again = where.read("users", "import", file)
    assert (again["linked"], again["unchanged"], again["resumed_after"]) == (0, 5, 0)


def test_json_lines(where: Where, tmp_path: Path) -> None:
    """A user's identifiers may stand on one line."""
    file = tmp_path / "users.jsonl"
    file.write_text('{"user": "crm-1", "identifiers": ["ada@x.org", ["U1", "slack"]]}\n')
    assert where.read("users", "import", file)["linked"] == 3


def test_for_a_person(where: Where, file: Path) -> None:
    """The conflicts are a table of lines, and the last line sums up."""
    run = where.muxi("users", "import", file)
    assert run.returncode == 0
    assert "identifier_conflict" in run.stdout and "│ 4 " in run.stdout
    assert "Linked 4 identifiers; 2 users made, 1 identifiers unchanged, 1 conflicts." in run.stdout


def test_a_wrong_line(where: Where, file: Path) -> None:
    """It is named, and nothing of the file is linked."""
    file.write_text(file.read_text() + ",undefined,\n")
    run = where.muxi("users", "import", file, "--json")
    problem = json.loads(run.stdout)
    assert (run.returncode, problem["code"], problem["lines"][0]["line"]) == (1, "invalid_import", 6)
    assert where.muxi("users", "show", "bob@x.org").returncode == 1


@pytest.mark.parametrize(
    ("name", "content"), [("users.csv", b""), ("users.jsonl", b""), ("users.txt", b"x"), ("", None)]
)
def test_files_that_say_nothing(where: Where, tmp_path: Path, name: str, content: bytes | None) -> None:
    """An empty file, one whose name tells no format, and a folder are errors, not imports of nobody."""
    if content is not None:
        (tmp_path / name).write_bytes(content)
    run = where.muxi("users", "import", tmp_path / name)
    assert (run.returncode, run.stdout) == (1, "") and run.stderr.endswith("(invalid_import)\n")
