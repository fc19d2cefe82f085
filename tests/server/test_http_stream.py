"""Answers as events, over raw HTTP, from a model behind a real connection."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from muxi.core.models.providers.openai import OpenAIModel
from muxi.server import events
from tests.support.openai_server import OpenAIServer
from tests.support.thread_server import ThreadServer

SECONDS = 10


@pytest.fixture
def model_server() -> Iterator[OpenAIServer]:
    with OpenAIServer() as running:
        yield running


@pytest.fixture
def server(tmp_path: Path, model_server: OpenAIServer) -> Iterator[ThreadServer]:
    model = OpenAIModel("m", api_key="k", base_url=model_server.url, max_retries=0)
    with ThreadServer(tmp_path, chat_model=model) as running:
        yield running


def fields(text: str) -> list[dict[str, Any]]:
    """The events of a stream, by field; the data read as JSON."""
    parts = [dict(line.split(": ", 1) for line in part.split("\n")) for part in text.split("\n\n") if part]
    return [part | {"data": json.loads(part["data"])} if "data" in part else part for part in parts]


def test_events_are_framed_and_numbered(server: ThreadServer, model_server: OpenAIServer) -> None:
    """Pieces, the whole reply, its usage: each an event with the next number; any character arrives."""
    model_server.streams("Bon\n\n", "jour \u2028", "\N{WAVING HAND SIGN}")
    answer = server.post("/v1/chat", {"message": "Salut", "stream": True}, user="a")
    got = fields(answer.text)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-request-id"].startswith("req_")
    assert [(part["id"], part["event"]) for part in got] == [
        ("1", "piece"),
        ("2", "piece"),
        ("3", "piece"),
        ("4", "reply"),
        ("5", "usage"),
    ]
    assert [part["data"]["text"] for part in got[:4]] == [
        "Bon\n\n",
        "jour \u2028",
        "\N{WAVING HAND SIGN}",
        "Bon\n\njour \u2028\N{WAVING HAND SIGN}",
    ]
    assert got[4]["data"] == got[3]["data"]["usage"] == {"prompt_tokens": 7, "completion_tokens": 3}


def test_the_streamed_reply_is_the_stored_one(server: ThreadServer) -> None:
    """Accept asks for a stream, too; its reply names the message that is in the log."""
    answer = server.post("/v1/chat", {"message": "Hi"}, user="a", Accept="text/event-stream")
    reply = fields(answer.text)[-2]["data"]
    log = server.get(f"/v1/sessions/{reply['session_id']}/messages", user="a").json()["messages"]
    assert [(line["role"], line["text"]) for line in log] == [("assistant", reply["text"]), ("user", "Hi")]
    assert log[0]["message_id"] == reply["message_id"]


def test_a_failure_before_the_first_piece_is_a_problem(server: ThreadServer, model_server: OpenAIServer) -> None:
    """What fails before the answer begins has its own status, not 200."""
    model_server.fails(401)
    answer = server.post("/v1/chat", {"message": "Hi", "stream": True}, user="a")
    assert (answer.status_code, answer.json()["code"]) == (502, "model_key_rejected")
    assert answer.headers["content-type"] == "application/problem+json"


def test_a_failure_in_the_answer_is_an_event(server: ThreadServer, model_server: OpenAIServer) -> None:
    """What fails later is an error event with the problem document, the last one; nothing is stored."""
    model_server.breaks_off("One ", "two ")
    got = fields(server.post("/v1/chat", {"message": "Hi", "stream": True}, user="a").text)
    assert [part["event"] for part in got] == ["piece", "piece", "error"]
    assert got[-1]["data"]["code"] == "model_interrupted"
    assert got[-1]["data"]["status"] == 502
    assert messages_of(server, "a") == 0


def test_the_heart_beats(server: ThreadServer, model_server: OpenAIServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """While the model is silent, a comment keeps the connection alive."""
    assert events.HEARTBEAT_S == 15
    monkeypatch.setattr(events, "HEARTBEAT_S", 0.05)
    model_server.hangs_after("One ")
    with sent(server, {"message": "Hi", "stream": True}, "a") as stream:
        assert read_until(stream, b": ping") is not None


@pytest.mark.parametrize("stream", [True, False])
def test_hanging_up_stops_the_model(server: ThreadServer, model_server: OpenAIServer, stream: bool) -> None:
    """A client that hangs up, in a stream or while it waits, stops the model; nothing is stored; others go on."""
    model_server.streams_on("One ", "two ")
    with sent(server, {"message": "Hi", "stream": stream}, "a") as connection:
        if stream:
            read_until(connection, b"two")
        else:
            wait_for_request(model_server)
    assert model_server.hung_up.wait(SECONDS)
    assert messages_of(server, "a") == 0
    assert server.post("/v1/chat", {"message": "Hi"}, user="a").status_code == 200


def test_hanging_up_before_the_first_piece(server: ThreadServer, model_server: OpenAIServer) -> None:
    """A client that hangs up before the answer has begun stops the model's call, too."""
    model_server.streams_on()
    with sent(server, {"message": "Hi", "stream": True}, "a"):
        wait_for_request(model_server)
    assert model_server.hung_up.wait(SECONDS)


def sent(server: ThreadServer, body: dict[str, Any], user: str) -> socket.socket:
    """A connection on which a chat was asked for and nothing read yet."""
    connection = server.connection()
    data = json.dumps(body | {"user_id": user}).encode()
    head = (
        "POST /v1/chat HTTP/1.1\r\nHost: test\r\nX-Muxi-Client-Key: default-client-key\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(data)}\r\n\r\n"
    )
    connection.sendall(head.encode() + data)
    return connection


def read_until(connection: socket.socket, wanted: bytes) -> bytes:
    got = b""
    while wanted not in got:
        part = connection.recv(4096)
        assert part, f"{wanted!r} never came: {got!r}"
        got += part
    return got


def wait_for_request(model_server: OpenAIServer) -> None:
    deadline = time.monotonic() + SECONDS
    while not model_server.requests and time.monotonic() < deadline:
        time.sleep(0.01)
    assert len(model_server.requests) == 1


def messages_of(server: ThreadServer, user: str) -> int:
    """How many messages the user's sessions hold."""
    return sum(session["messages"] for session in server.get("/v1/sessions", user=user).json()["sessions"])
