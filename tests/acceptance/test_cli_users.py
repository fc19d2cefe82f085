"""Users as things and proofs on the command line, on a store and through a server."""

from __future__ import annotations

import json
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest

from tests.acceptance.test_cli import muxi, read
from tests.support import command_line
from tests.support.thread_server import ThreadServer


@dataclass(frozen=True)
class Where:
    """A place that commands work on: options, and variables."""

    options: tuple[str | Path, ...]
    variables: dict[str, str]
    actor: str

    def read(self, *arguments: str | Path) -> Any:
        """What a command that works answers with ``--json``."""
        run = self.muxi(*arguments, "--json")
        assert (run.returncode, run.stderr) == (0, "")
        return json.loads(run.stdout)

    def muxi(self, *arguments: str | Path, says: str = "") -> CompletedProcess[str]:
        return command_line.run(*arguments, *self.options, says=says, **self.variables)


@pytest.fixture(params=["store", "server"])
def where(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Where]:
    """A store without a server, and a server."""
    if request.param == "store":
        yield Where(("--data-dir", tmp_path / "data"), {}, "command line")
        return
    with ThreadServer(tmp_path / "data") as server:
        yield Where((), {"MUXI_URL": server.url, "MUXI_ADMIN_KEY": "default-admin-key"}, "admin key")


def test_a_pipe_from_process_to_process(tmp_path: Path) -> None:
    """What one process exports, another one restores elsewhere, line by line."""
    here, there = ("--data-dir", tmp_path / "here"), ("--data-dir", tmp_path / "there")
    read("memories", "add", "Likes\u2028tea", "--as", "alice@email.com", *here)
    exported = muxi("users", "export", "alice@email.com", "--format", "jsonl", *here)
    assert (exported.returncode, exported.stderr) == (0, "")
    restored = muxi("users", "restore", "-", "--json", *there, says=exported.stdout)
    assert json.loads(restored.stdout)["counts"]["memories"] == 1
    found = read("memories", "list", "--as", "alice@email.com", *there)["memories"]
    assert [one["text"] for one in found] == ["Likes\u2028tea"]


def test_users_are_listed_shut_out_and_let_in(where: Where) -> None:
    """list finds by the beginning of an identifier, disable shuts out at once, show --details still sees them."""
    alice = where.read("link", "alice@email.com", "slack:U1", "--verified")["muxi_user_id"]
    bob = where.read("users", "resolve", "bob@email.com")["muxi_user_id"]
    assert [one["muxi_user_id"] for one in where.read("users", "list")["users"]] == [bob, alice]
    assert [one["muxi_user_id"] for one in where.read("users", "list", "ALICE@")["users"]] == [alice]
    page = where.read("users", "list", "--limit", "1")
    rest = where.read("users", "list", "--limit", "1", "--cursor", page["next_cursor"])
    assert ([one["muxi_user_id"] for one in rest["users"]], rest["next_cursor"]) == ([alice], None)
    table = where.muxi("users", "list").stdout
    assert all(shown in table for shown in (alice, bob, "alice@email.com", "U1"))

    assert where.muxi("users", "disable", "slack:U1").stdout.startswith(f"{alice} is disabled since ")
    assert where.muxi("memories", "list", "--as", "alice@email.com").stderr.endswith("(user_disabled)\n")
    assert [one["muxi_user_id"] for one in where.read("users", "list", "--disabled")["users"]] == [alice]
    details = where.read("users", "show", "alice@email.com", "--details")
    assert (details["holdings"]["identifiers"], details["merges"]) == (2, [])
    assert all(one["verified_at"] for one in details["identifiers"])
    assert "disabled since" in where.muxi("users", "show", alice, "--details").stdout
    assert where.muxi("users", "enable", "alice@email.com").stdout == f"{alice} is enabled.\n"
    actions = [one["action"] for one in where.read("audit", "--limit", "2")["records"]]
    assert actions == ["user.enabled", "user.disabled"]


