"""Contexts, through both clients and on each kind of database."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from muxi.errors import InvalidContextError, InvalidInputError, UserNotFoundError
from tests.server.test_sdk_methods import UNKNOWN
from tests.support.server_process import ServerProcess

Call = Callable[..., Any]
Someone = Callable[[str], str]


def test_a_context_is_written_read_and_corrected(call: Call, someone: Someone) -> None:
    """Merged, set, added to, taken from; each fact tells where it comes from."""
    ann = someone("ann")
    knowledge = {"name": "Ann", "preferences": {"theme": "dark"}, "a.b": [1, None]}
    merged = call("context.merge", ann, knowledge, source="manual_input", importance=0.9)
    assert [(fact.path, fact.op) for fact in merged] == [
        ("name", "set"),
        ("preferences.theme", "set"),
        (r"a\.b", "set"),
    ]
    call("context.set", ann, "preferences.theme", "light", source="form", confidence=0.8)
    call("context.add", ann, "likes", "tea")
    call("context.add", ann, "likes", "rain")
    call("context.remove", ann, "likes", "tea")
    assert call("context.get", ann) == {
        "name": "Ann",
        "preferences": {"theme": "light"},
        "a.b": [1, None],
        "likes": ["rain"],
    }
    facts = {fact.path: fact for fact in call("context.facts", ann)}
    assert (facts["name"].source, facts["name"].importance, facts["name"].times) == ("manual_input", 0.9, 1)
    assert (facts["preferences.theme"].source, facts["preferences.theme"].confidence) == ("form", 0.8)
    assert facts["name"].muxi_user_id == call("resolve_user", ann).muxi_user_id
    assert facts["name"].fact_id.startswith("fct_") and facts["name"].messages == ()


def test_a_history_is_told_in_pages(call: Call, someone: Someone) -> None:
    """Newest first, of one path or of all; what ended says when and by what; as it was is still there."""
    ann = someone("ann")
    began = datetime.now(UTC) - timedelta(days=2)
    for day, budget in enumerate((5000, 6000)):
        call("context.set", ann, "budget", budget, observed_at=began + timedelta(days=day))
    call("context.set", ann, "name", "Ann")
    new, old = call("context.history", ann, "budget")
    assert (new.value, new.superseded_at, old.value, old.superseded_by) == (6000, None, 5000, new.fact_id)
    assert abs((old.superseded_at - began - timedelta(days=1)).total_seconds()) < 1
    assert [fact.value for fact in call("context.iter_history", ann, limit=2)] == ["Ann", 6000, 5000]
    assert call("context.get", ann, began + timedelta(hours=12)) == {"budget": 5000}
    assert call("context.get", ann, (began - timedelta(hours=1)).isoformat()) == {}
    assert call("context.delete", ann, "budget") is True and call("context.delete", ann, "budget") is False
    assert call("context.get", ann) == {"name": "Ann"}
    assert call("context.delete", ann, "budget", forget=True) is True
    assert [fact.path for fact in call("context.iter_history", ann)] == ["name"]


@pytest.mark.parametrize("key", ["a.b", "a/b", "a\\b", "é ü/?#%25", "history", "facts", "../x"])
def test_odd_keys_travel_in_addresses(call: Call, someone: Someone, key: str) -> None:
    """Slashes, dots, percent signs: the path that was sent is the path that is written."""
    ann = someone("ann")
    path = key.replace("\\", "\\\\").replace(".", "\\.") + ".in"
    call("context.set", ann, path, 1)
    assert call("context.get", ann) == {key: {"in": 1}}
    assert call("context.delete", ann, path) is True and call("context.get", ann) == {}


def test_nobody_has_an_empty_one(call: Call, someone: Someone) -> None:
    """Reading and deleting make no user; to write for a usr_ id, somebody must have it."""
    nobody = someone("nobody")
    assert call("context.get", nobody) == {} and call("context.facts", nobody) == []
    assert call("context.delete", nobody, "a") is False and call("context.iter_history", nobody) == []
    with pytest.raises(UserNotFoundError):
        call("get_user", nobody)
    assert call("context.get", UNKNOWN) == {} and call("context.delete", UNKNOWN, "a") is False
    for name, args in (("set", ("a", 1)), ("add", ("a", 1)), ("merge", ({"a": 1},))):
        with pytest.raises(UserNotFoundError):
            call(f"context.{name}", UNKNOWN, *args)


@pytest.mark.parametrize(
    ("name", "args"),
    [
        ("set", ("a..b", 1)),
        ("set", ("", 1)),
        ("set", (".", 1)),
        ("set", ("a.__proto__", 1)),
        ("set", ("a", "x" * 70_000)),
        ("merge", ({"": 1},)),
        ("merge", (["not a mapping"],)),
        ("history", ("a..b",)),
    ],
)
def test_what_cannot_be(call: Call, someone: Someone, name: str, args: tuple[Any, ...]) -> None:
    """Paths and values that no context has."""
    ann = call("resolve_user", someone("ann")).muxi_user_id
    with pytest.raises(InvalidContextError) as error:
        call(f"context.{name}", ann, *args)
    assert error.value.code == "invalid_context"


def test_the_body_may_name_the_user_and_nothing_unknown(server: ServerProcess, someone: Someone) -> None:
    """As in every other route; and where a time is not one, it is said where."""
    ann = someone("ann")
    with httpx.Client(base_url=server.url, headers={"X-Muxi-Client-Key": server.client_key}) as http:
        written = http.put("/v1/context/a", json={"value": 1, "user_id": ann})
        assert (written.status_code, written.json()["facts"][0]["value"]) == (200, 1)
        read = http.get("/v1/context", headers={"X-Muxi-User-Id": ann})
        assert read.json() == {"context": {"a": 1}}
        for wrong in ({"value": 1, "user_id": ann, "vlaue": 2}, {"user_id": ann}, {"value": 1, "op": "grow"}):
            assert http.put("/v1/context/a", json=wrong).json()["code"] == InvalidInputError.code
        answer = http.get("/v1/context?at=yesterday", headers={"X-Muxi-User-Id": ann})
        assert answer.status_code == 422
        assert http.get("/v1/context").json()["code"] == "invalid_identifier"


def test_a_dry_run_tells_where_contexts_disagree(call: Call, admin: Call, someone: Someone) -> None:
    """Each side's value, by path; what both say, and lists that are joined, are no disagreement."""
    ann, ben = someone("ann"), someone("ben")
    ids = [call("resolve_user", one).muxi_user_id for one in (ann, ben)]
    for who, budget, like in ((ann, 1, "tea"), (ben, 2, "rain")):
        call("context.merge", who, {"budget": budget, "language": "English"})
        call("context.add", who, "likes", like)
    preview = admin("merge_users", [ann, ben], dry_run=True)
    assert [(one.path, one.values) for one in preview.disagreements] == [("budget", {ids[0]: 1, ids[1]: 2})]
    admin("merge_users", [ann, ben])
    assert call("context.get", ann) == {"budget": 2, "language": "English", "likes": ["tea", "rain"]}
