"""Deleting data and sweeping on the command line, on a store and through a server."""

from __future__ import annotations

import json
from pathlib import Path

from tests.acceptance.test_cli_users import Where, where
from tests.support import command_line

__all__ = ["where"]


def test_delete_data_asks(where: Where) -> None:
    """It shows whom and asks; no leaves everything, yes leaves the user."""
    alice = where.read("link", "alice@email.com", "slack:U1")["muxi_user_id"]
    where.read("memories", "add", "Likes tea", "--as", "alice@email.com")
    run = where.muxi("users", "delete-data", "slack:U1", says="n\n")
    assert run.returncode == 1 and "Nothing was deleted." in run.stderr and "alice@email.com" in run.stdout
    assert len(where.read("memories", "list", "--as", "alice@email.com")["memories"]) == 1
    run = where.muxi("users", "delete-data", "slack:U1", says="y\n")
    assert run.returncode == 0 and f"{alice} stays" in run.stdout
    assert where.read("memories", "list", "--as", "alice@email.com")["memories"] == []
    assert where.read("users", "resolve", "slack:U1")["muxi_user_id"] == alice
    audit = where.read("audit", "--action", "user.data_deleted")["records"]
    assert [(one["actor"], one["details"]["counts"]["memories"]) for one in audit] == [(where.actor, 1)]


def test_delete_data_before(where: Where) -> None:
    """Only what is older, in UTC; --json is the receipt and cannot ask."""
    where.read("memories", "add", "Likes tea", "--as", "alice@email.com")
    old = where.read("users", "delete-data", "alice@email.com", "--before", "2020-01-01", "--yes")
    assert (old["counts"]["memories"], old["before"]) == (0, "2020-01-01T00:00:00+00:00")
    new = where.read("users", "delete-data", "alice@email.com", "--before", "2099-01-01T12:30", "--yes")
    assert (new["counts"]["memories"], new["before"]) == (1, "2099-01-01T12:30:00+00:00")
    assert where.muxi("users", "delete-data", "alice@email.com", "--json").returncode == 2
    assert where.muxi("users", "delete-data", "alice@email.com", "--before", "soon", "--yes").returncode == 2
    assert where.muxi("users", "delete-data", "nobody@email.com", "--yes").stderr.endswith("(user_not_found)\n")


def test_a_memory_for_some_days(where: Where) -> None:
    """--days says for how long."""
    stored = where.read("memories", "add", "Parks on level 3", "--as", "alice@email.com", "--days", "0.5")
    assert stored["expires_at"] > stored["created_at"]
    assert where.read("memories", "add", "Likes tea", "--as", "alice@email.com")["expires_at"] is None


def test_sweep(tmp_path: Path) -> None:
    """Removes what has ended, by the ages of the settings, and says how much; --rewrite cleans the file."""
    config = tmp_path / "formation.yaml"
    config.write_text("memory: {retention: {memories: 0.0000001}}\n")
    here = ("--data-dir", tmp_path / "data", "--config", config)
    added = command_line.run("memories", "add", "sentinelword", "--as", "alice@email.com", *here)
    assert added.returncode == 0
    run = command_line.run("db", "sweep", "--rewrite", "--json", *here)
    swept = json.loads(run.stdout)
    assert swept == {"swept": True, "counts": {"memories": 1}, "visitors": 0, "clean": True}
    assert b"sentinelword" not in (tmp_path / "data" / "muxi.db").read_bytes()
    again = command_line.run("db", "sweep", *here)
    assert again.returncode == 0 and "Nothing had expired." in again.stdout
