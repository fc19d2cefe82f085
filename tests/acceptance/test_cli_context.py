"""``muxi context`` on a store and through a server: the same commands, the same answers."""

from __future__ import annotations

import json

from tests.acceptance.test_cli_users import Where, where

__all__ = ["where"]

ANN = ("--as", "ann@email.com")


def test_a_context_is_set_shown_and_deleted(where: Where) -> None:
    """A value is JSON, or else a text; lists grow and shrink; deleted is in the history until forgotten."""
    where.read("context", "set", "preferences.theme", "dark", *ANN)
    where.read("context", "set", "budget", "5000", *ANN, "--importance", "0.9")
    where.read("context", "set", "budget", "6000", *ANN)
    where.read("context", "set", "zip", "01234", *ANN)
    where.read("context", "set", "code", "1234", *ANN, "--text")
    where.read("context", "set", "likes", "tea", *ANN, "--add")
    where.read("context", "set", "likes", "rain", *ANN, "--add")
    where.read("context", "set", "likes", "tea", *ANN, "--remove")
    expected = {
        "preferences": {"theme": "dark"},
        "budget": 6000,
        "zip": "01234",
        "code": "1234",
        "likes": ["rain"],
    }
    assert where.read("context", "show", *ANN) == {"context": expected}
    assert json.loads(where.muxi("context", "show", *ANN).stdout) == expected
    assert where.read("context", "show", *ANN, "--at", "2020-01-01") == {"context": {}}
    assert where.read("context", "delete", "likes", *ANN) == {"deleted": True}
    assert where.read("context", "delete", "likes", *ANN) == {"deleted": False}
    history = where.read("context", "history", "budget", *ANN)["facts"]
    assert [(one["value"], one["source"], one["importance"]) for one in history] == [
        (6000, "command line", 0.5),
        (5000, "command line", 0.9),
    ]
    first = where.read("context", "history", *ANN, "--limit", "2")
    assert len(first["facts"]) == 2 and first["next_cursor"]
    assert where.read("context", "delete", "budget", *ANN, "--forget") == {"deleted": True}
    assert where.read("context", "history", "budget", *ANN) == {"facts": [], "next_cursor": None}


def test_what_people_read(where: Where) -> None:
    """Tables and lines; what is wrong is one line, and the command fails."""
    done = where.muxi("context", "set", "budget", "5000", *ANN)
    assert (done.returncode, done.stderr) == (0, "") and "budget = 5000 (fct_" in done.stdout
    assert "budget = 5000" in where.muxi("context", "history", *ANN).stdout
    assert "budget is deleted." in where.muxi("context", "delete", "budget", *ANN).stdout
    assert "There is nothing at budget." in where.muxi("context", "delete", "budget", *ANN).stderr
    assert "Nothing is known." in where.muxi("context", "show", *ANN).stderr
    wrong = where.muxi("context", "set", "a..b", "1", *ANN)
    assert wrong.returncode == 1 and "(invalid_context)" in wrong.stderr


def test_a_dry_run_shows_where_contexts_disagree(where: Where) -> None:
    """Path, user and value, beside what each holds."""
    users = [where.read("users", "resolve", who)["muxi_user_id"] for who in ("ann@email.com", "ben@email.com")]
    where.read("context", "set", "budget", "1", *ANN)
    where.read("context", "set", "budget", "2", "--as", "ben@email.com")
    preview = where.read("users", "merge", "ann@email.com", "ben@email.com", "--dry-run")
    assert preview["disagreements"] == [{"path": "budget", "values": {users[0]: 1, users[1]: 2}}]
    assert "budget" in where.muxi("users", "merge", "ann@email.com", "ben@email.com", "--dry-run").stdout
