"""Users as things, through both clients and on each kind of database."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from muxi.errors import (
    InvalidCursorError,
    InvalidIdentifierError,
    PermissionDeniedError,
    UserDisabledError,
    UserNotFoundError,
)
from tests.server.conftest import OTHER_ADMIN_KEY
from tests.support.both_clients import KINDS
from tests.support.server_process import ServerProcess

Call = Callable[..., Any]
Someone = Callable[[str], str]


def test_users_are_listed_and_found(call: Call, admin: Call, someone: Someone) -> None:
    """Newest first, in pages without a gap; found by how an identifier begins, in any case, or by their id."""
    start = someone("x").split("@")[0].removeprefix("x-")
    emails = [f"{start}-{number}@example.com" for number in range(3)]
    ids = [call("resolve_user", email).muxi_user_id for email in emails]
    assert [one.muxi_user_id for one in admin("users.list", limit=3)] == ids[::-1]
    assert [one.muxi_user_id for one in admin("users.iter", start.upper(), limit=2)] == ids
    first = admin("users.list", start, limit=2)
    assert [*first, *admin("users.list", start, limit=2, cursor=first.next_cursor)] == admin("users.iter", start)
    [found] = admin("users.list", ids[0])
    assert [one.identifier for one in found.identifiers] == [emails[0]]
    assert (found.last_at, found.disabled_at) == (None, None)
    assert admin("users.list", "nobody-" + start).items == ()
    with pytest.raises(InvalidCursorError):
        admin("users.list", limit=0)


def test_a_user_is_shown_with_what_they_have(call: Call, admin: Call, someone: Someone) -> None:
    """Counts, identifiers, when they last said something, and merges; by any identifier, an old id included."""
    alice, bob = someone("alice"), someone("bob")
    ids = [call("resolve_user", one).muxi_user_id for one in (alice, bob)]
    call("chat", "Hello", alice)
    merge = admin("merge_users", [alice, bob])
    for who in (alice, bob, *ids):
        shown = admin("users.show", who)
        assert shown.muxi_user_id == ids[0]
        assert {one.identifier for one in shown.identifiers} == {alice, bob}
        assert shown.holdings.messages == 2 and shown.holdings.sessions == 1
        assert shown.last_at is not None and shown.last_at >= shown.created_at
        assert [one.merge_id for one in shown.merges] == [merge.merge_id]
    assert [one.muxi_user_id for one in admin("users.list", bob)] == ids[:1]


def test_a_disabled_user_is_shut_out_everywhere(call: Call, admin: Call, someone: Someone) -> None:
    """Nothing is read, written or proven through any identifier; admins still see them; enabled, all is as it was."""
    email, slack = someone("alice"), (someone("U1"), "slack")
    alice = call("associate_user_identifiers", [email, slack])["muxi_user_id"]
    call("add_memory", "Likes tea", email)
    disabled = admin("users.disable", slack)
    assert disabled.muxi_user_id == alice and disabled.disabled_at is not None
    tried: list[tuple[str, tuple[Any, ...]]] = [
        ("resolve_user", (email,)),
        ("chat", ("Hello", slack)),
        ("search_memory", ("tea", email)),
        ("list_memories", (alice,)),
        ("add_memory", ("Likes milk", email)),
        ("get_user", (alice,)),
        ("get_user_identifiers", (email,)),
        ("associate_user_identifiers", ([email, ("U2", "slack")],)),
        ("proofs.start_verification", (email, slack)),
        ("users.export", (email,)),
    ]
    for name, args in tried:
        with pytest.raises(UserDisabledError) as error:
            call(name, *args)
        assert error.value.status == 403, name
    assert admin("get_user", email).muxi_user_id == alice
    assert admin("users.show", email).disabled_at == disabled.disabled_at
    assert alice in [one.muxi_user_id for one in admin("users.iter", disabled=True, limit=200)]
    assert [one.muxi_user_id for one in admin("users.list", email, disabled=False)] == []
    assert admin("users.disable", email).disabled_at == disabled.disabled_at
    assert admin("users.enable", email).disabled_at is None
    assert [memory.text for memory in call("list_memories", slack)] == ["Likes tea"]
    actions = [one.action for one in admin("list_audit", alice, limit=2)]
    assert actions == ["user.enabled", "user.disabled"]


def test_the_client_key_sees_and_changes_nobody(call: Call, someone: Someone) -> None:
    """List, details, disabling, erasing, restoring and linking many are refused; nothing has changed."""
    email = someone("alice")
    alice = call("resolve_user", email).muxi_user_id
    tried: list[tuple[str, tuple[Any, ...]]] = [
        ("users.list", ()),
        ("users.iter", ()),
        ("users.show", (alice,)),
        ("users.disable", (email,)),
        ("users.enable", (email,)),
        ("users.erase", (email,)),
        ("users.restore", ({},)),
        ("users.expire_anonymous", ()),
        ("users.associate_many", ([[email]],)),
    ]
    for name, args in tried:
        with pytest.raises(PermissionDeniedError) as error:
            call(name, *args)
        assert error.value.status == 403, name
    assert call("resolve_user", email).muxi_user_id == alice


def test_another_formations_users_are_not_there(call: Call, server: ServerProcess, someone: Someone) -> None:
    """The other formation's admin neither finds, sees, disables, exports nor erases them; a guess is answered alike."""
    email = someone("alice")
    alice = call("resolve_user", email).muxi_user_id

    def other(name: str, *args: Any) -> Any:
        return KINDS["sync"](server.url, OTHER_ADMIN_KEY, name, *args, formation="globex", admin=True)

    assert other("users.list", email).items == other("users.list", alice).items == ()
    for name in ("show", "disable", "enable", "export", "erase"):
        answers = set()
        for id in (alice, alice[:-6] + "000000"):
            with pytest.raises(UserNotFoundError) as error:
                other(f"users.{name}", id)
            answers.add(error.value.message.replace(id, "ID"))
        assert len(answers) == 1, name
    assert call("resolve_user", email).muxi_user_id == alice


