"""Idempotency-Key: a request that is sent again is done once, and answered alike."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from muxi.core.access.repeats import KEPT, LEASE, Another, Answer, Asked, Begun, Repeats, UnderWay
from muxi.core.models.base import Completion, Prompt, Usage
from muxi.core.models.providers.quote import QuoteModel
from muxi.errors import ModelUnavailableError
from muxi.server import repeats as door
from muxi.storage.open import FormationStores
from tests.conftest import TestClock
from tests.support.openai_server import OpenAIServer
from tests.support.thread_server import ThreadServer

ADMIN = {"X-Muxi-Admin-Key": "default-admin-key"}
ALICE, BOB = "alice@acme.com", "bob@acme.com"


class SlowModel(QuoteModel):
    """Answers when it is let, counts, and fails if it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = 0
        self.fails = False
        self.may_answer = threading.Event()
        self.may_answer.set()

    async def complete(self, prompt: Prompt, **options: Any) -> Completion:
        self.asked += 1
        await asyncio.to_thread(self.may_answer.wait, 30)
        if self.fails:
            raise ModelUnavailableError("no")
        return Completion(f"answer {self.asked}", Usage(3, 4))


@pytest.fixture
def model() -> SlowModel:
    return SlowModel()


@pytest.fixture
def server(tmp_path: Path, database_url: str, model: SlowModel) -> Iterator[ThreadServer]:
    with ThreadServer(tmp_path, ("default", "g"), chat_model=model, database_url=database_url) as running:
        yield running


def sent(server: ThreadServer, method: str, path: str, body: Any, key: str, **headers: str) -> httpx.Response:
    return server.http.request(method, path, json=body, headers=ADMIN | {"Idempotency-Key": key} | headers)


def same(one: httpx.Response, other: httpx.Response) -> bool:
    """Whether the second is the first one's answer, sent again."""
    assert other.headers.get("idempotency-replayed") == "true"
    return (one.status_code, one.content, one.headers.get("content-type")) == (
        other.status_code,
        other.content,
        other.headers.get("content-type"),
    )


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/v1/keys", {"name": "app"}),
        ("POST", "/v1/users/anonymous", {}),
        ("POST", "/v1/tokens", {"user_id": ALICE}),
        ("POST", "/v1/chat", {"message": "I live in Ravenna.", "user_id": ALICE}),
        ("POST", "/v1/memories", {"text": "Owns a boat.", "user_id": ALICE}),
        ("POST", "/v1/sessions", {"user_id": ALICE}),
        ("PUT", "/v1/roles/reader", {"permissions": ["memories:read"]}),
        ("PUT", "/v1/context/diet", {"value": "vegan", "user_id": ALICE}),
        ("POST", "/v1/users/resolve", {"identifier": "new@acme.com"}),
    ],
)
def test_a_repeat_is_answered_alike(server: ThreadServer, method: str, path: str, body: Any) -> None:
    """Status, body and type are the first one's, byte for byte, and nothing is done twice."""
    first, again = sent(server, method, path, body, "k-1"), sent(server, method, path, body, "k-1")
    assert 200 <= first.status_code < 300, first.text
    assert "idempotency-replayed" not in first.headers
    assert same(first, again)
    other = sent(server, method, path, body, "k-2")
    assert other.status_code == first.status_code and "idempotency-replayed" not in other.headers
    if path in ("/v1/keys", "/v1/users/anonymous", "/v1/chat", "/v1/memories", "/v1/sessions"):
        assert other.content != first.content


def test_a_deletion_is_done_once(server: ThreadServer) -> None:
    """A repeated deletion is answered as the first one was, not that nothing is there."""
    memory = sent(server, "POST", "/v1/memories", {"text": "Owns a boat.", "user_id": ALICE}, "a").json()["memory_id"]
    gone = [sent(server, "DELETE", f"/v1/memories/{memory}", None, "b", **{"X-Muxi-User-Id": ALICE}) for _ in "12"]
    assert [one.status_code for one in gone] == [204, 204]
    assert gone[1].content == b"" and gone[1].headers["idempotency-replayed"] == "true"
    assert sent(server, "DELETE", f"/v1/memories/{memory}", None, "c", **{"X-Muxi-User-Id": ALICE}).status_code == 404


