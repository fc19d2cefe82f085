"""Deleting what a user said, and memories that end, through both clients and on each kind of database."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from muxi.errors import InvalidInputError, UnprovenIdentifierError, UserNotFoundError
from tests.server.conftest import OTHER_ADMIN_KEY
from tests.support.both_clients import KINDS
from tests.support.server_process import ServerProcess

Call = Callable[..., Any]
Someone = Callable[[str], str]


def texts(call: Call, user: str) -> list[str]:
    return sorted(memory.text for memory in call("iter_memories", user))


def prove(call: Call, email: str) -> None:
    call("proofs.confirm_verification", call("proofs.start_verification", email, email).code)


def test_everything_said_goes_and_the_user_stays(call: Call, admin: Call, someone: Someone) -> None:
    """No door finds it afterwards; identifiers and id are as they were; the receipt is in the audit."""
    email, slack = someone("alice"), ("U" + someone("a"), "slack")
    user = call("associate_user_identifiers", [email, slack])["muxi_user_id"]
    call("chat", "My budget is $5,000", email, session_id="planning")
    call("add_memory", "Likes umbrellas", email)
    call("context.set", email, "city", "Rome")
    deleted = admin("users.delete_data", slack)
    assert (deleted.muxi_user_id, deleted.before) == (user, None)
    assert {table: deleted.counts[table] for table in ("messages", "sessions")} == {"messages": 2, "sessions": 1}
    assert texts(call, email) == [] and len(call("list_sessions", email)) == 0
    assert call("context.get", email) == {}
    for scope in ("long_term", "buffer"):
        assert call("search_memory", "umbrellas and budget", email, scope=scope) == []
    assert "umbrellas" not in call("chat", "What do I like?", email).text
    assert call("resolve_user", slack).muxi_user_id == user
    receipt = admin("list_audit", action="user.data_deleted", limit=1).items[0]
    assert (receipt.seq, receipt.actor) == (deleted.receipt, "admin key")
    assert email not in str(receipt) and "budget" not in str(receipt)


@pytest.mark.parametrize("written", [lambda at: at, lambda at: at.isoformat(), lambda at: at.replace(tzinfo=None)])
def test_only_what_is_older(call: Call, admin: Call, someone: Someone, written: Callable[[datetime], Any]) -> None:
    """A time with its zone, as text, or without a zone, which is UTC."""
    email = someone("alice")
    call("add_memory", "Said long ago", email, said_at=datetime(2020, 1, 1, tzinfo=UTC))
    call("add_memory", "Said now", email)
    cutoff = datetime.now(UTC) - timedelta(days=1)
    deleted = admin("users.delete_data", email, before=written(cutoff))
    assert (deleted.counts["memories"], deleted.before) == (1, cutoff)
    assert texts(call, email) == ["Said now"]


def test_a_user_deletes_their_own_once_proven(call: Call, someone: Someone, server: ServerProcess) -> None:
    """With the client key only by a proven identifier; somebody else's is not there; nothing is deleted meanwhile."""
    alice, bob = someone("alice"), someone("bob")
    id = call("resolve_user", alice).muxi_user_id
    call("add_memory", "Likes tea", alice)
    with pytest.raises(UnprovenIdentifierError):
        call("users.delete_data", alice)
    call("resolve_user", bob)
    prove(call, bob)
    headers = {name.encode(): value for name, value in server.headers(bob).items()}
    with httpx.Client(base_url=server.url, trust_env=False) as http:
        answers = [http.delete(f"/v1/users/{path}/data", headers=headers) for path in (id, id[:-6] + "000000", bob)]
    assert [(one.status_code, one.json()["code"]) for one in answers] == [(404, "user_not_found")] * 3
    assert texts(call, alice) == ["Likes tea"]
    prove(call, alice)
    assert call("users.delete_data", alice).counts["memories"] == 1


def test_wrong_requests(call: Call, admin: Call, someone: Someone, server: ServerProcess) -> None:
    """A time that is none, nobody, another formation's user: typed errors, and nothing is deleted."""
    email = someone("alice")
    id = call("resolve_user", email).muxi_user_id
    call("add_memory", "Likes tea", email)
    for wrong in ("yesterday", "0001-01-01T00:00:00+09:00", ""):
        with pytest.raises(InvalidInputError):
            admin("users.delete_data", email, before=wrong)
    for who in (someone("nobody"), "usr_01h455vb4pex5vsknk084sn02q"):
        with pytest.raises(UserNotFoundError):
            admin("users.delete_data", who)
    with pytest.raises(UserNotFoundError):
        KINDS["sync"](server.url, OTHER_ADMIN_KEY, "users.delete_data", id, formation="globex", admin=True)
    assert texts(call, email) == ["Likes tea"]


def test_a_memory_ends(call: Call, someone: Someone) -> None:
    """expires_in says for how long, alone and in a list; it is told back, and what has ended is not there."""
    email = someone("alice")
    stays = call("add_memory", "Likes tea", email)
    day = call("add_memory", "Parks on level 3", email, expires_in=timedelta(days=1))
    assert stays.expires_at is None
    assert day.expires_at == day.created_at + timedelta(days=1)
    many = call("add_memories", ["Rows", {"text": "Sails", "expires_in": timedelta(seconds=1)}], email)
    assert [one.expires_at is None for one in many] == [True, False]
    while datetime.now(UTC) <= many[1].expires_at:
        call("health")
    assert texts(call, email) == ["Likes tea", "Parks on level 3", "Rows"]
    assert "Sails" not in [hit.text for hit in call("search_memory", "sails", email)]
    for wrong in (timedelta(0), timedelta(days=10**6), 5):
        with pytest.raises(InvalidInputError):
            call("add_memory", "Sails", email, expires_in=wrong)
