"""Merging, splitting and the audit, through both clients and on each kind of database."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from muxi.client.replies import Holdings, MergePreview
from muxi.errors import (
    IdentifierConflictError,
    InvalidInputError,
    MergeConflictError,
    MergeNotFoundError,
    PermissionDeniedError,
    UserNotFoundError,
)
from tests.server.conftest import OTHER_ADMIN_KEY
from tests.support.both_clients import KINDS
from tests.support.server_process import ServerProcess

Call = Callable[..., Any]
Someone = Callable[[str], str]


@pytest.fixture
def two(call: Call, someone: Someone) -> tuple[str, str]:
    """Two users, the older one first, each with a memory."""
    emails = someone("alice"), someone("bob")
    for email in emails:
        call("add_memory", f"{email} likes tea", email)
    return emails


def texts(call: Call, user: str) -> set[str]:
    return {memory.text for memory in call("iter_memories", user)}


def test_two_users_become_one_and_two_again(call: Call, admin: Call, two: tuple[str, str]) -> None:
    """Merged, both identifiers and both ids reach everything; split, each side has its own, what came later stays."""
    alice, bob = (call("resolve_user", email).muxi_user_id for email in two)
    merge = admin("merge_users", [two[1], two[0]])
    assert (merge.survivor, merge.merged, merge.split_at) == (alice, (bob,), None)
    assert merge.merged_by == "admin key"
    for who in (*two, alice, bob):
        assert call("resolve_user", who).muxi_user_id == alice
        assert texts(call, who) == {f"{email} likes tea" for email in two}
    call("add_memory", "said while they were one", two[1])
    assert call("list_merges", bob) == [merge]
    undone = admin("split_merge", merge.merge_id)
    assert undone.split_at is not None and undone.merge_id == merge.merge_id
    assert call("resolve_user", two[1]).muxi_user_id == bob
    assert texts(call, two[1]) == {f"{two[1]} likes tea"}
    assert texts(call, two[0]) == {f"{two[0]} likes tea", "said while they were one"}
    assert call("list_merges", alice) == [undone]
    with pytest.raises(MergeConflictError):
        admin("split_merge", merge.merge_id)


def test_the_survivor_can_be_named(call: Call, admin: Call, two: tuple[str, str]) -> None:
    """With `into` the younger survives, and one user is enough to name besides."""
    younger = call("resolve_user", two[1]).muxi_user_id
    assert admin("merge_users", [two[0]], into=two[1]).survivor == younger
    with pytest.raises(MergeConflictError):
        admin("merge_users", [*two])


def test_a_dry_run_counts_and_changes_nothing(call: Call, admin: Call, two: tuple[str, str]) -> None:
    """It names the survivor first and what each has; both are who they were, and nobody was merged."""
    alice, bob = (call("resolve_user", email).muxi_user_id for email in two)
    call("chat", "Hello", two[1])
    call("context.merge", two[1], {"name": "Bob", "likes": {"tea": True}})
    call("context.set", two[1], "name", "Robert")
    preview = admin("merge_users", two, dry_run=True)
    assert isinstance(preview, MergePreview) and preview.survivor == alice
    assert list(preview.holdings) == [alice, bob]
    assert preview.holdings[alice] == Holdings(identifiers=1, sessions=0, messages=0, memories=1, facts=0)
    assert preview.holdings[bob].sessions == 1 and preview.holdings[bob].messages == 2
    assert preview.holdings[bob].facts == 2
    assert admin("users.show", bob).holdings == preview.holdings[bob]
    assert call("resolve_user", two[1]).muxi_user_id == bob and call("list_merges", two[1]) == []


def test_linking_can_merge(call: Call, admin: Call, two: tuple[str, str]) -> None:
    """Identifiers of several users conflict, unless an admin says to merge; then a split undoes it."""
    alice, bob = (call("resolve_user", email).muxi_user_id for email in two)
    with pytest.raises(IdentifierConflictError):
        admin("associate_user_identifiers", two)
    linked = admin("associate_user_identifiers", two, merge=True)
    assert (linked["muxi_user_id"], linked["created"]) == (alice, False)
    [merge] = call("list_merges", bob)
    admin("split_merge", merge.merge_id)
    assert call("resolve_user", two[1]).muxi_user_id == bob


def test_the_client_key_joins_nobody(call: Call, admin: Call, two: tuple[str, str]) -> None:
    """Merge, dry run, split, linking that merges, and the audit are refused; nothing has changed."""
    merge = admin("merge_users", two)
    tried: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = [
        ("merge_users", (two,), {}),
        ("merge_users", (two,), {"dry_run": True}),
        ("split_merge", (merge.merge_id,), {}),
        ("associate_user_identifiers", (two,), {"merge": True}),
        ("list_audit", (), {}),
        ("iter_audit", (), {}),
        ("verify_audit", (), {}),
    ]
    for name, args, kwargs in tried:
        with pytest.raises(PermissionDeniedError) as error:
            call(name, *args, **kwargs)
        assert error.value.status == 403
    assert call("list_merges", two[0]) == [merge]


def test_the_audit_tells_who_did_what(call: Call, admin: Call, two: tuple[str, str], server: ServerProcess) -> None:
    """Of one user: newest first, in pages, by action, without what an identifier was; and the chain is sound."""
    alice, bob = (call("resolve_user", email).muxi_user_id for email in two)
    call("associate_user_identifiers", [("U1" + alice[4:], "slack")], alice)
    call("unlink_user_identifier", ("U1" + alice[4:], "slack"))
    merge = admin("merge_users", two)
    admin("split_merge", merge.merge_id)
    records = admin("iter_audit", alice)
    assert [(one.action, one.actor) for one in records] == [
        ("users.split", "admin key"),
        ("users.merged", "admin key"),
        ("identifier.unlinked", "client key"),
        ("identifier.linked", "client key"),
        ("identifier.linked", "resolve"),
        ("user.created", "resolve"),
    ]
    assert records[1].details == {"merge_id": merge.merge_id, "merged": [bob]}
    assert {one.muxi_user_id for one in records} == {alice} and two[0] not in str(records)
    assert admin("iter_audit", alice, limit=2) == records
    first = admin("list_audit", alice, limit=4)
    assert [*first, *admin("list_audit", alice, limit=4, cursor=first.next_cursor)] == records
    assert [one.seq for one in admin("list_audit", alice, "users.merged")] == [records[1].seq]
    assert admin("list_audit", "nobody-" + two[0]).items == ()
    verdict = admin("verify_audit")
    assert (verdict["sound"], verdict["broken_at"]) == (True, None) and verdict["rows"] >= records[0].seq


def test_another_formations_people_and_merges_are_not_there(
    call: Call, admin: Call, two: tuple[str, str], server: ServerProcess
) -> None:
    """The other formation's admin can neither merge these users, undo their merge, nor read of them."""
    merge = admin("merge_users", two)

    def other(name: str, *args: Any, **kwargs: Any) -> Any:
        return KINDS["sync"](server.url, OTHER_ADMIN_KEY, name, *args, formation="globex", admin=True, **kwargs)

    with pytest.raises(UserNotFoundError):
        other("merge_users", [merge.survivor, *merge.merged])
    with pytest.raises(MergeNotFoundError):
        other("split_merge", merge.merge_id)
    assert other("list_audit", merge.survivor).items == ()
    seen = {one.muxi_user_id for one in other("iter_audit")}
    assert merge.survivor not in seen and other("verify_audit")["sound"]
    assert call("list_merges", two[0]) == [merge]