def test_a_key_is_for_one_request(server: ThreadServer) -> None:
    """Another body, path, query or method by the same key is refused by its own code, and does nothing."""
    body = {"text": "Owns a boat.", "user_id": ALICE}
    sent(server, "POST", "/v1/memories", body, "k")
    for path, other in (
        ("/v1/memories", body | {"text": "Owns two."}),
        ("/v1/memories?x=1", body),
        ("/v1/sessions", {"user_id": ALICE}),
    ):
        answer = sent(server, "POST", path, other, "k")
        assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_key_reused")
    assert len(server.get("/v1/memories", user=ALICE).json()["memories"]) == 1


def test_a_key_is_one_callers_for_one_user_in_one_formation(server: ThreadServer) -> None:
    """Another caller, another user, and another formation get nothing of an answer, whatever key they guess."""
    first = sent(server, "POST", "/v1/memories", {"text": "x", "user_id": ALICE}, "k")
    by_client = server.post("/v1/memories", {"text": "x", "user_id": BOB}, Idempotency_Key="k")
    of_bob = sent(server, "POST", "/v1/memories", {"text": "x", "user_id": BOB}, "k")
    elsewhere = server.http.post(
        "/api/g/v1/memories",
        json={"text": "x", "user_id": ALICE},
        headers={"X-Muxi-Admin-Key": "g-admin-key", "Idempotency-Key": "k"},
    )
    answers = [first, by_client, elsewhere]
    assert {one.status_code for one in [*answers, of_bob]} == {201}
    assert len({one.json()["memory_id"] for one in answers}) == 3
    assert of_bob.json()["memory_id"] != first.json()["memory_id"]
    wrong = {"X-Muxi-Admin-Key": "wrong", "Idempotency-Key": "k"}
    assert server.http.post("/v1/memories", json={"text": "x"}, headers=wrong).status_code == 401


def test_who_may_not_do_it_is_not_answered_either(server: ThreadServer) -> None:
    """A key that was revoked, and a role that lost the permission, do not get the first answer again."""
    sent(server, "PUT", "/v1/roles/writer", {"permissions": ["memories:write"]}, "role")
    made = sent(server, "POST", "/v1/keys", {"role": "writer"}, "key").json()
    headers = {"X-API-Key": made["key"], "Idempotency-Key": "k"}
    body = {"text": "x", "user_id": ALICE}
    assert server.http.post("/v1/memories", json=body, headers=headers).status_code == 201
    sent(server, "PUT", "/v1/roles/writer", {"permissions": ["memories:read"]}, "role 2")
    assert server.http.post("/v1/memories", json=body, headers=headers).status_code == 403
    sent(server, "DELETE", f"/v1/keys/{made['record']['key_id']}", None, "revoke")
    assert server.http.post("/v1/memories", json=body, headers=headers).status_code == 401


def test_many_at_once_are_one(server: ThreadServer, model: SlowModel) -> None:
    """Of ten requests at once by one key, the model sees one; all get its answer."""
    model.may_answer.clear()
    body = {"message": "I live in Ravenna.", "user_id": ALICE}
    with ThreadPoolExecutor(10) as pool:
        asked = [pool.submit(sent, server, "POST", "/v1/chat", body, "k") for _ in range(10)]
        while not model.asked:
            threading.Event().wait(0.01)
        model.may_answer.set()
        answers = [one.result() for one in asked]
    assert {one.status_code for one in answers} == {200}
    assert len({one.content for one in answers}) == 1
    assert model.asked == 1
    assert sum("idempotency-replayed" in one.headers for one in answers) == 9


