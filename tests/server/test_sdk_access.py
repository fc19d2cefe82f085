"""Keys, tokens, roles and sessions through both clients, against a real server process on both databases."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from muxi import AsyncFormationClient, FormationClient
from muxi.errors import (
    AuthenticationError,
    ConflictError,
    NotFoundError,
    PermissionDeniedError,
    SessionEndedError,
    SettingsError,
    UserNotFoundError,
)
from tests.support.eventually import eventually
from tests.support.server_process import ServerProcess

Call = Callable[..., Any]
Someone = Callable[[str], str]


def opens(server: ServerProcess, **credentials: str) -> bool:
    """Whether a key or token opens the server, by both clients."""

    async def awaited() -> str:
        async with AsyncFormationClient(server.url, **credentials) as client:
            return (await client.keys.whoami()).actor

    try:
        with FormationClient(server.url, **credentials) as client:
            assert client.keys.whoami().actor == asyncio.run(awaited())
    except AuthenticationError:
        return False
    return True


def test_a_key_is_made_listed_rotated_and_revoked(admin: Call, server: ServerProcess) -> None:
    """The whole life of a key; whoever has it works with ``api_key=``."""
    made = admin("keys.create", "web app", owner="ops", scopes=["chat:write"], expires_in=timedelta(days=1))
    assert (made.record.name, made.record.owner, made.record.scopes) == ("web app", "ops", ("chat:write",))
    assert made.key not in repr(made) and opens(server, api_key=made.key)
    assert admin("keys.show", made.record.key_id).key_id == made.record.key_id
    assert made.record.key_id in [one.key_id for one in admin("keys.iter", limit=1)][:5]
    assert admin("keys.list", limit=1).items[0].key_id >= made.record.key_id
    new = admin("keys.rotate", made.record.key_id, overlap=timedelta(minutes=1))
    assert opens(server, api_key=made.key) and opens(server, api_key=new.key)
    with pytest.raises(ConflictError):
        admin("keys.rotate", made.record.key_id)
    for record in (made.record, new.record):
        assert admin("keys.revoke", record.key_id).revoked_at is not None
    assert not opens(server, api_key=made.key) and not opens(server, api_key=new.key)
    with pytest.raises(NotFoundError):
        admin("keys.show", "key_01h455vb4pex5vsknk084sn02q")


def test_the_client_key_makes_no_keys(call: Call) -> None:
    """Administration needs its permission, which the error names."""
    with pytest.raises(PermissionDeniedError) as caught:
        call("keys.create")
    assert caught.value.details["permission"] == "keys:write"
    assert call("keys.whoami").actor == "client key"


def test_a_token_acts_for_its_user(call: Call, server: ServerProcess, someone: Someone) -> None:
    """With ``token=`` a client acts for that user without naming them, for nobody else, until it is revoked."""
    alice, bob = someone("alice"), someone("bob")
    call("add_memory", "Bob's own", bob)
    one, two, three = (call("tokens.create", alice, expires_in=timedelta(minutes=5)) for _ in range(3))
    with FormationClient(server.url, token=one.token) as client:
        assert client.chat("My favourite colour is blue").user_id == one.muxi_user_id
        assert client.keys.whoami().muxi_user_id == one.muxi_user_id
        with pytest.raises(UserNotFoundError):
            client.list_memories(bob)
    call("tokens.revoke", one.token)
    assert not opens(server, token=one.token) and opens(server, token=two.token)
    call("tokens.revoke", jti=two.jti)
    assert not opens(server, token=two.token) and opens(server, token=three.token)
    call("tokens.revoke_all", alice)
    assert not opens(server, token=three.token)
    assert call("tokens.public_keys") == {"keys": []}


def test_signing_keys_change_under_tokens(admin: Call, server: ServerProcess, someone: Someone) -> None:
    """A token of the old signing key works on."""
    token = admin("tokens.create", someone("alice")).token
    assert admin("tokens.rotate_signing_key")
    assert opens(server, token=token)


def test_own_roles(admin: Call, server: ServerProcess, someone: Someone) -> None:
    """A role is made, listed, changed and removed."""
    name = "r" + someone("x").partition("@")[0].partition("-")[2]
    assert admin("roles.put", name, ["memories:*"], "remembers").permissions == ("memories:read", "memories:write")
    made = admin("keys.create", role=name)
    assert name in [role.name for role in admin("roles.list") if not role.built_in]
    with pytest.raises(ConflictError):
        admin("roles.remove", name)
    admin("keys.revoke", made.record.key_id)
    admin("roles.remove", name)
    with pytest.raises(NotFoundError):
        admin("roles.remove", name)


def test_a_session_is_opened_and_ended(call: Call, someone: Someone) -> None:
    """It is listed with its metadata, chatted in, and ended for good."""
    alice = someone("alice")
    session = call("sessions.create", alice, {"device": "tv"}, expires_in=timedelta(hours=1))
    assert session.metadata == {"device": "tv"} and session.ends_at is not None
    assert [one.session_id for one in call("list_sessions", alice)] == [session.session_id]
    call("chat", "Hello", alice, session_id=session.session_id)
    assert call("sessions.end", session.session_id, alice).messages == 2
    with pytest.raises(SessionEndedError):
        call("chat", "Hello", alice, session_id=session.session_id)


def test_one_kind_of_key(server: ServerProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    """A client is made with one kind of key; MUXI_API_KEY goes before the keys of the settings."""
    with pytest.raises(SettingsError):
        FormationClient(server.url, client_key="x", api_key="y")
    with pytest.raises(SettingsError):
        FormationClient(server.url, api_key="x", token="y")
    monkeypatch.setenv("MUXI_API_KEY", "wrong")
    monkeypatch.setenv("MUXI_CLIENT_KEY", server.client_key)
    assert not opens(server)
    monkeypatch.delenv("MUXI_API_KEY")
    assert eventually(lambda: opens(server))
