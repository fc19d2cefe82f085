"""A server that speaks the OpenAI interface over real HTTP and does what a test tells it to.

::

    with OpenAIServer() as server:
        server.fails(500).says("Hello")            # the next two requests
        OpenAIModel("m", base_url=server.url)

What is scripted is used up in order, one entry a request; after that, chats are answered with `DEFAULT_TEXT` and
embeddings with `vector_of` each text.
"""

from __future__ import annotations

import hashlib
import json
import re
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

DEFAULT_TEXT = "Hello from the test server."
_WAIT_SECONDS = 30


@dataclass(frozen=True, slots=True)
class Received:
    """One request, as it came."""

    path: str
    headers: dict[str, str]
    body: dict[str, Any]
    at: float


def vector_of(text: str, dimension: int = 8) -> list[float]:
    """A vector that depends on the text alone; not of length 1."""
    return [byte / 16 + 1 for byte in hashlib.sha256(text.encode()).digest()[:dimension]]


class OpenAIServer:
    """The server; a context manager, listening on a free port of this machine.

    Attributes:
        requests: what came, oldest first.
        hung_up: set when a client hung up on a `streams_on` answer.
        idle: set while no client is connected.
    """

    def __init__(self) -> None:
        self.requests: list[Received] = []
        self.hung_up = threading.Event()
        self.idle = threading.Event()
        self.idle.set()
        self._connected = 0
        self._counting = threading.Lock()
        self._released = threading.Event()
        self._script: deque[Callable[[_Exchange], None]] = deque()
        self._http = _Listener(self)
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.release()
        self._http.shutdown()
        self._thread.join()
        self._http.server_close()

    @property
    def url(self) -> str:
        """The base URL for clients."""
        return f"http://127.0.0.1:{self._http.server_port}/v1"

    def says(self, text: str, *, prompt_tokens: int = 7, completion_tokens: int = 5) -> Self:
        """Answers a chat, streamed word by word where the client asks for it."""
        return self._then(lambda exchange: exchange.say(text, _usage(prompt_tokens, completion_tokens)))

    def fails(
        self, status: int, *, code: str | None = None, kind: str | None = None, message: str = "no", **headers: str
    ) -> Self:
        """Answers with an error; headers are given with underscores, as ``retry_after="1"``."""
        error = {"error": {"message": message, "type": kind, "code": code, "param": None}}
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self._then(lambda exchange: exchange.send_json(error, status, named))

    def sends(self, body: str, content_type: str = "application/json") -> Self:
        """Answers with this text, status 200."""
        return self._then(lambda exchange: exchange.send(body.encode(), content_type))

    def hangs(self) -> Self:
        """Answers nothing until `release`, or until the server closes."""
        return self._then(lambda exchange: exchange.wait_for(self._released))

    def hangs_after(self, *pieces: str) -> Self:
        """Streams the pieces, then nothing until `release`, or until the server closes."""
        return self._then(lambda exchange: exchange.stream(pieces, then=lambda: exchange.wait_for(self._released)))

    def breaks_off(self, *pieces: str) -> Self:
        """Streams the pieces, then drops the connection."""
        return self._then(lambda exchange: exchange.stream(pieces, then=exchange.drop))

    def stops_short(self, *pieces: str) -> Self:
        """Streams the pieces, then ends in good order without saying that the answer is finished."""
        return self._then(lambda exchange: exchange.stream(pieces, then=exchange.end))

    def fails_after(self, *pieces: str, code: str | None = None) -> Self:
        """Streams the pieces, then an error in place of the next."""
        error = {"error": {"message": "no", "type": "server_error", "code": code}}
        return self._then(lambda exchange: exchange.stream(pieces, then=lambda: exchange.event(error)))

    def streams(self, *pieces: str, counts_usage: bool = True) -> Self:
        """Streams exactly these pieces, to the end."""
        usage = _usage(7, len(pieces)) if counts_usage else None
        return self._then(lambda exchange: exchange.stream(pieces, then=lambda: exchange.finish(usage)))

    def streams_on(self, *pieces: str) -> Self:
        """Streams the pieces, then waits for the client to hang up, and sets `hung_up`."""
        return self._then(lambda exchange: exchange.stream(pieces, then=lambda: exchange.await_hang_up(self.hung_up)))

    def embeds(self, *vectors: Sequence[float], indexes: Sequence[int] | None = None) -> Self:
        """Answers with these vectors, whatever was asked."""
        places = range(len(vectors)) if indexes is None else indexes
        return self._then(lambda exchange: exchange.send_json(_embeddings(vectors, places)))

    def release(self) -> None:
        """Ends all waiting of `hangs` and `hangs_after`, without an answer."""
        self._released.set()

    def answer(self, exchange: _Exchange, received: Received) -> None:
        """Called by the listener: one request, answered by the script."""
        self.requests.append(received)
        scripted = self._script.popleft() if self._script else None
        if scripted is not None:
            scripted(exchange)
        elif received.path.endswith("/embeddings"):
            vectors = [vector_of(text) for text in received.body["input"]]
            exchange.send_json(_embeddings(vectors, range(len(vectors))))
        else:
            exchange.say(DEFAULT_TEXT, _usage(7, 5))

    def count_connections(self, change: int) -> None:
        """Called by the listener: a client came (1) or went (-1)."""
        with self._counting:
            self._connected += change
            if self._connected:
                self.idle.clear()
            else:
                self.idle.set()

    def _then(self, action: Callable[[_Exchange], None]) -> Self:
        self._script.append(action)
        return self


