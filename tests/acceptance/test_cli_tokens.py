"""Link tokens, ID tokens and visitors on the command line, on a store and through a server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.test_cli_users import Where
from tests.support.identity_provider import AUDIENCE, ISSUER, IdentityProvider
from tests.support.server_process import ServerProcess

PROVIDER = IdentityProvider()
SETTINGS = (
    f"identity: {{oidc: [{{issuer: '{ISSUER}', audience: {AUDIENCE}, algorithms: [ES256], "
    f"jwks: {json.dumps(PROVIDER.jwks)}}}]}}\n"
)


@pytest.fixture(params=["store", "server"])
def where(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Where]:
    """A store without a server, and a server; both know an identity provider."""
    if request.param == "store":
        config = tmp_path / "formation.yaml"
        config.write_text(SETTINGS, encoding="utf-8")
        yield Where(("--config", config, "--data-dir", tmp_path / "data"), {}, "command line")
        return
    with ServerProcess(tmp_path / "data", configs=[SETTINGS]) as server:
        yield Where((), {"MUXI_URL": server.url, "MUXI_ADMIN_KEY": server.admin_key}, "admin key")


def proven(user: Any) -> list[str]:
    return sorted(one["identifier"] for one in user["identifiers"] if one["verified_at"])


def test_a_link_token_works_once(where: Where) -> None:
    """create makes one for as long as was asked, redeem links its identifier as proven, and never again."""
    alice = where.read("users", "resolve", "alice@email.com")["muxi_user_id"]
    made = where.read("link-tokens", "create", "slack:U1", "--expires-in", "3600")
    lifetime = datetime.fromisoformat(made["expires_at"]) - datetime.now(UTC)
    assert 3500 < lifetime.total_seconds() <= 3600
    user = json.loads(
        where.muxi("link-tokens", "redeem", "-", "--as", "alice@email.com", "--json", says=made["token"] + "\n").stdout
    )
    assert (user["muxi_user_id"], proven(user)) == (alice, ["U1"])
    again = where.muxi("link-tokens", "redeem", made["token"], "--as", "alice@email.com")
    assert (again.returncode, again.stdout) == (1, "") and again.stderr.endswith("(invalid_proof)\n")
    shown = where.muxi("link-tokens", "create", "telegram:7")
    assert shown.stdout.count(".") == 2 and "It works once, until " in shown.stderr
    by = where.read("audit", "--action", "identifier.verified")["records"]
    assert [one["actor"] for one in by] == [where.actor]


def test_a_link_token_merges_if_told(where: Where) -> None:
    """What somebody else has is a conflict, and with --merge one user."""
    alice = where.read("users", "resolve", "alice@email.com")["muxi_user_id"]
    where.read("link", "slack:U1", "--verified")
    token = where.read("link-tokens", "create", "slack:U1")["token"]
    run = where.muxi("link-tokens", "redeem", token, "--as", "alice@email.com")
    assert run.returncode == 1 and run.stderr.endswith("(identifier_conflict)\n")
    assert where.read("link-tokens", "redeem", token, "--as", "alice@email.com", "--merge")["muxi_user_id"] == alice
    assert where.read("users", "resolve", "slack:U1")["muxi_user_id"] == alice


def test_an_id_token_links_account_and_address(where: Where) -> None:
    """To somebody new, to whoever has proven it, or to --user; a forged one links nothing."""
    token = PROVIDER.token(datetime.now(UTC), "sub-1", email="eve@email.com", email_verified=True)
    made = where.read("verify", "id-token", token)
    assert proven(made) == ["eve@email.com", f"{ISSUER}|sub-1"]
    assert where.read("verify", "id-token", token)["muxi_user_id"] == made["muxi_user_id"]
    mallory = where.read("users", "resolve", "mallory@email.com")["muxi_user_id"]
    taken = where.muxi("verify", "id-token", token, "--user", "mallory@email.com")
    assert taken.returncode == 1 and taken.stderr.endswith("(identifier_conflict)\n")
    other = PROVIDER.token(datetime.now(UTC), "sub-2")
    linked = where.read("verify", "id-token", other, "--user", "mallory@email.com")
    assert (linked["muxi_user_id"], proven(linked)) == (mallory, [f"{ISSUER}|sub-2"])
    forged = where.muxi("verify", "id-token", IdentityProvider().token(datetime.now(UTC), "sub-1"))
    assert forged.returncode == 1 and forged.stderr.endswith("(invalid_proof)\n")


def test_a_visitor_signs_in(where: Where) -> None:
    """anonymous makes a visitor with a token, sign-in gives what was said to whoever it is, and ends the token."""
    alice = where.read("users", "resolve", "alice@email.com")["muxi_user_id"]
    visitor = where.read("users", "anonymous", "--expires-in", "60")
    who = f"anonymous:{visitor['token']}"
    assert where.read("users", "resolve", who)["muxi_user_id"] == visitor["muxi_user_id"] != alice
    where.read("memories", "add", "Likes tea", "--as", who)
    claimed = where.muxi("users", "sign-in", visitor["token"], "alice@email.com")
    assert claimed.returncode == 1 and claimed.stderr.endswith("(unproven_identifier)\n")
    command = ("users", "sign-in", "-", "alice@email.com", "--verified", "--json")
    signed = json.loads(where.muxi(*command, says=visitor["token"]).stdout)
    assert signed["muxi_user_id"] == alice
    assert [one["text"] for one in where.read("memories", "list", "--as", "alice@email.com")["memories"]] == [
        "Likes tea"
    ]
    again = where.muxi("users", "sign-in", visitor["token"], "alice@email.com")
    assert again.returncode == 1 and again.stderr.endswith("(user_not_found)\n")
    shown = where.muxi("users", "anonymous")
    assert shown.stdout.startswith("anon_") and "usr_" in shown.stderr
