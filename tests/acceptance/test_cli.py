"""The command line: as real processes, and, where that makes no difference, in this one."""

from __future__ import annotations

import json
import os
import re
import signal
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from muxi.cli.app import app
from muxi.cli.options import identifier
from muxi.garbage import OBJECTS
from tests.support.command_line import OF_MUXI
from tests.support.command_line import run as muxi
from tests.support.openai_server import OpenAIServer

ROOT = Path(__file__).parents[2]
MUXI = (sys.executable, "-m", "muxi")
SECONDS = 60
KEY = re.compile(r"muxi_(?:client|admin)_[\w-]+")


def environment(**more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name not in OF_MUXI}
    return kept | {"PYTHONPATH": str(ROOT / "src"), "COLUMNS": "150", "PYTHONIOENCODING": "utf-8"} | more


def spawned(*arguments: str | Path, says: str = "", **variables: str) -> subprocess.CompletedProcess[str]:
    """Runs a command to its end, as a process of its own: where that may make a difference."""
    return subprocess.run(
        [*MUXI, *map(str, arguments)],
        input=says,
        capture_output=True,
        encoding="utf-8",
        timeout=SECONDS,
        env=environment(**variables),
        check=False,
    )


def read(*arguments: str | Path, **variables: str) -> Any:
    """What a command that works answers with ``--json``."""
    run = muxi(*arguments, "--json", **variables)
    assert (run.returncode, run.stderr) == (0, "")
    return json.loads(run.stdout)


@contextmanager
def serving(*arguments: str | Path, **variables: str) -> Iterator[tuple[str, list[str]]]:
    """A server process: its address, and the lines that it wrote until it was ready; stopped with Ctrl-C's signal."""
    command = [*MUXI, "serve", "--port", "0", *map(str, arguments)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8", env=environment(**variables)
    ) as process:
        assert process.stdout is not None
        try:
            lines: list[str] = []
            # The last line of the greeting is the example's body.
            while not lines or '"message"' not in lines[-1]:
                lines.append(process.stdout.readline())
                assert lines[-1], process.communicate()[1]
            yield re.findall(r"http://[\d.:]+", lines[0])[0], lines
        finally:
            process.send_signal(signal.SIGINT)
            rest, errors = process.communicate(timeout=SECONDS)
        assert (process.returncode, rest) == (0, "")
        assert errors.splitlines() == ["muxi has stopped."]


def keys_in(lines: Sequence[str]) -> dict[str, str]:
    exported = (line.strip().removeprefix("export ").partition("=") for line in lines if "export " in line)
    return {name: key for name, _, key in exported}


@pytest.fixture
def store(tmp_path: Path) -> tuple[str, Path]:
    return "--data-dir", tmp_path / "data"


def test_the_demo_tells_the_story() -> None:
    """Without linking Slack knows nothing; linked, the budget told on the web is found from Slack."""
    run = spawned("demo")
    assert run.returncode == 0
    without, linked = run.stdout.split("With linking", 1)
    assert "I know nothing of that" in without
    assert 'You told me: "My budget is $5,000" (web' not in without
    web, slack = linked.split("Slack (U98765ABC):", 1)
    assert "Web chat (user_123):" in web
    assert 'You told me: "My budget is $5,000" (web' in slack
    for shown in ("user_123", "U98765ABC", "alice@email.com", "The user's identifiers", "What is remembered of them"):
        assert shown in slack


def test_keys_are_shown_once_and_kept_private(store: tuple[str, Path]) -> None:
    """The first start shows the keys it made; the second shows none, and they still open the server."""
    with serving(*store) as (_, first):
        keys = keys_in(first)
    assert sorted(keys) == ["MUXI_ADMIN_KEY", "MUXI_CLIENT_KEY"]
    assert len(KEY.findall("".join(first))) == 2
    assert stat.S_IMODE((store[1] / "keys.json").stat().st_mode) == 0o600
    with serving(*store) as (url, second):
        assert KEY.findall("".join(second)) == []
        assert read("users", "resolve", "alice@email.com", MUXI_URL=url, **keys)["created"] is True


