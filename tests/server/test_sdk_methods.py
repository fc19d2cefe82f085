"""Each method of both clients, against a real server process on both databases."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from muxi import FormationClient
from muxi.client import requests
from muxi.core.memory.weights import WEIGHTS
from muxi.errors import (
    AgentNotFoundError,
    AmbiguousIdentifierError,
    InvalidCursorError,
    InvalidIdentifierError,
    InvalidInputError,
    InvalidMessageError,
    LastIdentifierError,
    MemoryNotFoundError,
    MessageTooLargeError,
    MuxiError,
    SessionNotFoundError,
    UserNotFoundError,
)
from tests.support.server_process import ServerProcess

Call = Callable[..., Any]
Someone = Callable[[str], str]
UNKNOWN = "usr_01h455vb4pex5vsknk084sn02q"


def test_health_and_readiness(call: Call) -> None:
    """Both are answered; readiness tells of each formation."""
    assert call("health") == {"status": "ok"}
    ready = call("ready")
    assert ready["status"] == "ready"
    assert sorted(ready["formations"]) == ["acme", "globex"]


def test_resolve_makes_a_user_once(call: Call, someone: Someone) -> None:
    """First contact makes the user; the second finds it, in any writing of the e-mail address."""
    email = someone("alice")
    first, second = call("resolve_user", email), call("resolve_user", f" {email.upper()} ")
    assert (first.created, second.created) == (True, False)
    assert (second.muxi_user_id, second.created_at) == (first.muxi_user_id, first.created_at)
    assert abs((datetime.now(UTC) - first.created_at).total_seconds()) < 60


@pytest.mark.parametrize("name", ["Zoë Müller", "李小龍", "مريم", "a b/c?d=e&f#g", "100%"])
def test_names_in_any_script_travel_in_headers(call: Call, someone: Someone, name: str) -> None:
    """An identifier written in a body and one written in a header are the same."""
    identifier = f"{name} {someone('x')}"
    user_id = call("resolve_user", identifier).muxi_user_id
    assert call("get_user_identifiers", identifier) == [identifier]
    assert call("get_user", identifier).muxi_user_id == user_id


def test_types_tell_people_apart(call: Call, someone: Someone) -> None:
    """One value under two types is two people; without a type it is ambiguous."""
    value = someone("123").partition("@")[0]
    telegram = call("resolve_user", (value, "telegram"))
    discord = call("resolve_user", {"identifier": value, "type": "discord"})
    assert telegram.muxi_user_id != discord.muxi_user_id
    assert call("get_user", (value, "discord")).muxi_user_id == discord.muxi_user_id
    with pytest.raises(AmbiguousIdentifierError) as caught:
        call("list_sessions", value)
    assert sorted(caught.value.details["types"]) == ["discord", "telegram"]


def test_a_user_has_identifiers(call: Call, someone: Someone) -> None:
    """get_user tells each identifier's form, type and origin; a secret is masked."""
    email, secret = someone("alice"), f"key_{uuid.uuid4().hex}"
    linked = call("associate_user_identifiers", [email, (secret, "api_key")])
    user = call("get_user", email)
    assert (linked["created"], user.muxi_user_id) == (True, linked["muxi_user_id"])
    found = {one.type: one for one in user.identifiers}
    assert sorted(found) == ["api_key", "email"]
    assert (found["email"].identifier, found["email"].linked_by, found["email"].verified_at) == (
        email,
        "associate",
        None,
    )
    assert secret not in repr(user)
    assert call("resolve_user", secret).muxi_user_id == user.muxi_user_id


def test_the_last_identifier_is_kept(call: Call, someone: Someone) -> None:
    """unlink takes one identifier, refuses the last, and takes it when forced."""
    email, slack = someone("alice"), (someone("U1"), "slack")
    user_id = call("associate_user_identifiers", [email, slack])["muxi_user_id"]
    left = call("unlink_user_identifier", slack, user_id=email)
    assert (left["muxi_user_id"], [one["identifier"] for one in left["identifiers"]]) == (user_id, [email])
    with pytest.raises(LastIdentifierError):
        call("unlink_user_identifier", email)
    assert call("unlink_user_identifier", email, force=True)["identifiers"] == []
    with pytest.raises(UserNotFoundError):
        call("get_user", email)


