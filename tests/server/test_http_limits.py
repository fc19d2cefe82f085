"""How much a caller may send."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from muxi.server.limits import MAX_BODY_BYTES, MAX_DROPPED_BYTES
from tests.support.thread_server import ThreadServer

MIB = 1024 * 1024


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ThreadServer]:
    with ThreadServer(tmp_path) as running:
        yield running


def in_chunks(size: int) -> Iterator[bytes]:
    for _ in range(size // 65536):
        yield b"x" * 65536


def test_a_large_body_is_refused(server: ThreadServer) -> None:
    """Ten megabytes are refused with a problem document, whether or not their length was said; then all goes on."""
    for content in (b"x" * (10 * MIB), in_chunks(10 * MIB)):
        answer = server.send("/v1/chat", content, user="a")
        assert (answer.status_code, answer.json()["code"]) == (413, "message_too_large")
    assert server.post("/v1/chat", {"message": "Hi"}, user="a").status_code == 200


def test_more_than_is_read_to_its_end(server: ThreadServer) -> None:
    """A body that says it is far too large is refused before it is read."""
    head = f"POST /v1/chat HTTP/1.1\r\nHost: x\r\nContent-Length: {MAX_DROPPED_BYTES + 1}\r\n\r\n"
    with server.connection() as connection:
        connection.sendall(head.encode())
        assert connection.recv(4096).startswith(b"HTTP/1.1 413 ")


def test_the_limit_is_exact(server: ThreadServer) -> None:
    """A body of one MiB is read; one byte more is not."""
    body = b'{"message": "Hi", "user_id": "a"}'
    for padding, status in ((0, 200), (1, 413)):
        content = body.ljust(MAX_BODY_BYTES + padding)
        assert server.send("/v1/chat", content).status_code == status


def test_a_large_message_in_a_small_body(server: ThreadServer) -> None:
    """A message over 256 KiB is refused by the core, in the same form."""
    answer = server.post("/v1/chat", {"message": "x" * (256 * 1024 + 1)}, user="a")
    assert (answer.status_code, answer.json()["code"]) == (413, "message_too_large")


@pytest.mark.parametrize("message", ["", "   ", "a\x00b"])
def test_a_message_that_is_none(server: ThreadServer, message: str) -> None:
    """Empty and binary messages are refused by name."""
    answer = server.post("/v1/chat", {"message": message}, user="a")
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_message")


def test_a_lone_surrogate_is_refused(server: ThreadServer) -> None:
    """What JSON can say and UTF-8 cannot is the caller's fault."""
    answer = server.send("/v1/chat", b'{"message": "\\ud800", "user_id": "a"}')
    assert answer.status_code == 422
    assert answer.json()["code"] == "invalid_message"