def test_who_waits_too_long_is_told(server: ThreadServer, model: SlowModel, monkeypatch: pytest.MonkeyPatch) -> None:
    """While the first one is under way for long, a second gets 409 with Retry-After, and the answer later."""
    monkeypatch.setattr(door, "WAIT_S", 0.1)
    model.may_answer.clear()
    body = {"message": "Hi", "user_id": ALICE}
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(sent, server, "POST", "/v1/chat", body, "k")
        while not model.asked:
            threading.Event().wait(0.01)
        second = sent(server, "POST", "/v1/chat", body, "k")
        assert (second.status_code, second.json()["code"]) == (409, "request_running")
        assert second.headers["retry-after"] == "1"
        model.may_answer.set()
        assert same(first.result(), sent(server, "POST", "/v1/chat", body, "k"))


def test_what_failed_is_tried_again(server: ThreadServer, model: SlowModel) -> None:
    """A failure is not kept: with the same key the request is done again, and may be another one."""
    model.fails = True
    assert sent(server, "POST", "/v1/chat", {"message": "Hi", "user_id": ALICE}, "k").status_code == 502
    model.fails = False
    assert sent(server, "POST", "/v1/chat", {"message": "Hi", "user_id": ALICE}, "k").json()["text"] == "answer 2"
    assert sent(server, "POST", "/v1/memories", {"texts": "x", "user_id": ALICE}, "m").status_code == 422
    assert sent(server, "POST", "/v1/memories", {"text": "x", "user_id": ALICE}, "m").status_code == 201


def test_a_stream_is_sent_again_as_a_stream(tmp_path: Path) -> None:
    """A repeated stream has the same events, pieces and all; one that broke off is asked for again."""
    from muxi.core.models.providers.openai import OpenAIModel  # noqa: PLC0415  (takes a second)

    with OpenAIServer() as behind:
        model = OpenAIModel("m", api_key="k", base_url=behind.url, max_retries=0)
        with ThreadServer(tmp_path, chat_model=model) as server:
            body = {"message": "Salut", "stream": True, "user_id": ALICE}
            behind.breaks_off("One ", "two ")
            assert "event: error" in sent(server, "POST", "/v1/chat", body, "k").text
            behind.streams("Bon", "jour")
            first, again = sent(server, "POST", "/v1/chat", body, "k"), sent(server, "POST", "/v1/chat", body, "k")
            assert first.text.count("event: piece") == 2 and "event: usage" in first.text
            assert same(first, again)


def test_what_is_kept_tells_nobody(server: ThreadServer) -> None:
    """In the database there is no answer in clear, no idempotency key, and no key that was made."""
    made = sent(server, "POST", "/v1/keys", {"name": "app"}, "my-idempotency-key").json()["key"]
    sent(server, "POST", "/v1/memories", {"text": "Owns a boat.", "user_id": ALICE}, "k")
    with server.formations["default"].storage._database.owning() as conn:
        cells = [cell for row in conn.execute("SELECT * FROM repeats") for cell in row]
    rows = repr([bytes(cell) if isinstance(cell, memoryview) else cell for cell in cells])
    assert rows.count("'default'") == 2
    for secret in (made, "my-idempotency-key", "boat", ALICE):
        assert secret not in rows


def test_answers_go_with_their_user(server: ThreadServer) -> None:
    """Erasing a user, or deleting what they said, deletes the answers about them, and nobody else's."""
    for name in (ALICE, BOB):
        sent(server, "POST", "/v1/memories", {"text": "x", "user_id": name}, "k")
    bob = server.post("/v1/users/resolve", {"identifier": BOB}).json()["muxi_user_id"]
    alice = server.post("/v1/users/resolve", {"identifier": ALICE}).json()["muxi_user_id"]
    assert owners(server) == sorted([alice, bob])
    assert server.http.delete(f"/v1/users/{alice}/data", headers=ADMIN).status_code == 200
    assert owners(server) == [bob]
    assert server.http.delete(f"/v1/users/{bob}", headers=ADMIN).status_code == 200
    assert owners(server) == []