def test_unknown_users(call: Call, someone: Someone) -> None:
    """Reading makes nobody: lists are empty, look-ups say so."""
    email = someone("nobody")
    assert list(call("list_sessions", email)) == list(call("list_memories", email)) == []
    assert call("search_memory", "anything", email) == []
    for name in ("get_user", "get_user_identifiers"):
        with pytest.raises(UserNotFoundError):
            call(name, email)
        with pytest.raises(UserNotFoundError):
            call(name, UNKNOWN)
    with pytest.raises(UserNotFoundError):
        call("associate_user_identifiers", [email], user_id=UNKNOWN)
    with pytest.raises(UserNotFoundError):
        call("get_user", email)


def test_sessions_and_messages_are_paged(call: Call, someone: Someone) -> None:
    """Page after page, newest first, nothing twice and nothing left out."""
    email = someone("alice")
    for number in range(3):
        call("chat", f"Message {number}", email, session_id="one", metadata={"number": number})
    call("chat", "Elsewhere", email, session_id="two")
    sessions = call("list_sessions", email, limit=1)
    assert [session.name for session in sessions] == ["two"]
    assert [session.name for session in call("iter_sessions", email, limit=1)] == ["two", "one"]
    last = call("list_sessions", email, limit=1, cursor=sessions.next_cursor)
    assert (last[0].messages, last.next_cursor) == (6, None)

    messages = call("iter_messages", last[0].session_id, email, limit=4)
    assert [message.seq for message in messages] == [6, 5, 4, 3, 2, 1]
    said = [message for message in messages if message.role == "user"]
    assert [(message.text, message.metadata["number"]) for message in said] == [
        ("Message 2", 2),
        ("Message 1", 1),
        ("Message 0", 0),
    ]


def test_memories_are_kept_found_and_forgotten(call: Call, someone: Someone) -> None:
    """add, list, search with a filter, and delete."""
    email, said_at = someone("alice"), datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    note = call("add_memory", "Prefers tea.", email, metadata={"source": "crm"}, importance=0.8, said_at=said_at)
    assert (note.text, note.kind, note.importance, note.said_at) == ("Prefers tea.", "note", 0.8, said_at)
    assert (note.metadata, note.channel) == ({"source": "crm"}, "email")
    more = call("add_memories", ["Plays the cello.", {"text": "Works at Acme.", "metadata": {"source": "hr"}}], email)
    assert [memory.text for memory in more] == ["Plays the cello.", "Works at Acme."]

    texts = [memory.text for memory in call("iter_memories", email, limit=2)]
    assert sorted(texts) == ["Plays the cello.", "Prefers tea.", "Works at Acme."]
    assert call("search_memory", "cello", email, limit=1)[0].memory.memory_id == more[0].memory_id
    [hit] = call("search_memory", "cello", email, limit=1, explain=True)
    assert set(hit.features) == set(hit.adds) == set(WEIGHTS)
    assert hit.adds["words"] == pytest.approx(WEIGHTS["words"] * hit.features["words"]) and hit.adds["words"] > 0
    assert sum(hit.adds.values()) == pytest.approx(hit.score)
    assert call("search_memory", "cello", email, limit=1)[0].features is None
    filtered = call("search_memory", "tea", email, filter_metadata={"source": "hr"})
    assert [hit.text for hit in filtered] == ["Works at Acme."]

    call("delete_memory", note.memory_id, email)
    with pytest.raises(MemoryNotFoundError):
        call("delete_memory", note.memory_id, email)
    assert len(call("list_memories", email)) == 2


