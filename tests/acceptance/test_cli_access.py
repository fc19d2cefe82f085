"""``muxi keys``, ``roles``, ``tokens`` and ``sessions``, on a store and through a server: the same answers."""

from __future__ import annotations

import re

from tests.acceptance.test_cli_users import Where, where

__all__ = ["where"]

ANN = "ann.access@email.com"
KEY = re.compile(r"muxi_live_[0-9a-z]{26}_[0-9A-Za-z]{49}\n")
SPAN = ("--expires-in", "2h")


def test_the_life_of_a_key(where: Where) -> None:
    """A key is shown once, listed without what opens, replaced, and revoked."""
    shown = where.muxi("keys", "create", "web app", "--scope", "chat:write", *SPAN)
    assert shown.returncode == 0 and KEY.fullmatch(shown.stdout)
    assert "developer: chat:write. Keep it now" in shown.stderr
    newest = where.read("keys", "list", "--limit", "1")["keys"][0]
    assert (newest["name"], newest["scopes"], newest["revoked_at"]) == ("web app", ["chat:write"], None)
    rotated = where.read("keys", "rotate", newest["key_id"], "--overlap", "1h")
    assert rotated["record"]["scopes"] == ["chat:write"] and KEY.fullmatch(rotated["key"] + "\n")
    revoked = where.muxi("keys", "revoke", rotated["record"]["key_id"])
    assert revoked.stdout == f"{rotated['record']['key_id']} opens nothing any more.\n"
    after, before = where.read("keys", "list", "--limit", "2")["keys"]
    assert before["expires_at"] and not before["revoked_at"] and after["revoked_at"]
    table = where.muxi("keys", "list").stdout
    assert before["key_id"] in table and after["key_id"] in table and shown.stdout.strip() not in table
    missing = where.muxi("keys", "revoke", "key_01h455vb4pex5vsknk084sn02q")
    assert missing.returncode == 1 and missing.stderr.endswith("(not_found)\n")
    assert where.muxi("keys", "create", "--expires-in", "soon").returncode == 2
    assert where.muxi("keys", "create", "--role", "king").returncode == 1


def test_a_key_of_one_user(where: Where) -> None:
    """A key can be bound to a user, who is made if new."""
    made = where.read("keys", "create", "bot", "--role", "user", "--user", ANN)
    assert made["record"]["muxi_user_id"] == where.read("users", "show", ANN)["muxi_user_id"]


def test_roles(where: Where) -> None:
    """A role is set, listed and removed."""
    told = where.muxi("roles", "set", "archivist", "memories:read", "context:read", "--description", "reads")
    assert told.stdout == "archivist may do: context:read, memories:read\n"
    own = [role for role in where.read("roles", "list")["roles"] if not role["built_in"]]
    assert [(role["name"], role["description"]) for role in own] == [("archivist", "reads")]
    assert "memories:write" in where.muxi("roles", "list").stdout
    assert where.muxi("roles", "remove", "archivist").stdout == "The role archivist is gone.\n"
    assert where.muxi("roles", "remove", "archivist").stderr.endswith("(not_found)\n")


def test_tokens(where: Where) -> None:
    """A token is made and taken back by its jti; all of a user's are, too; the signing key changes."""
    token = where.read("tokens", "create", ANN, *SPAN)
    assert token["token"].count(".") == 2
    assert re.fullmatch("[0-9a-f]{32}", token["jti"]), "what begins with a hyphen cannot be typed"
    assert where.muxi("tokens", "create", ANN).stdout.count(".") == 2
    assert where.muxi("tokens", "revoke", token["jti"]).stdout == "It is worth nothing any more.\n"
    everything = where.muxi("tokens", "revoke", "--user", ANN)
    assert everything.stdout == f"No token of {ANN} is worth anything any more.\n"
    assert where.muxi("tokens", "revoke").returncode == 2
    assert where.muxi("tokens", "rotate-key").stdout.startswith("Tokens are signed with the key ")


def test_sessions(where: Where) -> None:
    """A session is opened with metadata, listed, and ended."""
    who = ("--as", f"sessions.{ANN}")
    session = where.read("sessions", "create", *who, "--metadata", '{"device": "tv"}', "--idle", "30m")
    assert session["metadata"] == {"device": "tv"} and session["ends_at"]
    assert [one["session_id"] for one in where.read("sessions", "list", *who)["sessions"]] == [session["session_id"]]
    assert session["session_id"] in where.muxi("sessions", "list", *who).stdout
    assert where.muxi("sessions", "end", session["session_id"], *who).stdout == f"{session['session_id']} has ended.\n"
    assert where.muxi("sessions", "end", session["session_id"], "--as", "bob@email.com").returncode == 1
    assert where.muxi("sessions", "create", *who, "--metadata", "[]").returncode == 2
