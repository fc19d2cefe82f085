"""A muxi server in a thread of this process, with whatever models a test hands it: real sockets, no mocks.

::

    with ThreadServer(tmp_path, chat_model=model) as server:
        server.post("/v1/chat", {"message": "Hi"}, user="alice@acme.com")
"""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import httpx
import uvicorn
from opentelemetry.trace import TracerProvider

from muxi.core.access.built_in import Keys
from muxi.core.formation import Formation
from muxi.core.models.base import ChatModel, EmbeddingModel
from muxi.server.app import create_app
from muxi.server.run import listening_socket, server_config
from muxi.settings import FormationSettings
from tests.support.vectors import WordVectors

START_SECONDS = 20.0


class ThreadServer:
    """The server; a context manager. The key of formation ``x`` is ``x-client-key``, its admin key ``x-admin-key``.

    Args:
        data_dir: where the database is.
        formations: ids; the first is the server's own.
        chat_model: answers; `QuoteModel` if not told.
        database_url: a Postgres address or the path of a SQLite file; ``muxi.db`` in ``data_dir`` if not told.
        settings: more of each formation's.
        tracer_provider: where spans go, if the settings ask for them.
        embedding_model: makes vectors; `WordVectors` if not told.

    Attributes:
        url: without a slash at the end.
        formations: as they are served, by id.
        app: what serves them.
        http: a client for requests that `request` cannot make.
    """

    def __init__(
        self,
        data_dir: Path,
        formations: Sequence[str] = ("default",),
        chat_model: ChatModel | None = None,
        database_url: str | None = None,
        settings: Mapping[str, Any] | None = None,
        tracer_provider: TracerProvider | None = None,
        embedding_model: EmbeddingModel | None = None,
    ) -> None:
        kind = "postgres" if database_url and database_url.startswith("postgres") else "sqlite"
        memory = {"persistent": {"provider": kind, "connection_string": database_url}}
        wanted = {
            id: FormationSettings.model_validate({"id": id, "memory": memory, **(settings or {})}) for id in formations
        }
        self.formations = {
            id: Formation.open(
                wanted[id],
                data_dir,
                chat_model=chat_model,
                embedding_model=embedding_model or WordVectors(),
            )
            for id in formations
        }
        keys = {id: Keys(f"{id}-client-key", f"{id}-admin-key") for id in formations}
        self._own = formations[0]
        self._socket = listening_socket("127.0.0.1", 0)
        self.port: int = self._socket.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        serving = {id: one.server for id, one in wanted.items()}
        self.app = create_app(self.formations, self._own, keys, serving, tracer_provider)
        self._server = _Server(server_config(self.app, 1))
        self._thread = threading.Thread(target=self._server.run, args=([self._socket],), daemon=True)
        self.http = httpx.Client(base_url=self.url, timeout=20, trust_env=False)

    def __enter__(self) -> Self:
        self._thread.start()
        if not self._server.answers.wait(START_SECONDS):
            raise RuntimeError("The server did not start.")
        return self

    def __exit__(self, *_: object) -> None:
        self.http.close()
        self._server.should_exit = True
        self._thread.join(START_SECONDS)
        self._socket.close()

    def headers(self, user: str | None = None, type: str | None = None, key: str | None = None) -> dict[str, bytes]:
        """The headers of a request with the own formation's client key, or another."""
        named = {
            "X-Muxi-Client-Key": key or f"{self._own}-client-key",
            "X-Muxi-User-Id": user,
            "X-Muxi-User-Id-Type": type,
        }
        return {name: value.encode() for name, value in named.items() if value is not None}

    def connection(self) -> socket.socket:
        """A bare connection."""
        return socket.create_connection(("127.0.0.1", self.port), START_SECONDS)

    def get(self, path: str, *, user: str | None = None, key: str | None = None) -> httpx.Response:
        return self.http.get(path, headers=self.headers(user, key=key))

    def post(
        self, path: str, body: Any, *, user: str | None = None, key: str | None = None, **headers: str
    ) -> httpx.Response:
        return self.send(path, json.dumps(body).encode(), user=user, key=key, **headers)

    def send(
        self,
        path: str,
        content: bytes | Iterator[bytes],
        *,
        user: str | None = None,
        key: str | None = None,
        **headers: str,
    ) -> httpx.Response:
        """Posts bytes as JSON, whatever they are."""
        more = {name.replace("_", "-"): value.encode() for name, value in headers.items()}
        more = {"Content-Type": b"application/json"} | more
        return self.http.post(path, content=content, headers=self.headers(user, key=key) | more)


class _Server(uvicorn.Server):
    """Says when it answers; leaves this process's signals and default loop alone."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.answers = threading.Event()

    def run(self, sockets: Any = None) -> None:
        asyncio.run(self._serve(sockets))

    async def startup(self, sockets: Any = None) -> None:
        await super().startup(sockets)
        self.answers.set()