class _Listener(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, script: OpenAIServer) -> None:
        super().__init__(("127.0.0.1", 0), _Exchange)
        self.script = script

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        self.script.count_connections(1)
        try:
            super().process_request_thread(request, client_address)
        finally:
            self.script.count_connections(-1)

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that hangs up is part of the tests: nothing is printed."""


class _Exchange(BaseHTTPRequestHandler):
    """One request and its answer."""

    protocol_version = "HTTP/1.1"
    server: _Listener
    # One segment a write: a piece must not wait for the next.
    disable_nagle_algorithm = True

    def do_POST(self) -> None:
        length = int(self.headers.get("Content-Length", 0))
        self.body: dict[str, Any] = json.loads(self.rfile.read(length) or b"{}")
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.server.script.answer(self, Received(self.path, headers, self.body, time.monotonic()))

    def log_message(self, format: str, *args: object) -> None:
        """Nothing is printed."""

    def say(self, text: str, usage: dict[str, int]) -> None:
        if self.body.get("stream"):
            self.stream(re.findall(r"\S+\s*", text), then=lambda: self.finish(usage))
            return
        choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text}}
        self.send_json(self._completion("chat.completion", choices=[choice], usage=usage))

    def send_json(self, body: object, status: int = 200, headers: dict[str, str] | None = None) -> None:
        self.send(json.dumps(body).encode(), "application/json", status, headers)

    def send(self, body: bytes, kind: str, status: int = 200, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in ({"Content-Type": kind, "Content-Length": str(len(body))} | (headers or {})).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def stream(self, pieces: Sequence[str], *, then: Callable[[], None]) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for piece in pieces:
            self._chunk(delta={"content": piece}, finish_reason=None)
        then()

    def finish(self, usage: dict[str, int] | None) -> None:
        """The last events of a whole answer."""
        self._chunk(delta={}, finish_reason="stop")
        if usage is not None:
            self.event(self._completion("chat.completion.chunk", choices=[], usage=usage))
        self._write("data: [DONE]\n\n")
        self.end()

    def event(self, body: object) -> None:
        self._write(f"data: {json.dumps(body)}\n\n")

    def end(self) -> None:
        """The end of the body, in good order."""
        self.wfile.write(b"0\r\n\r\n")

    def drop(self) -> None:
        """The end of the connection, in the middle of the body."""
        self.close_connection = True

    def wait_for(self, event: threading.Event) -> None:
        event.wait(_WAIT_SECONDS)
        self.drop()

    def await_hang_up(self, hung_up: threading.Event) -> None:
        self.connection.settimeout(_WAIT_SECONDS)
        if self.connection.recv(1) == b"":
            hung_up.set()
        self.drop()

    def _chunk(self, **choice: object) -> None:
        self.event(self._completion("chat.completion.chunk", choices=[{"index": 0} | choice]))

    def _completion(self, kind: str, **rest: object) -> dict[str, object]:
        return {"id": "chatcmpl-1", "object": kind, "created": 1, "model": self.body.get("model"), **rest}

    def _write(self, text: str) -> None:
        data = text.encode()
        self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")


def _usage(prompt_tokens: int, completion_tokens: int) -> dict[str, int]:
    total = prompt_tokens + completion_tokens
    return {"prompt_tokens": prompt_tokens, "completion_tokens": completion_tokens, "total_tokens": total}


def _embeddings(vectors: Sequence[Sequence[float]], indexes: Sequence[int]) -> dict[str, object]:
    rows = [
        {"object": "embedding", "index": index, "embedding": list(vector)}
        for index, vector in zip(indexes, vectors, strict=True)
    ]
    return {"object": "list", "model": "m", "data": rows, "usage": {"prompt_tokens": 1, "total_tokens": 1}}