@pytest.mark.parametrize("format", ["json", "jsonl"])
def test_a_user_goes_into_a_file_and_comes_back(where: Where, tmp_path: Path, format: str) -> None:
    """export writes a private file, erase asks, restore brings ids and memories back, from a file or a pipe."""
    alice = where.read("link", "alice@email.com", "slack:U1")["muxi_user_id"]
    stored = where.read("memories", "add", "Likes\u2028tea", "--as", "alice@email.com")
    file = tmp_path / f"alice.{format}"
    run = where.muxi("users", "export", "slack:U1", "--output", file, "--format", format)
    assert (run.returncode, run.stdout) == (0, f"Written to {file}, which only you can read.\n")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert list(tmp_path.glob("alice*")) == [file]
    text = file.read_text(encoding="utf-8")
    assert len(text.split("\n")) > 3 if format == "jsonl" else json.loads(text)["format"] == "muxi.user"

    kept = where.muxi("users", "erase", "alice@email.com", says="n\n")
    assert kept.returncode == 1 and kept.stderr.endswith("Nothing was erased.\n")
    assert where.read("users", "show", "alice@email.com")["muxi_user_id"] == alice
    gone = where.muxi("users", "erase", "alice@email.com", says="y\n")
    assert gone.returncode == 0 and "memories" in gone.stdout
    assert where.muxi("users", "show", alice).stderr.endswith("(user_not_found)\n")

    assert where.muxi("users", "restore", file).stdout.startswith(f"{alice} is back.\n")
    again = where.muxi("users", "restore", file)
    assert again.returncode == 1 and again.stderr.endswith("(conflict)\n")
    erased = where.read("users", "erase", "slack:U1", "--yes")
    assert (erased["muxi_user_id"], erased["counts"]["memories"]) == (alice, 1)
    piped = where.muxi("users", "restore", "-", "--json", says=text)
    assert json.loads(piped.stdout)["counts"]["memories"] == 1
    listed = where.read("memories", "list", "--as", "slack:U1")["memories"]
    assert [(one["memory_id"], one["text"]) for one in listed] == [(stored["memory_id"], "Likes\u2028tea")]
    receipt = where.read("audit", "--action", "user.erased", "--limit", "1")["records"][0]
    assert (receipt["seq"], receipt["actor"]) == (erased["receipt"], where.actor)


def test_files_that_are_no_exports(where: Where, tmp_path: Path) -> None:
    """No file, no text, no JSON and another document are one line each, and nobody is there afterwards."""
    file = tmp_path / "some.file"
    for content, code in ((None, "invalid_input"), (b"\xff\xfe", "invalid_import"), (b"{", "invalid_import"),
                          (b"[]", "invalid_import"), (b"{}", "invalid_import"), (b"", "invalid_import"),
                          (b'{"a": 1}\n{"b": 2}\n', "invalid_import")):  # fmt: skip
        if content is not None:
            file.write_bytes(content)
        run = where.muxi("users", "restore", file)
        assert (run.returncode, run.stdout) == (1, "")
        assert run.stderr.startswith("error: ") and run.stderr.endswith(f"({code})\n"), content
    assert where.read("users", "list")["users"] == []


def test_an_export_goes_to_standard_output(where: Where) -> None:
    """Without --output it can be piped; an unknown user leaves nothing there, and no file."""
    where.read("memories", "add", "Likes tea", "--as", "alice@email.com")
    run = where.muxi("users", "export", "alice@email.com")
    assert json.loads(run.stdout)["version"] == 1
    assert len(where.muxi("users", "export", "alice@email.com", "--format", "jsonl").stdout.splitlines()) > 3
    for more in ((), ("--output", "/nowhere/at/all.json")):
        run = where.muxi("users", "export", "nobody@email.com", *more)
        assert (run.returncode, run.stdout) == (1, "")


def test_erasing_as_json_does_not_ask(where: Where) -> None:
    """--json without --yes is wrong usage, and nothing is erased."""
    alice = where.read("users", "resolve", "alice@email.com")["muxi_user_id"]
    assert where.muxi("users", "erase", "alice@email.com", "--json").returncode == 2
    assert where.read("users", "show", "alice@email.com")["muxi_user_id"] == alice


def test_a_code_proves_an_identifier(where: Where) -> None:
    """start makes a code for an identifier or for any; confirm links it, once."""
    alice = where.read("users", "resolve", "alice@email.com")["muxi_user_id"]
    started = where.muxi("verify", "start", "slack:U1", "--as", "alice@email.com")
    code = started.stdout.strip()
    assert "It proves U1, once, until " in started.stderr
    user = where.read("verify", "confirm", code.lower())
    assert user["muxi_user_id"] == alice
    assert [one["identifier"] for one in user["identifiers"] if one["verified_at"]] == ["U1"]
    assert where.muxi("verify", "confirm", code).stderr.endswith("(invalid_proof)\n")
    pairing = where.read("verify", "start", "--as", "slack:U1")
    assert pairing["identifier"] is None
    assert where.muxi("verify", "confirm", pairing["code"]).stderr.endswith("(invalid_identifier)\n")
    assert where.muxi("verify", "confirm", pairing["code"], "telegram:789").returncode == 0
    assert where.read("users", "resolve", "telegram:789")["muxi_user_id"] == alice
    assert where.muxi("verify", "start", "--type", "slack", "--as", "alice@email.com").returncode == 2


def test_nobody_has_expired(where: Where) -> None:
    """expire says how many visitors it erased."""
    assert where.read("users", "expire") == {"erased": 0}
    assert where.muxi("users", "expire").stdout == "Visitors erased: 0.\n"