def test_what_cannot_be_merged(call: Call, admin: Call, two: tuple[str, str]) -> None:
    """One user, a stranger, nobody, and a single text instead of a list are typed errors."""
    for users, error in (
        ([two[0], two[0]], MergeConflictError),
        ([two[0], "stranger-" + two[0]], UserNotFoundError),
        ([], MergeConflictError),
        (two[0], InvalidInputError),
    ):
        with pytest.raises(error):
            admin("merge_users", users)
    with pytest.raises(MergeNotFoundError):
        admin("split_merge", "mrg_nonsense")


def test_the_shapes_on_the_wire(call: Call, two: tuple[str, str], server: ServerProcess) -> None:
    """A merge, a preview and a record have the documented members, and a wrong field is refused."""
    with httpx.Client(base_url=server.url, headers={"X-Muxi-Admin-Key": server.admin_key}, trust_env=False) as http:
        wrong = http.post("/v1/users/merge", json={"users": two, "dry": True})
        preview = http.post("/v1/users/merge", json={"users": two, "dry_run": True}).json()
        merge = http.post("/v1/users/merge", json={"users": two}).json()
        split = http.post("/v1/users/split", json={"merge_id": merge["merge_id"]}).json()
        listed = http.get("/v1/merges", headers={"X-Muxi-User-Id": two[0]}).json()
        page = http.get("/v1/audit?limit=1").json()
        verdict = http.get("/v1/audit/verify").json()
    assert (wrong.status_code, wrong.json()["code"]) == (422, "invalid_input")
    assert sorted(preview) == ["disagreements", "holdings", "survivor"]
    assert preview["holdings"][preview["survivor"]] == {
        **{"identifiers": 1, "sessions": 0, "messages": 0, "memories": 1},
        "facts": 0,
    }
    assert sorted(merge) == ["merge_id", "merged", "merged_at", "merged_by", "split_at", "survivor"]
    assert merge["split_at"] is None and split == merge | {"split_at": split["split_at"]}
    assert listed == {"merges": [split]}
    assert sorted(page) == ["next_cursor", "records"]
    assert sorted(page["records"][0]) == ["action", "actor", "at", "details", "hash", "muxi_user_id", "seq"]
    assert sorted(verdict) == ["broken_at", "rows", "sound"]
