"""Write through one identifier, read through another; and nobody reads anybody else's, by any door, on each database.

One server serves two formations, F and G, on one database; Alice has three identifiers in F; Bob is another user
of F; and G has an Alice of its own.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from muxi import FormationClient
from muxi.errors import FormationNotFoundError, MemoryNotFoundError, MuxiError, SessionNotFoundError, UserNotFoundError
from tests.conftest import EACH_KIND
from tests.support.postgres import new_database
from tests.support.server_process import ServerProcess

EMAIL, SLACK, INTERNAL = "alice@acme.com", ("U98765ABC", "slack"), ("user_123", "internal")
BOB = "bob@acme.com"
KEYS_OF_G = ("client-key-of-formation-g", "admin-key-of-formation-g")


@dataclass(frozen=True)
class World:
    """The server's two formations, as their clients see them."""

    url: str
    f: FormationClient
    g: FormationClient


@pytest.fixture(params=EACH_KIND, scope="module")
def world(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder: Path = tmp_path_factory.mktemp("matrix")
    address = str(folder / "shared.db")
    if request.param == "postgres":
        address = new_database(request.getfixturevalue("postgres_url"))
    persistent = f"memory: {{persistent: {{provider: {request.param}, connection_string: '{address}'}}}}"
    configs = [
        f"id: f\n{persistent}\n",
        f"id: g\n{persistent}\nkeys: {{client_key: {KEYS_OF_G[0]}, admin_key: {KEYS_OF_G[1]}}}\n",
    ]
    with (
        ServerProcess(folder, configs=configs) as server,
        FormationClient(url=server.url, client_key=server.client_key) as f,
        FormationClient(url=server.url, formation_id="g", client_key=KEYS_OF_G[0]) as g,
    ):
        f.associate_user_identifiers([EMAIL, SLACK, INTERNAL])
        f.resolve_user(BOB)
        g.resolve_user(EMAIL)
        yield World(server.url, f, g)


def by_id(client: FormationClient) -> str:
    return client.resolve_user(EMAIL).muxi_user_id


#: For every kind of data: how to write it as a user, and how to read what a user has of it.
Write = Callable[[FormationClient, Any, str], object]
Read = Callable[[FormationClient, Any, str], list[str]]
KINDS: dict[str, tuple[Write, Read]] = {
    "message": (
        lambda client, user, word: client.chat(f"I like {word}", user_id=user, session_id="shared name"),
        lambda client, user, word: [
            message.text
            for session in client.iter_sessions(user)
            for message in client.iter_messages(session.session_id, user)
        ],
    ),
    "what was said": (
        lambda client, user, word: client.chat(f"I like {word}", user_id=user),
        lambda client, user, word: [hit.text for hit in client.search_memory(f"I like {word}?", user)],
    ),
    "recalled in a turn": (
        lambda client, user, word: client.chat(f"I like {word}", user_id=user),
        lambda client, user, word: [
            hit.text
            for hit in client.chat(f"Do I like {word}?", user_id=user, session_id="recalling").recalled
            if "?" not in hit.text
        ],
    ),
    "note": (
        lambda client, user, word: client.add_memory(f"I like {word}", user),
        lambda client, user, word: [memory.text for memory in client.iter_memories(user)],
    ),
    "context": (
        lambda client, user, word: client.context.add(user, "likes", word),
        lambda client, user, word: list(client.context.get(user).get("likes", ())),
    ),
    "history of the context": (
        lambda client, user, word: client.context.set(user, f"seen.{word}", word),
        lambda client, user, word: [str(fact.value) for fact in client.context.iter_history(user)],
    ),
    "buffer": (
        lambda client, user, word: client.chat(f"I like {word}", user_id=user),
        lambda client, user, word: [
            hit.text for hit in client.search_memory("I like", user, scope="buffer", limit=500)
        ],
    ),
    "identifier": (
        lambda client, user, word: client.associate_user_identifiers([(f"I like {word}", "internal")], user),
        lambda client, user, word: client.get_user_identifiers(user),
    ),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("written_by", [EMAIL, SLACK, INTERNAL, "id"], ids=str)
def test_written_by_one_identifier_read_by_all_others(world: World, kind: str, written_by: Any) -> None:
    """Every kind of data, every pair of identifiers, and never by Bob or by the other formation's Alice."""
    write, read = KINDS[kind]
    word = f"word{uuid.uuid4().hex[:12]}"
    user = by_id(world.f) if written_by == "id" else written_by
    write(world.f, user, word)
    for reader in (EMAIL, SLACK, INTERNAL, by_id(world.f)):
        assert any(word in text for text in read(world.f, reader, word)), reader
    for client, stranger in ((world.f, BOB), (world.g, EMAIL), (world.g, SLACK)):
        assert not any(word in text for text in found_or_nothing(read, client, stranger, word))


def found_or_nothing(read: Read, client: FormationClient, user: Any, word: str) -> list[str]:
    try:
        return [text for text in read(client, user, word) if "?" not in text]
    except UserNotFoundError:
        return []


def test_sessions_are_not_shared_between_identifiers(world: World) -> None:
    """One user, but each identifier goes on in a conversation of its own."""
    web = world.f.chat("hello", user_id=EMAIL)
    slack = world.f.chat("hello", user_id=SLACK)
    assert web.user_id == slack.user_id and web.session_id != slack.session_id
    assert world.f.chat("hello again", user_id=SLACK).session_id == slack.session_id


BY_ID: dict[str, Callable[[FormationClient, Any, Any], object]] = {
    "chat in a session": lambda client, user, ids: client.chat("hi", user_id=user, session_id=ids["session"]),
    "messages of a session": lambda client, user, ids: client.list_messages(ids["session"], user),
    "delete a memory": lambda client, user, ids: client.delete_memory(ids["memory"], user),
}


@pytest.mark.parametrize("door", BY_ID)
def test_an_id_of_somebody_else_is_not_there(world: World, door: str) -> None:
    """Bob, the other formation, and a guess get the same answer, and nothing has changed afterwards."""
    ids = {
        "session": world.f.chat("mine", user_id=EMAIL, session_id="guarded").session_id,
        "memory": world.f.add_memory("mine", EMAIL).memory_id,
    }
    guesses = {name: id[:-6] + "000000" for name, id in ids.items()}
    answers = []
    for client, user, tried in ((world.f, BOB, ids), (world.g, EMAIL, ids), (world.f, BOB, guesses)):
        with pytest.raises((SessionNotFoundError, MemoryNotFoundError)) as error:
            BY_ID[door](client, user, tried)
        text = error.value.message
        for id in (*ids.values(), *guesses.values()):
            text = text.replace(id, "ID")
        answers.append((type(error.value), error.value.status, text))
    assert len(set(answers)) == 1
    assert "mine" in [message.text for message in world.f.iter_messages(ids["session"], EMAIL)]
    assert ids["memory"] in [memory.memory_id for memory in world.f.iter_memories(EMAIL)]


def test_a_user_id_of_another_formation_is_not_there(world: World) -> None:
    """Not to read, to write, to link to or to chat as."""
    abroad = by_id(world.g)
    doors: list[Callable[[], object]] = [
        lambda: world.f.get_user(abroad),
        lambda: world.f.chat("hi", user_id=abroad),
        lambda: world.f.add_memory("hi", abroad),
        lambda: world.f.associate_user_identifiers([("x", "internal")], abroad),
        lambda: world.f.get_user_identifiers(abroad),
    ]
    for door in doors:
        with pytest.raises(UserNotFoundError):
            door()


def test_a_key_opens_its_own_formation_only(world: World) -> None:
    """F's key at G, and no key, are refused before anything is looked at."""
    for key in ("test-client-key-0123456789", "wrong-key-wrong-key-wrong", None):
        with (
            FormationClient(url=world.url, formation_id="g", client_key=key) as client,
            pytest.raises(MuxiError) as error,
        ):
            client.resolve_user(EMAIL)
        assert error.value.status == 401
    with (
        FormationClient(url=world.url, formation_id="nowhere", client_key="test-client-key-0123456789") as client,
        pytest.raises(FormationNotFoundError),
    ):
        client.resolve_user(EMAIL)