def test_keys_of_the_environment_open_the_server(store: tuple[str, Path]) -> None:
    """Keys set by variables are used and never shown; a wrong key gets one red line and status 1."""
    keys = {"MUXI_CLIENT_KEY": "client-client-client", "MUXI_ADMIN_KEY": "admin-admin-admin-admin"}
    with serving(*store, **keys) as (url, lines):
        assert [key for key in keys.values() if key in "".join(lines)] == []
        assert read("users", "resolve", "a@b.com", "--url", url, MUXI_CLIENT_KEY=keys["MUXI_CLIENT_KEY"])["created"]
        wrong = muxi("users", "show", "a@b.com", "--url", url, MUXI_CLIENT_KEY="not-the-right-key")
    assert (wrong.returncode, wrong.stdout) == (1, "")
    assert re.fullmatch(r"error: .* \(authentication_failed\)\n", wrong.stderr)
    assert not (store[1] / "keys.json").exists()


def test_the_greeting_is_true(store: tuple[str, Path]) -> None:
    """The server says where it listens and where the data is, and the chat command it suggests works as printed."""
    with serving(*store) as (url, lines):
        text = "".join(lines)
        assert str(store[1] / "muxi.db") in text
        assert f"{url}/v1/chat" in text
        suggested = next(line.split(" -m muxi ")[1].split() for line in lines if "chat --as alice@email.com" in line)
        run = spawned(*suggested, "My budget is $5,000")
    assert run.returncode == 0
    assert run.stdout.startswith("Noted.")
    assert run.stderr == f"[{store[1] / 'muxi.db'}]\n"


def test_one_user_through_a_server(store: tuple[str, Path]) -> None:
    """With MUXI_URL, what is told as one identifier is answered, listed and searched as another that was linked."""
    with serving(*store) as (url, lines):
        server = {"MUXI_URL": url, **keys_in(lines)}
        told = spawned("chat", "--as", "alice@email.com", "My budget is $5,000", **server)
        assert (told.returncode, told.stderr) == (0, f"[the server at {url}]\n")
        linked = read("link", "alice@email.com", "slack:U98765ABC", **server)
        found = read("memories", "search", "budget", "--as", "slack:U98765ABC", "--limit", "1", **server)
        asked = spawned("chat", "--as", "U98765ABC", "--type", "slack", "What's my budget?", **server)
        shown = read("users", "show", "slack:U98765ABC", **server)
    assert 'You told me: "My budget is $5,000" (email' in asked.stdout
    assert [hit["memory"]["text"] for hit in found["hits"]] == ["My budget is $5,000"]
    assert shown["muxi_user_id"] == linked["muxi_user_id"]
    assert [(one["type"], one["identifier"]) for one in shown["identifiers"]] == [
        ("email", "alice@email.com"),
        ("slack", "U98765ABC"),
    ]


def test_chat_without_a_message_goes_on(store: tuple[str, Path]) -> None:
    """Lines on standard input are a conversation; a bad one does not end it, an empty line does."""
    run = spawned(
        "chat", "--as", "alice@email.com", *store, says="My cat is Momo\nA \0 byte\nI live in Bonn\n\nno more\n"
    )
    assert [line[:6] for line in run.stdout.splitlines()] == ["Noted.", "Noted."]
    assert [line[-17:] for line in run.stderr.splitlines()[1:]] == ["(invalid_message)"]
    told = read("memories", "list", "--as", "alice@email.com", *store)["memories"]
    assert [one["text"] for one in told] == ["I live in Bonn", "My cat is Momo"]


def test_chat_streams_and_can_be_stopped(tmp_path: Path) -> None:
    """Pieces are written as they come; Ctrl-C stops the model, and nothing of it is stored."""
    store = ("--data-dir", tmp_path / "data")
    with OpenAIServer() as server:
        file = tmp_path / "formation.yaml"
        model = {"provider": "openai", "model": "m", "api_key": "k", "base_url": server.url}
        file.write_text(json.dumps({"models": {"chat": model}}), encoding="utf-8")
        server.streams_on("Hel", "lo ")
        command = [*MUXI, "chat", "--as", "alice@email.com", "Good morning", "--config", file, *store]
        # Tests that were started in the background may have been told to ignore Ctrl-C, and would pass that on.
        before = signal.signal(signal.SIGINT, signal.default_int_handler)
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8", env=environment()
        )
        signal.signal(signal.SIGINT, before)
        with process:
            assert process.stdout is not None
            assert process.stdout.read(6) == "Hello "
            assert process.poll() is None
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=SECONDS)
        assert process.returncode == 130
        assert server.hung_up.wait(SECONDS)
    assert read("memories", "list", "--as", "alice@email.com", *store)["memories"] == []


