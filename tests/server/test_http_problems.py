"""What a caller sees of an error, over raw HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from muxi.core.models.base import Completion, Prompt, Usage
from muxi.errors import ModelRateLimitedError, StorageUnavailableError
from tests.support.thread_server import ThreadServer

MEDIA_TYPE = "application/problem+json"


class FailingModel:
    """Raises what it is told to."""

    name = "failing"

    def __init__(self) -> None:
        self.error: Exception = RuntimeError("alice said: my PIN is 4711")

    async def complete(self, prompt: Prompt) -> Completion:
        raise self.error

    async def stream(self, prompt: Prompt) -> AsyncIterator[str | Usage]:
        yield "half "
        raise self.error


@pytest.fixture
def model() -> FailingModel:
    return FailingModel()


@pytest.fixture
def server(tmp_path: Path, model: FailingModel) -> Iterator[ThreadServer]:
    with ThreadServer(tmp_path, chat_model=model) as running:
        yield running


def test_a_problem_document_is_whole(server: ThreadServer) -> None:
    """An error of ours has every member of RFC 9457 and ours, and the request's own id."""
    answer = server.http.get("/v1/users/nobody", headers=server.headers() | {"X-Request-Id": b"mine-1"})
    assert answer.status_code == 404
    assert answer.headers["content-type"] == MEDIA_TYPE
    assert answer.headers["x-request-id"] == "mine-1"
    assert answer.json() == {
        "type": "urn:muxi:problem:user_not_found",
        "title": "There is no such user",
        "status": 404,
        "detail": "There is no user 'nobody'.",
        "code": "user_not_found",
        "instance": "/v1/users/nobody",
        "request_id": "mine-1",
    }


@pytest.mark.parametrize("given", ["", "x" * 129, "a\tb"])
def test_an_unusable_request_id_is_replaced(server: ThreadServer, given: str) -> None:
    """A request id that is empty, too long or not printable is not echoed; one is made."""
    made = server.http.get("/health", headers={"X-Request-Id": given}).headers["x-request-id"]
    assert made.startswith("req_")
    assert len(made) == 28


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nowhere", 404, "not_found"),
        ("GET", "/v1/chat/", 404, "not_found"),
        ("PUT", "/v1/chat", 405, "method_not_allowed"),
    ],
)
def test_the_framework_refuses_in_our_form(
    server: ThreadServer, method: str, path: str, status: int, code: str
) -> None:
    """An unknown route and a wrong method are problem documents, too."""
    answer = server.http.request(method, path, headers=server.headers())
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.headers["content-type"] == MEDIA_TYPE


def test_validation_names_places_and_echoes_nothing(server: ThreadServer) -> None:
    """Each wrong place of a body is named with what is wrong there; what was sent is not sent back."""
    answer = server.post("/v1/chat", {"message": {"secret": "z" * 1000}, "mesage": 1}, user="a")
    assert answer.status_code == 422
    assert answer.json()["code"] == "invalid_input"
    assert answer.json()["errors"] == [
        {"where": "body.message", "problem": "Input should be a valid string"},
        {"where": "body.mesage", "problem": "Extra inputs are not permitted"},
    ]
    assert "zzz" not in answer.text


@pytest.mark.parametrize("body", [b"{", b"\xff\xfe\x00", b"[" * 100_000, b'{"message": 1' + b"0" * 5000 + b"}"])
def test_a_body_that_is_not_json(server: ThreadServer, body: bytes) -> None:
    """Broken, binary, bottomless and overlong JSON are the caller's fault, never the server's."""
    answer = server.send("/v1/chat", body, user="a")
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_input")
    assert "errors" not in answer.json() or answer.json()["errors"][0]["problem"] == "JSON decode error"


def test_a_body_that_does_not_say_that_it_is_json(server: ThreadServer) -> None:
    """A body of another type, such as a form, is refused with the type to send."""
    answer = server.http.post("/v1/chat", content=b'{"message": "Hi"}', headers=server.headers("a"))
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_input")
    assert answer.json()["errors"] == [{"where": "Content-Type", "problem": "Send the body as application/json"}]