def test_many_users_are_linked_at_once(call: Call, admin: Call, someone: Someone) -> None:
    """Each group is one user's; a group that conflicts is reported with its owner, and the rest is linked."""
    taken, bob = someone("taken"), someone("bob")
    owner, bob_id = (call("resolve_user", one).muxi_user_id for one in (taken, bob))
    slack = [(someone(f"U{number}"), "slack") for number in range(3)]
    groups = [
        [someone("new"), slack[0]],
        {"identifiers": [slack[1]], "user_id": bob},
        {"identifiers": [taken, slack[2]], "user_id": bob_id},
        {"identifiers": [("U9", "slack")], "user_id": someone("nobody")},
    ]
    dry = admin("users.associate_many", groups, dry_run=True)
    with pytest.raises(UserNotFoundError):
        call("get_user", slack[0])
    done = admin("users.associate_many", groups)
    for result in (dry, done):
        assert (result.groups, result.linked, result.users_made, result.conflict_count) == (4, 3, 1, 2)
        assert [(one.place, one.code) for one in result.conflicts] == [
            (3, "identifier_conflict"),
            (4, "user_not_found"),
        ]
        assert (result.conflicts[0].identifiers, result.conflicts[0].owners) == ((taken,), (owner,))
    assert (dry.dry_run, done.dry_run) == (True, False)
    assert call("resolve_user", slack[1]).muxi_user_id == bob_id
    with pytest.raises(UserNotFoundError):
        call("get_user", slack[2])
    again = admin("users.associate_many", groups[:2])
    assert (again.linked, again.unchanged, again.conflict_count) == (0, 3, 0)


def test_groups_that_are_none(admin: Call, someone: Someone) -> None:
    """A text instead of a list, an unknown member, no identifier, and over a thousand groups are refused."""
    for groups in ("abc", {"identifiers": ["a"]}, [{"identifiers": ["a"], "user": "b"}], [{"user_id": "a"}]):
        with pytest.raises(InvalidIdentifierError):
            admin("users.associate_many", groups)
    with pytest.raises(Exception, match="groups"):
        admin("users.associate_many", [[someone("a")]] * 1001)