def test_identifiers_and_memories_in_a_store(store: tuple[str, Path]) -> None:
    """link, unlink, users and memories work on a store without a server, and answer in JSON."""
    linked = read("link", "alice@email.com", "slack:U1", "internal:user_123", *store)
    assert linked["created"] is True
    assert len(read("users", "identifiers", "internal:user_123", *store)) == 3
    assert len(read("unlink", "slack:U1", *store)["identifiers"]) == 2
    asked = ("--importance", "0.9", "--meta", "source=crm", *store)
    stored = read("memories", "add", "Likes dark mode", "--as", "internal:user_123", *asked)
    assert (stored["importance"], stored["metadata"]) == (0.9, {"source": "crm"})
    listed = read("memories", "list", "--as", "alice@email.com", *store)
    assert ([one["memory_id"] for one in listed["memories"]], listed["next_cursor"]) == ([stored["memory_id"]], None)
    read("memories", "delete", stored["memory_id"], "--as", "alice@email.com", *store)
    assert read("memories", "list", "--as", "alice@email.com", *store)["memories"] == []


def test_an_error_is_one_line_or_one_problem(store: tuple[str, Path]) -> None:
    """What goes wrong is one line on standard error, with --json a problem document, and status 1; wrong usage is 2."""
    plain, as_json = spawned("users", "show", "nobody", *store), spawned("users", "show", "nobody", "--json", *store)
    assert (plain.returncode, plain.stdout) == (1, "")
    assert re.fullmatch(r"error: Nobody has this identifier\. .* \(user_not_found\)\n", plain.stderr)
    assert (as_json.returncode, as_json.stderr) == (1, "")
    assert (json.loads(as_json.stdout)["code"], json.loads(as_json.stdout)["status"]) == ("user_not_found", 404)
    assert spawned("users", "show", "nobody", "--url", "http://127.0.0.1:1", *store).returncode == 2


def test_several_workers_greet_once(store: tuple[str, Path]) -> None:
    """With two workers the keys are shown once, and both serve."""
    with serving("--workers", "2", *store) as (url, lines):
        assert len(KEY.findall("".join(lines))) == 2
        assert read("users", "resolve", "alice@email.com", MUXI_URL=url, **keys_in(lines))["created"] is True


def test_a_wrong_setting_stops_the_start(tmp_path: Path) -> None:
    """The server names file, key, value and what is allowed, and does not start."""
    file = tmp_path / "formation.yaml"
    file.write_text("memory:\n  persistent:\n    provider: postgre\n", encoding="utf-8")
    run = spawned("serve", "--config", file, "--data-dir", tmp_path / "data")
    assert (run.returncode, run.stdout) == (1, "")
    assert run.stderr == (
        f"error: {file}: memory.persistent.provider: it is 'postgre' (did you mean 'postgres'?). "
        "Allowed: sqlite, postgres. (settings)\n"
    )
    assert not (tmp_path / "data").exists()


def test_a_port_in_use_is_said(store: tuple[str, Path], tmp_path: Path) -> None:
    """A second server on the same port says so and ends with status 1."""
    with serving(*store) as (url, _):
        port = url.rpartition(":")[2]
        run = spawned("serve", "--port", port, "--data-dir", tmp_path / "other")
    assert run.returncode == 1
    assert re.fullmatch(rf"error: 127\.0\.0\.1 port {port} cannot be listened on .* \(settings\)\n", run.stderr)


def test_several_formations_are_served_apart(tmp_path: Path) -> None:
    """Two files make two formations, each with its own keys, and a user of one is unknown in the other."""
    files = [tmp_path / "acme.yaml", tmp_path / "globex.yaml"]
    for file in files:
        file.write_text(f"id: {file.stem}\n", encoding="utf-8")
    with serving("--config", files[0], "--config", files[1], "--data-dir", tmp_path / "data") as (url, lines):
        assert len(KEY.findall("".join(lines))) == 4
        kept = json.loads((tmp_path / "data" / "keys.json").read_text(encoding="utf-8"))
        own = {"MUXI_URL": url, "MUXI_CLIENT_KEY": kept["acme"]["client"]}
        other = {"MUXI_URL": url, "MUXI_CLIENT_KEY": kept["globex"]["client"]}
        read("users", "resolve", "alice@email.com", **own)
        unknown = muxi("users", "show", "alice@email.com", "--formation", "globex", **other)
    assert unknown.stderr.endswith("(user_not_found)\n")


