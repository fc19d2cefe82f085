"""What the client sends, without sending it."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import Any

import pytest

from muxi.client import requests
from muxi.client.identifiers import as_headers, as_json, list_as_json
from muxi.errors import (
    InvalidIdentifierError,
    InvalidMemoryError,
    InvalidMessageError,
    MemoryNotFoundError,
    SessionNotFoundError,
)

ALICE = {"X-Muxi-User-Id": "alice@acme.com"}


@pytest.mark.parametrize(
    ("told", "carried"),
    [
        ("alice@acme.com", {"identifier": "alice@acme.com"}),
        ("  alice@acme.com ", {"identifier": "alice@acme.com"}),
        (42, {"identifier": "42"}),
        (("U98765ABC", "slack"), {"identifier": "U98765ABC", "type": "slack"}),
        ((123, "telegram"), {"identifier": "123", "type": "telegram"}),
        (("bob", None), {"identifier": "bob"}),
        ({"identifier": "U98765ABC", "type": "slack"}, {"identifier": "U98765ABC", "type": "slack"}),
        ({"identifier": 7}, {"identifier": "7"}),
        ("Zoe\u0308", {"identifier": "Zo\u00eb"}),
    ],
)
def test_every_form_of_an_identifier_is_carried(told: Any, carried: dict[str, str]) -> None:
    """Strings, numbers, pairs and mappings all become one JSON form, trimmed and in NFC."""
    assert as_json(told) == carried


@pytest.mark.parametrize(
    "told",
    [
        "",
        "   ",
        "a\r\nX-Muxi-Admin-Key: stolen",
        "a\nb",
        "a\x00b",
        "a\u202eb",
        "\ud800",
        "x" * 256,
        True,
        None,
        1.5,
        b"alice",
        ["alice", "slack"],
        ("alice", "slack", "web"),
        ("alice", "sl\nack"),
        ("alice", 5),
        {"type": "slack"},
        {"identifier": "alice", "kind": "slack"},
        {"identifier": True},
    ],
)
def test_what_is_no_identifier_is_refused_before_it_is_sent(told: Any) -> None:
    """Empty, too long, of another form, or with a line break that would begin another header."""
    with pytest.raises(InvalidIdentifierError):
        as_json(told)


@pytest.mark.parametrize("told", ["alice@acme.com", {"identifier": "alice"}, 42, None])
def test_a_single_identifier_is_no_list(told: Any) -> None:
    """A string is not taken apart into its letters."""
    with pytest.raises(InvalidIdentifierError, match="not a list"):
        list_as_json(told)


def test_the_acting_user_travels_in_headers() -> None:
    """Value and type have a header each; nobody has none."""
    assert as_headers(("U1", "slack")) == {"X-Muxi-User-Id": "U1", "X-Muxi-User-Id-Type": "slack"}
    assert as_headers("alice@acme.com") == ALICE
    assert as_headers(None) == {}


def test_chat_names_the_request() -> None:
    """A chat request carries a fresh idempotency key, the user in a header, and only what was told in the body."""
    first, second = requests.chat("Hello", "alice@acme.com"), requests.chat("Hello", "alice@acme.com")
    key = first.headers["Idempotency-Key"]
    assert (first.method, first.path, first.json, first.idempotent) == ("POST", "/v1/chat", {"message": "Hello"}, True)
    assert first.headers == ALICE | {"Idempotency-Key": key}
    assert uuid.UUID(key).version == 4
    assert second.headers["Idempotency-Key"] != key


def test_chat_carries_what_it_is_told() -> None:
    """Agent, session, metadata and streaming are members of the body."""
    request = requests.chat("Hi", 42, agent="a", session_id="s", metadata={"k": 1}, stream=True)
    assert request.json == {"message": "Hi", "agent": "a", "session_id": "s", "metadata": {"k": 1}, "stream": True}
    assert request.headers["Accept"] == "text/event-stream"
    assert request.headers["X-Muxi-User-Id"] == "42"


@pytest.mark.parametrize("message", [b"Hi", None, 5, ["Hi"]])
def test_a_message_is_text(message: Any) -> None:
    """What is no text is refused before it is sent."""
    with pytest.raises(InvalidMessageError):
        requests.chat(message, "alice")


def test_identity_requests() -> None:
    """resolve, associate, unlink and the look-ups have the paths and bodies of the contract."""
    resolve = requests.resolve_user(("U1", "slack"))
    assert (resolve.method, resolve.path) == ("POST", "/v1/users/resolve")
    assert resolve.json == {"identifier": "U1", "type": "slack"}

    associate = requests.associate(["alice@acme.com", ("U1", "slack")], "usr_x")
    assert (associate.method, associate.path, associate.idempotent) == ("POST", "/v1/identifiers", True)
    assert associate.json == {
        "identifiers": [{"identifier": "alice@acme.com"}, {"identifier": "U1", "type": "slack"}],
        "user_id": {"identifier": "usr_x"},
    }
    assert requests.associate(["a"]).json == {"identifiers": [{"identifier": "a"}]}

    unlink = requests.unlink(("U1", "slack"), "alice@acme.com", force=True)
    assert (unlink.method, unlink.path, unlink.idempotent) == ("POST", "/v1/identifiers/unlink", False)
    assert unlink.json == {
        "identifier": "U1",
        "type": "slack",
        "user_id": {"identifier": "alice@acme.com"},
        "force": True,
    }

    assert (requests.user("usr_x").method, requests.user("usr_x").path) == ("GET", "/v1/users/usr_x")
    for look_up in (requests.owner("alice@acme.com"), requests.identifiers("alice@acme.com")):
        assert (look_up.method, look_up.path, look_up.headers) == ("GET", "/v1/identifiers", ALICE)


def test_lists_are_paged() -> None:
    """limit and cursor are parameters of the query; a first page has no cursor."""
    first, second = requests.sessions("alice@acme.com"), requests.memories("alice@acme.com", 5, "c+/=")
    assert (first.path, first.params, first.headers) == ("/v1/sessions", {"limit": "50"}, ALICE)
    assert (second.path, second.params) == ("/v1/memories", {"limit": "5", "cursor": "c+/="})


def test_ids_stay_one_segment_of_the_path() -> None:
    """An id cannot reach another route."""
    assert requests.messages("../x?y#z", "alice").path == "/v1/sessions/..%2Fx%3Fy%23z/messages"
    assert requests.delete_memory("mem/é", "alice").path == "/v1/memories/mem%2F%C3%A9"
    for id in ("", ".", ".."):
        with pytest.raises(SessionNotFoundError):
            requests.messages(id, "alice")
        with pytest.raises(MemoryNotFoundError):
            requests.delete_memory(id, "alice")


def test_memory_requests() -> None:
    """Memories carry only what was told, with a fresh idempotency key; times are RFC 3339."""
    said_at = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    one = requests.add_memory("Likes tea", "alice@acme.com", metadata={"k": 1}, said_at=said_at)
    assert (one.method, one.path) == ("POST", "/v1/memories")
    assert one.json == {
        "text": "Likes tea",
        "metadata": {"k": 1},
        "importance": 0.5,
        "said_at": "2026-01-02T03:04:05+00:00",
    }
    assert "Idempotency-Key" in one.headers

    many = requests.add_memories(["a", {"text": "b", "importance": 1.0, "said_at": said_at}], "alice@acme.com")
    assert many.json == {
        "memories": [{"text": "a"}, {"text": "b", "importance": 1.0, "said_at": "2026-01-02T03:04:05+00:00"}]
    }

    search = requests.search("tea?", "alice@acme.com", 3, "a", {"k": 1}, "buffer")
    assert (search.method, search.path, search.headers) == ("POST", "/v1/memories/search", ALICE)
    assert search.json == {
        "query": "tea?",
        "limit": 3,
        "scope": "buffer",
        "agent": "a",
        "filter_metadata": {"k": 1},
    }


def test_a_single_memory_is_no_list() -> None:
    """A string is not taken apart into its letters."""
    with pytest.raises(InvalidMemoryError):
        requests.add_memories("tea", "alice")


def test_merge_requests() -> None:
    """What joins or separates people is not sent twice; a dry run and linking may be."""
    merge = requests.merge(["a@b.com", ("U1", "slack")], into="usr_x")
    assert (merge.method, merge.path, merge.idempotent) == ("POST", "/v1/users/merge", False)
    assert merge.json == {
        "users": [{"identifier": "a@b.com"}, {"identifier": "U1", "type": "slack"}],
        "dry_run": False,
        "into": {"identifier": "usr_x"},
    }
    assert requests.merge(["a"], into="b", dry_run=True).idempotent is True
    split = requests.split("mrg_x")
    assert (split.path, split.json, split.idempotent) == ("/v1/users/split", {"merge_id": "mrg_x"}, False)
    assert requests.associate(["a"], merge=True).json == {"identifiers": [{"identifier": "a"}], "merge": True}
    assert requests.audit(action="users.merged").params == {"limit": "50", "action": "users.merged"}