def test_what_nobody_foresaw_is_not_told(server: ThreadServer) -> None:
    """An unforeseen exception is answered in fixed words and logged by place and id; its text is in neither."""
    with capture_logs() as logs:
        answer = server.post("/v1/chat", {"message": "Hi"}, user="a")
    assert (answer.status_code, answer.json()["code"]) == (500, "internal_error")
    assert answer.headers["x-request-id"] == answer.json()["request_id"] == logs[0]["request_id"]
    assert logs[0]["error"] == "RuntimeError"
    assert "test_http_problems.py" in logs[0]["at"][-1]
    assert "4711" not in answer.text + repr(logs)


def test_what_nobody_foresaw_in_a_stream(server: ThreadServer) -> None:
    """An unforeseen exception in a stream ends it with an error event in fixed words."""
    with capture_logs() as logs:
        text = server.post("/v1/chat", {"message": "Hi", "stream": True}, user="a").text
    assert "event: error" in text
    assert '"code": "internal_error"' in text
    assert "4711" not in text + repr(logs)


def test_come_back_later(server: ThreadServer, model: FailingModel) -> None:
    """A 503 says when to try again."""
    model.error = ModelRateLimitedError("Too many.", retry_after=7)
    answer = server.post("/v1/chat", {"message": "Hi"}, user="a")
    assert (answer.status_code, answer.json()["code"]) == (503, "model_rate_limited")
    assert answer.headers["retry-after"] == "7"


def test_where_a_database_is_stands_in_the_log_only(server: ThreadServer, model: FailingModel) -> None:
    """A database that fails is told of by its code; its path or address goes to the server's log, by the request id."""
    model.error = StorageUnavailableError("/srv/place/muxi.db cannot be opened or read.")
    with capture_logs() as logs:
        answer = server.post("/v1/chat", {"message": "Hi"}, user="a")
    assert (answer.status_code, answer.json()["code"]) == (503, "storage_unavailable")
    assert answer.json()["detail"] == "The database cannot be reached. The request id finds it in the server's log."
    assert "/srv/place" not in answer.text
    [event] = [one for one in logs if one["event"] == "request failed"]
    assert event["detail"] == model.error.message
    assert event["request_id"] == answer.json()["request_id"]


def test_only_admins_see_whose_it_is(server: ThreadServer) -> None:
    """A conflict names the identifiers to anybody and their owners to administrators only."""
    for user in ("a", "b"):
        server.post("/v1/users/resolve", {"identifier": user})
    body = {"identifiers": ["a", "b"]}
    seen = server.post("/v1/identifiers", body)
    told = server.http.post("/v1/identifiers", json=body, headers={"X-Muxi-Admin-Key": "default-admin-key"})
    assert (seen.status_code, told.status_code) == (409, 409)
    assert seen.json()["identifiers"] == ["a", "b"]
    assert "owners" not in seen.json()
    assert [owner[:4] for owner in told.json()["owners"]] == ["usr_", "usr_"]


@pytest.mark.parametrize(
    ("headers", "body", "code"),
    [
        ({}, {}, "invalid_identifier"),
        ({"X-Muxi-User-Id": b"\xff\xfe"}, {}, "invalid_identifier"),
        ({"X-Muxi-User-Id-Type": b"slack"}, {}, "invalid_identifier"),
        ({}, {"user_id": True}, "invalid_input"),
        ({"X-Muxi-User-Id": b"a"}, {"user_id": "b"}, "invalid_input"),
        ({"X-Muxi-User-Id": b"a", "Idempotency-Key": b"k" * 256}, {}, "invalid_input"),
    ],
)
def test_who_is_meant_must_be_clear(
    server: ThreadServer, headers: dict[str, bytes], body: dict[str, object], code: str
) -> None:
    """No user, one that is not text, two different ones, or an unusable idempotency key: 422."""
    answer = server.http.post("/v1/chat", json={"message": "Hi"} | body, headers=server.headers() | headers)
    assert (answer.status_code, answer.json()["code"]) == (422, code)


def test_header_and_body_may_say_the_same(server: ThreadServer) -> None:
    """The same user in header and body, written differently, is one user; names beyond ASCII travel as UTF-8."""
    body = {"text": "likes tea", "user_id": {"identifier": "ZOË@example.com", "type": "email"}}
    assert server.post("/v1/memories", body, user="zoë@example.com").status_code == 201
    assert server.get("/v1/identifiers", user="Zoë@example.com").json()["identifiers"][0]["type"] == "email"