def test_a_new_embedding_model_needs_reembedding(tmp_path: Path) -> None:
    """Another model is refused with the way out; db reembed, also after an interruption, makes it work again."""
    store = ("--data-dir", tmp_path / "data")
    read("chat", "--as", "alice@email.com", "My budget is $5,000", *store)
    with OpenAIServer() as server:
        file = tmp_path / "formation.yaml"
        model = {"provider": "openai", "model": "other-model", "api_key": "k", "base_url": server.url}
        file.write_text(json.dumps({"models": {"embedding": model}}), encoding="utf-8")
        changed = ("--config", file, *store)
        refused = muxi("memories", "search", "budget", "--as", "alice@email.com", *changed)
        before = read("db", "status", *changed)["embeddings"]
        server.embeds([1.0] * 8).fails(401)
        broken = muxi("db", "reembed", *changed)
        half_done = muxi("memories", "list", "--as", "alice@email.com", *changed)
        run = muxi("db", "reembed", *changed)
        after = read("db", "status", *changed)["embeddings"]
        found = read("memories", "search", "budget", "--as", "alice@email.com", *changed)
    assert refused.returncode == 1
    assert "'muxi db reembed'" in refused.stderr
    assert broken.stderr.endswith("(model_key_rejected)\n")
    assert "are of all-MiniLM-L6-v2-onnx-int8 (384 dimensions)" in half_done.stderr
    assert (before["configured"], before["to_do"], before["dimension"]) == ("other-model", 1, 384)
    assert (run.returncode, run.stdout) == (0, "1 memories embedded with other-model.\n")
    assert "1/1" in run.stderr
    assert (after["stored"], after["to_do"], after["dimension"]) == ("other-model", 0, 8)
    assert [hit["memory"]["text"] for hit in found["hits"]] == ["My budget is $5,000"]
    old = muxi("memories", "list", "--as", "alice@email.com", *store)
    assert old.stderr.endswith("(embedding_mismatch)\n")


def test_migrations(store: tuple[str, Path]) -> None:
    """db status refuses a database that is not there; db migrate makes it, once; status then tells when."""
    assert muxi("db", "status", *store).stderr.endswith("(storage_unavailable)\n")
    assert not store[1].exists()
    applied = read("db", "migrate", *store)["applied"]
    assert applied[0] == 1
    assert read("db", "migrate", *store)["applied"] == []
    steps = read("db", "status", *store)["migrations"]
    assert [one["number"] for one in steps] == applied
    assert all(one["applied_at"] for one in steps)


@pytest.mark.postgres
def test_a_store_on_postgres(bare_postgres_database: str, tmp_path: Path) -> None:
    """--database-url, MUXI_DATABASE_URL and the settings lead to Postgres, whose address is never shown."""
    url = bare_postgres_database
    assert read("db", "migrate", "--database-url", url)["applied"][0] == 1
    read("users", "resolve", "alice@email.com", MUXI_DATABASE_URL=url)
    file = tmp_path / "formation.yaml"
    settings = "memory:\n  persistent:\n    provider: postgres\n    connection_string: ${{ secrets.POSTGRES_URL }}\n"
    file.write_text(settings, encoding="utf-8")
    assert read("users", "resolve", "alice@email.com", "--config", file, POSTGRES_URL=url)["created"] is False
    status = read("db", "status", "--config", file, POSTGRES_URL=url)
    assert (status["database"], status["dialect"]) == ("Postgres", "postgres")


@pytest.mark.parametrize(
    ("written", "type", "meant"),
    [
        ("alice@email.com", None, "alice@email.com"),
        ("slack:U98765ABC", None, ("U98765ABC", "slack")),
        ("internal:a:b", None, ("a:b", "internal")),
        ("https://me.example/x", None, "https://me.example/x"),
        ("Slack:U1", None, "Slack:U1"),
        ("slack:", None, "slack:"),
        ("slack:U1", "internal", ("slack:U1", "internal")),
        ("slack:U1", "", "slack:U1"),
    ],
)
def test_how_identifiers_are_written(written: str, type: str | None, meant: object) -> None:
    """type:value is split at the first colon where a type can stand before it; --type takes the value as it stands."""
    assert identifier(written, type) == meant


