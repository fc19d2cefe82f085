"""Extraction through both clients and on each kind of database."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from muxi.errors import NotFoundError, PermissionDeniedError
from tests.support.both_clients import KINDS
from tests.support.eventually import eventually
from tests.support.extraction import bury, live, say
from tests.support.thread_server import ThreadServer

Call = Callable[..., Any]
Someone = Callable[[str], str]


def test_what_is_said_is_known(call: Call, someone: Someone) -> None:
    """Soon after the answer, in the context of who said it."""
    email = someone("alice")
    call("chat", "I live in Berlin and I'm allergic to peanuts.", email)
    known = {"location": {"city": "Berlin"}, "health": {"allergies": ["peanuts"]}}
    assert eventually(lambda: call("context.get", email) == known, 30)
    assert {fact.source for fact in call("context.facts", email)} == {"extraction"}


def test_opting_out_and_in(call: Call, someone: Someone) -> None:
    """A user's own choice, told by the client key; what is said meanwhile is never read."""
    email = someone("alice")
    assert call("extraction.opted_out", email) is None
    since = call("extraction.opt_out", email)
    assert abs((datetime.now(UTC) - since).total_seconds()) < 60
    assert call("extraction.opted_out", email) == since == call("extraction.opt_out", email)
    call("chat", "I live in Berlin.", email)
    assert call("extraction.opt_in", email) is None
    assert call("extraction.opted_out", email) is None
    call("chat", "I like tea.", email)
    assert eventually(lambda: call("context.get", email) == {"preferences": {"likes": ["tea"]}}, 30)


def test_how_it_stands(call: Call, admin: Call, someone: Someone) -> None:
    """For administrators: who waits, what fails, and nothing failed for good."""
    call("chat", "Hello", someone("alice"))
    status = admin("extraction.status")
    assert status.failing == 0 and status.errors == {} and status.failures == 0
    assert list(admin("extraction.list_failures")) == list(admin("extraction.iter_failures", someone("nobody"))) == []
    with pytest.raises(NotFoundError):
        admin("extraction.replay", "exf_01h455vb4pex5vsknk084sn02q")
    for name, *arguments in (("status",), ("list_failures",), ("replay", "exf_01h455vb4pex5vsknk084sn02q")):
        with pytest.raises(PermissionDeniedError):
            call(f"extraction.{name}", *arguments)


@pytest.mark.parametrize("kind", KINDS)
def test_dead_letters_are_seen_and_replayed(kind: str, tmp_path: Path) -> None:
    """By the admin of the formation, through both clients; another formation's and another user's are nobody's."""
    with ThreadServer(tmp_path, ("default", "other")) as server:
        formation = server.formations["default"]
        formation.extraction.close()
        letters = {}
        for name in ("ann", "ben"):
            asyncio.run(say(formation, f"{name}@x.org", f"My name is {name.title()}."))
            letters[name] = bury(formation, f"{name}@x.org")

        def call(name: str, *arguments: Any, at: str = "default") -> Any:
            return KINDS[kind](server.url, f"{at}-admin-key", name, *arguments, formation=at, admin=True)

        assert call("extraction.status").failures == 2
        assert [one.failure_id for one in call("extraction.iter_failures")] == [letters["ben"], letters["ann"]]
        [letter] = call("extraction.list_failures", "ann@x.org")
        assert (letter.failure_id, letter.messages, letter.code, letter.tries) == (letters["ann"], 1, "model_error", 5)
        assert letter.muxi_user_id == formation.identities.resolve("ann@x.org").id
        assert list(call("extraction.list_failures", at="other")) == []
        with pytest.raises(NotFoundError):
            call("extraction.replay", letters["ann"], at="other")
        extracted = call("extraction.replay", letters["ann"])
        assert (extracted.facts, extracted.memories, extracted.refused) == (1, 0, 0)
        assert live(formation, "ann@x.org") == {"name": "Ann"} and live(formation, "ben@x.org") == {}
        assert [one.failure_id for one in call("extraction.iter_failures")] == [letters["ben"]]
        with pytest.raises(NotFoundError):
            call("extraction.replay", letters["ann"])