def test_the_buffer_is_searched_too(call: Call, someone: Someone) -> None:
    """scope="buffer" finds what was just said; it does not find notes."""
    email = someone("alice")
    call("chat", "The meeting is in Ravenna.", email)
    call("add_memory", "Ravenna is far away.", email)
    found = [hit.text for hit in call("search_memory", "Ravenna", email, scope="buffer")]
    assert "The meeting is in Ravenna." in found
    assert "Ravenna is far away." not in found


@pytest.mark.parametrize(
    ("kind", "name", "args", "kwargs"),
    [
        (InvalidIdentifierError, "chat", ["Hello"], {}),
        (InvalidMessageError, "chat", ["", "alice"], {}),
        (InvalidMessageError, "chat", ["a\x00b", "alice"], {}),
        (MessageTooLargeError, "chat", ["x" * 10_000_000, "alice"], {}),
        (AgentNotFoundError, "chat", ["Hello", "alice"], {"agent": "nobody"}),
        (InvalidInputError, "search_memory", ["tea", "alice"], {"scope": "everything"}),
        (InvalidInputError, "add_memory", ["tea", "alice"], {"importance": "very"}),
        (InvalidInputError, "add_memory", ["tea", "alice"], {"importance": 2.0}),
        (InvalidCursorError, "list_memories", ["alice"], {"cursor": "nonsense"}),
        (InvalidInputError, "list_memories", ["alice"], {"limit": 0}),
        (InvalidInputError, "list_memories", ["alice"], {"limit": "many"}),
        (SessionNotFoundError, "list_messages", ["ses_nonsense", "alice"], {}),
        (InvalidIdentifierError, "resolve_user", [("alice", "No Type!")], {}),
        (InvalidIdentifierError, "associate_user_identifiers", [[]], {}),
    ],
)
def test_bad_input_has_its_error(call: Call, kind: type[MuxiError], name: str, args: Any, kwargs: Any) -> None:
    """The typed error crosses the wire, and the next request works."""
    with pytest.raises(kind) as caught:
        call(name, *args, **kwargs)
    assert isinstance(caught.value, kind)
    assert call("health") == {"status": "ok"}


def test_one_request_is_stored_once_however_often_it_comes(server: ServerProcess, someone: Someone) -> None:
    """A chat and a memory that arrive twice under one idempotency key are there once, with the first answer."""
    email = someone("alice")
    with FormationClient(server.url, client_key=server.client_key) as client:
        chat = requests.chat("I live in Ravenna.", email)
        first, second = client._wire.call(chat), client._wire.call(chat)
        assert (first.message_id, first.text) == (second.message_id, second.text)
        one, many = requests.add_memory("Owns a boat.", email), requests.add_memories(["Sails.", "Rows."], email)
        assert client._wire.call(one) == client._wire.call(one)
        assert client._wire.call(many) == client._wire.call(many)
        kept = sorted(memory.text for memory in client.iter_memories(email))
        assert kept == ["I live in Ravenna.", "Owns a boat.", "Rows.", "Sails."]
        assert [session.messages for session in client.iter_sessions(email)] == [2]


def test_threads_share_a_client(server: ServerProcess, someone: Someone) -> None:
    """One client serves many threads: every first contact of one identifier is the same user."""
    email = someone("alice")
    with FormationClient(server.url, client_key=server.client_key) as client, ThreadPoolExecutor(8) as pool:
        users = list(pool.map(lambda _: client.resolve_user(email), range(40)))
    assert len({user.muxi_user_id for user in users}) == 1
    assert sum(user.created for user in users) == 1


def test_a_reply_is_what_the_server_sent(server: ServerProcess, call: Call, someone: Someone) -> None:
    """The client's Reply has every member of the JSON answer."""
    email = someone("alice")
    reply = call("chat", "Hello", email)
    headers = {name.encode(): value for name, value in server.headers(email).items()}
    body = httpx.post(f"{server.url}/v1/chat", json={"message": "Hello"}, headers=headers, trust_env=False).json()
    assert sorted(body) == ["agent", "message_id", "recalled", "session_id", "text", "usage", "user_id"]
    assert (body["user_id"], body["session_id"], body["agent"]) == (reply.user_id, reply.session_id, reply.agent)