def test_help_loads_nothing_slow() -> None:
    """The help of every command is shown without loading the core, the server or a model."""
    code = (
        "import sys; import muxi.cli.app\n"
        "slow = ('muxi.core', 'muxi.server', 'muxi.storage', 'fastapi', 'numpy', 'openai', 'onnxruntime', 'pydantic')\n"
        "sys.stdout.write(' '.join(name for name in slow if name in sys.modules))"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=SECONDS, env=environment(), check=True
    )
    assert run.stdout == ""


def test_garbage_is_seldom_looked_for() -> None:
    """A program of ours has the collector wait longer than Python's own setting; who only imports muxi has not."""
    code = "import gc; import muxi.core.formation; before = gc.get_threshold()[0]\n"
    code += "from muxi.cli.app import main\ntry: main()\nexcept SystemExit: print(before, gc.get_threshold()[0])"
    run = subprocess.run(
        [sys.executable, "-c", code, "--version"], capture_output=True, text=True, env=environment(), check=True
    )
    before, after = map(int, run.stdout.splitlines()[-1].split())
    assert before < after == OBJECTS


@cache
def commands() -> list[str]:
    """Every command by its whole name, read from the help of the program."""
    found = []
    for name in listed([]):
        inner = listed([name])
        found += [f"muxi {name} {one}" for one in inner] or [f"muxi {name}"]
    return found


def listed(words: list[str]) -> list[str]:
    shown = CliRunner().invoke(app, [*words, "--help"], env={"COLUMNS": "200", "NO_COLOR": "1"}).stdout
    _, _, below = shown.partition("─ Commands ")
    return re.findall(r"^│ ([a-z-]+) ", below, re.MULTILINE)


def test_every_command_is_documented() -> None:
    """docs/cli.md has a heading and an example for each command, and none for a command that is not there."""
    text = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
    assert sorted(re.findall(r"^## `(muxi [a-z -]+)`$", text, re.MULTILINE)) == sorted(commands())
    for command in commands():
        assert re.search(rf"^(?:\$ )?{command}\b", text, re.MULTILINE), command


@pytest.mark.parametrize("where", ["store", "server"])
def test_merging_and_the_audit(store: tuple[str, Path], where: str) -> None:
    """Merge, list, split and the audit, on a store and through a server; what was changed by hand ends with 1."""
    with ExitStack() as stack:
        options, server = store, dict[str, str]()
        if where == "server":
            url, lines = stack.enter_context(serving(*store))
            options, server = (), {"MUXI_URL": url, "MUXI_ADMIN_KEY": keys_in(lines)["MUXI_ADMIN_KEY"]}
        users = [read("users", "resolve", name, *options, **server)["muxi_user_id"] for name in ("a@b.com", "slack:U1")]
        preview = read("users", "merge", "slack:U1", "a@b.com", "--dry-run", *options, **server)
        assert (preview["survivor"], list(preview["holdings"])) == (users[0], users)
        assert muxi("users", "merges", "slack:U1", *options, **server).stdout == "Never merged.\n"
        merge = read("users", "merge", "a@b.com", "--into", "slack:U1", *options, **server)
        assert (merge["survivor"], merge["merged"]) == (users[1], users[:1])
        split = read("users", "split", merge["merge_id"], *options, **server)
        assert read("users", "merges", "a@b.com", *options, **server) == {"merges": []}
        assert read("users", "merges", "slack:U1", *options, **server) == {"merges": [split]}
        assert read("link", "a@b.com", "slack:U1", "--merge", *options, **server)["muxi_user_id"] == users[0]
        actions = [one["action"] for one in read("audit", "--limit", "3", *options, **server)["records"]]
        assert actions == ["users.merged", "users.split", "users.merged"]
        assert len(read("audit", "--user", "a@b.com", "--action", "user.created", *options, **server)["records"]) == 2
        actor = "admin key" if where == "server" else "command line"
        assert muxi("audit", *options, **server).stdout.count(actor) == 3
        assert muxi("audit", "--verify", *options, **server).stdout.startswith("The audit is sound: 7 rows")
        with sqlite3.connect(store[1] / "muxi.db") as database:
            database.execute("UPDATE audit SET actor = 'somebody' WHERE seq = 5")
        database.close()
        broken = muxi("audit", "--verify", "--json", *options, **server)
        assert broken.returncode == 1 and json.loads(broken.stdout)["broken_at"] == 5
