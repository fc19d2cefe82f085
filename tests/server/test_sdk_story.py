"""One user, many identifiers, one memory: through the SDK, against a real server process, on both databases."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from muxi import FormationClient
from muxi.errors import (
    AuthenticationError,
    FormationNotFoundError,
    IdentifierConflictError,
    MemoryNotFoundError,
    SessionNotFoundError,
    UserNotFoundError,
)
from tests.server.conftest import OTHER_CLIENT_KEY
from tests.support.both_clients import KINDS
from tests.support.server_process import ServerProcess

Call = Callable[..., Any]
Someone = Callable[[str], str]


def test_the_web_then_slack(call: Call, someone: Someone) -> None:
    """What somebody said on the web is known in Slack, once both identifiers are linked; sessions stay apart."""
    email, slack = someone("alice"), (someone("U98765ABC"), "slack")
    web = call("chat", "My budget is $5,000", email)
    linked = call("associate_user_identifiers", [email, slack])
    asked = call("chat", "What is my budget?", slack)

    assert linked["muxi_user_id"] == web.user_id == asked.user_id
    assert linked["created"] is False
    assert asked.recalled[0].text == "My budget is $5,000"
    assert asked.recalled[0].memory.channel == "email"
    assert "My budget is $5,000" in str(asked)
    assert asked.session_id != web.session_id
    assert sorted(call("get_user_identifiers", slack)) == sorted([email, slack[0]])


def test_every_identifier_reads_what_another_wrote(call: Call, someone: Someone) -> None:
    """Memories, sessions, messages and identifiers written through A are read through B, and by the user's id."""
    one, two = someone("a"), (someone("b"), "telegram")
    user_id = call("associate_user_identifiers", [one, two])["muxi_user_id"]
    reply = call("chat", "I play the cello.", one, session_id="music")
    note = call("add_memory", "Allergic to nuts.", one)
    for reader in (one, two, user_id):
        assert call("resolve_user", reader).muxi_user_id == user_id
        assert [session.session_id for session in call("list_sessions", reader)] == [reply.session_id]
        assert len(call("list_messages", reply.session_id, reader)) == 2
        texts = [memory.text for memory in call("list_memories", reader)]
        assert sorted(texts) == ["Allergic to nuts.", "I play the cello."]
        assert call("search_memory", "nuts allergic", reader)[0].memory == note
        assert call("get_user", reader).muxi_user_id == user_id


def test_nobody_sees_anybody_elses(call: Call, someone: Someone) -> None:
    """Neither by search nor by id is anything of another user to be had."""
    mine, yours = someone("mine"), someone("yours")
    reply = call("chat", "My secret word is xylophone.", mine)
    note = call("add_memory", "Likes the xylophone.", mine)
    call("resolve_user", yours)
    assert call("search_memory", "xylophone", yours) == []
    assert list(call("list_memories", yours)) == []
    assert list(call("list_sessions", yours)) == []
    assert call("chat", "What is the secret word, xylophone?", yours).recalled == ()
    for name in (yours, someone("stranger")):
        with pytest.raises(SessionNotFoundError):
            call("list_messages", reply.session_id, name)
        with pytest.raises(MemoryNotFoundError):
            call("delete_memory", note.memory_id, name)
    with pytest.raises(SessionNotFoundError):
        call("chat", "Hello", yours, session_id=reply.session_id)
    assert len(call("list_memories", mine)) == 2


def test_formations_are_apart(server: ServerProcess, call: Call, someone: Someone) -> None:
    """The same e-mail in two formations is two users; neither sees the other's, also by id."""
    email = someone("alice")
    here = call("chat", "The code is 4711.", email)
    note = call("add_memory", "The code is 4711.", email)
    for use in KINDS.values():

        def there(name: str, *args: Any, use: Any = use) -> Any:
            return use(server.url, OTHER_CLIENT_KEY, name, *args, formation="globex")

        other = there("chat", "What is the code, 4711?", email)
        assert other.user_id != here.user_id
        assert [hit.text for hit in other.recalled if "is 4711." in hit.text] == []
        with pytest.raises(UserNotFoundError):
            there("get_user", here.user_id)
        with pytest.raises(UserNotFoundError):
            there("chat", "Hello", here.user_id)
        with pytest.raises(SessionNotFoundError):
            there("list_messages", here.session_id, email)
        with pytest.raises(MemoryNotFoundError):
            there("delete_memory", note.memory_id, email)


def test_the_default_formation_is_the_servers_own(call: Call, someone: Someone) -> None:
    """`formation_id="default"` reaches the server's own formation whatever its id; its id reaches it as well."""
    email = someone("alice")
    user_id = call("resolve_user", email).muxi_user_id
    assert call("resolve_user", email, formation="acme").muxi_user_id == user_id


@pytest.mark.parametrize("use", KINDS.values(), ids=list(KINDS))
def test_keys_open_one_formation(server: ServerProcess, use: Any, someone: Someone) -> None:
    """No key, a wrong one and another formation's are refused; a formation that is not there is not found."""
    for key, formation in (
        ("", "default"),
        ("wrong-key-0123456789", "default"),
        (OTHER_CLIENT_KEY, "default"),
        (server.client_key, "globex"),
    ):
        with pytest.raises(AuthenticationError):
            use(server.url, key, "list_sessions", someone("alice"), formation=formation)
    with pytest.raises(FormationNotFoundError):
        use(server.url, server.client_key, "list_sessions", someone("alice"), formation="nowhere")


def test_only_an_admin_learns_who_owns_an_identifier(server: ServerProcess, someone: Someone) -> None:
    """A conflict names the identifiers to everybody, their owners to the admin key only."""
    taken, email = someone("taken"), someone("alice")
    with FormationClient(server.url, client_key=server.client_key) as client:
        owner = client.resolve_user(taken).muxi_user_id
        client.resolve_user(email)
        with pytest.raises(IdentifierConflictError) as seen:
            client.associate_user_identifiers([taken], user_id=email)
    assert seen.value.details["identifiers"] == [taken]
    assert "owners" not in seen.value.details
    with (
        FormationClient(server.url, admin_key=server.admin_key) as admin,
        pytest.raises(IdentifierConflictError) as told,
    ):
        admin.associate_user_identifiers([taken], user_id=email)
    assert owner in str(told.value.details["owners"])
