"""A real HTTP server that answers what a test tells it to, and keeps what it was asked."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

PROBLEM = "application/problem+json"


@dataclass(frozen=True)
class Answer:
    """One answer.

    Attributes:
        chunks: of the body, sent one by one.
        whole: whether the body is ended properly; otherwise the connection breaks after the last chunk.
        hold: waited for before anything is sent.
        status: 0 hangs up without an answer.
    """

    status: int = 200
    chunks: tuple[bytes, ...] = (b"",)
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)
    whole: bool = True
    hold: threading.Event | None = None


@dataclass(frozen=True)
class Asked:
    """One request, as it came."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def ok(body: Any, **more: Any) -> Answer:
    return Answer(chunks=(json.dumps(body).encode(),), **more)


def problem(
    status: int, code: str, detail: str = "", headers: Mapping[str, str] | None = None, **members: Any
) -> Answer:
    document = {"type": f"urn:muxi:problem:{code}", "title": "T", "status": status, "detail": detail, "code": code}
    return Answer(status, (json.dumps(document | members).encode(),), PROBLEM, headers or {})


def events(*named: tuple[str, Any], whole: bool = True) -> Answer:
    chunks = tuple(
        f"id: {number}\r\nevent: {name}\r\ndata: {json.dumps(data, ensure_ascii=False)}\r\n\r\n".encode()
        for number, (name, data) in enumerate(named, 1)
    )
    return Answer(chunks=(b": ping\r\n\r\n", *chunks), content_type="text/event-stream; charset=utf-8", whole=whole)


class ScriptedServer(ThreadingHTTPServer):
    """Gives its answers in order, the last one again and again."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Door)
        self.answers: list[Answer] = []
        self.asked: list[Asked] = []
        self.hung_up = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def next_answer(self) -> Answer:
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hung up is no news."""


class _Door(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: ScriptedServer

    def handle_one(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.server.asked.append(Asked(self.command, self.path, headers, body))
        answer = self.server.next_answer()
        if answer.hold:
            answer.hold.wait(10)
        if answer.status == 0:
            self.close_connection = True
        else:
            self._send(answer)

    do_GET = do_POST = do_DELETE = handle_one  # noqa: N815  (the names that http.server looks for)

    def _send(self, answer: Answer) -> None:
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.content_type)
        if answer.status != 204:
            self.send_header("Transfer-Encoding", "chunked")
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.end_headers()
        if answer.status == 204:
            return
        try:
            for chunk in answer.chunks:
                if chunk:
                    self.wfile.write(b"%x\r\n%s\r\n" % (len(chunk), chunk))
            if answer.whole:
                self.wfile.write(b"0\r\n\r\n")
        except ConnectionError:
            self.server.hung_up.set()
        self.close_connection = self.close_connection or not answer.whole

    def log_message(self, format: str, *args: Any) -> None:
        """Says nothing."""


@contextmanager
def running() -> Iterator[ScriptedServer]:
    """A server on a free port of this machine, until the block ends."""
    server = ScriptedServer()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