def test_a_user_who_is_shut_out_is_not_answered(server: ThreadServer) -> None:
    """A repeat for a user who was disabled meanwhile is refused as any request is."""
    body = {"text": "x", "user_id": ALICE}
    sent(server, "POST", "/v1/memories", body, "k")
    alice = server.post("/v1/users/resolve", {"identifier": ALICE}).json()["muxi_user_id"]
    server.http.post(f"/v1/users/{alice}/disable", headers=ADMIN).raise_for_status()
    assert sent(server, "POST", "/v1/memories", body, "k").json()["code"] == "user_disabled"


def owners(server: ThreadServer) -> list[str]:
    with server.formations["default"].storage._database.owning() as conn:
        return sorted(row[0] for row in conn.execute("SELECT user_id FROM repeats WHERE user_id IS NOT NULL"))


@pytest.fixture
def repeats(stores: FormationStores, clock: TestClock) -> Repeats:
    return Repeats(stores.repeats, stores.hash_key, clock)


def request(repeats: Repeats, body: bytes = b"body", key: str = "k") -> Asked:
    return repeats.asked("caller", "user", key, "credential", b"POST", b"/v1/x", body)


def begun(state: object) -> Begun:
    assert isinstance(state, Begun)
    return state


def test_an_answer_is_kept_for_a_day(repeats: Repeats, clock: TestClock, stores: FormationStores) -> None:
    """For 24 hours it is replayed; after that the request is done again, and a sweep takes it away."""
    repeats.finish(begun(repeats.begin(request(repeats))), Answer(201, "application/json", b"{}", None))
    clock.move(KEPT.total_seconds() - 1)
    assert repeats.begin(request(repeats)) == Answer(201, "application/json", b"{}", None)
    assert repeats.begin(request(repeats, b"other")) == Another()
    clock.move(2)
    assert stores.repeats.find(request(repeats).place, clock() - timedelta(hours=1)) is not None
    assert stores.retention.begin("sweeper", clock(), clock() + timedelta(minutes=1), clock())
    assert stores.repeats.find(request(repeats).place, clock() - timedelta(hours=1)) is None
    begun(repeats.begin(request(repeats, b"other")))


def test_a_process_that_died_holds_for_a_minute(repeats: Repeats, clock: TestClock) -> None:
    """Until the lease ends a repeat waits; then the same request is taken over, and the first one keeps nothing."""
    first = begun(repeats.begin(request(repeats)))
    clock.move(LEASE.total_seconds() - 1)
    assert repeats.begin(request(repeats)) == UnderWay()
    repeats.hold(first)
    clock.move(2)
    assert repeats.begin(request(repeats)) == UnderWay()
    clock.move(LEASE.total_seconds())
    assert repeats.begin(request(repeats, b"other")) == Another()
    second = begun(repeats.begin(request(repeats)))
    repeats.finish(first, Answer(200, "", b"first", None))
    repeats.release(first)
    assert repeats.begin(request(repeats)) == UnderWay()
    repeats.finish(second, Answer(200, "", b"second", None))
    answer = repeats.begin(request(repeats))
    assert isinstance(answer, Answer) and answer.body == b"second"


def test_processes_agree(stores: FormationStores, clock: TestClock) -> None:
    """Of many who begin at once, each with a cache and a thread of its own, exactly one is to answer."""
    several = [Repeats(stores.repeats, stores.hash_key, clock) for _ in range(8)]
    with ThreadPoolExecutor(8) as pool:
        states = list(pool.map(lambda one: one.begin(request(one)), several))
    assert sum(isinstance(state, Begun) for state in states) == 1
    assert sum(state == UnderWay() for state in states) == 7


def test_formations_share_no_answers(stores: FormationStores, other_stores: FormationStores, clock: TestClock) -> None:
    """The same request in another formation is another one, even at the same place."""
    here, there = (Repeats(one.repeats, one.hash_key, clock) for one in (stores, other_stores))
    asked = request(here)
    here.finish(begun(here.begin(asked)), Answer(200, "", b"here", None))
    assert request(there).place != asked.place
    assert other_stores.repeats.find(asked.place, clock()) is None
    begun(there.begin(asked))
