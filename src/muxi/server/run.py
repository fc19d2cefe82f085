"""Starting the server: in this process, or as several workers that share one socket."""

from __future__ import annotations

import socket
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

import uvicorn
from fastapi import FastAPI
from uvicorn.supervisors import Multiprocess

from muxi.core.access.built_in import Keys
from muxi.core.formation import Formation
from muxi.core.keys_file import open_keys
from muxi.errors import MuxiError, SettingsError
from muxi.garbage import collect_seldom
from muxi.server.app import create_app
from muxi.server.logs import set_up_logs
from muxi.settings import FormationSettings

BACKLOG = 2048
#: Longer than clients keep an idle connection, so that it is they who close it.
KEEP_ALIVE_S = 75
SHUTDOWN_S = 10
WORKER_START_S = 60.0
#: What uvicorn calls the exit of a worker that cannot start and need not be tried again.
CANNOT_START = 3


@dataclass(frozen=True, slots=True)
class Started:
    """A server that answers.

    Attributes:
        url: where, without a slash at the end.
        keys: of each formation, by its id.
        own: the id of the formation at ``/v1``.
    """

    url: str
    keys: Mapping[str, Keys]
    own: str


OnStarted = Callable[[Started], None]


def serve(
    formations: Sequence[FormationSettings],
    data_dir: Path,
    host: str,
    port: int,
    workers: int = 1,
    on_started: OnStarted | None = None,
) -> None:
    """Serves formations until the process is told to stop (SIGINT or SIGTERM).

    Args:
        formations: at least one; the first is the server's own.
        data_dir: where the database and the keys are, unless the settings say otherwise.
        host: the address to listen on.
        port: 0 for any free one.
        workers: processes.
        on_started: called once the server answers.

    Raises:
        SettingsError: no formation, or two of one id; the address cannot be used; the keys cannot be kept.
        StorageError: a database cannot be opened.
    """
    ids = [one.id for one in formations]
    if not ids or len(set(ids)) < len(ids):
        raise SettingsError("A server needs at least one formation, each with its own id.")
    set_up_logs()
    with ExitStack() as closing:
        listening = closing.enter_context(listening_socket(host, port))
        keys = open_keys(formations, data_dir)
        application = Application(tuple(formations), data_dir, keys)
        started = Started(_url(host, listening), keys, ids[0])

        def announce() -> None:
            if on_started:
                on_started(started)

        with suppress(KeyboardInterrupt):
            if workers == 1:
                _Announcing(server_config(application.open(), 1), announce).run([listening])
            else:
                application.check()
                _Workers(server_config(application, workers), [listening], announce).run()


@dataclass(frozen=True)
class Application:
    """What a worker needs to make its application. It travels to the worker through a pipe, never as an argument."""

    formations: tuple[FormationSettings, ...]
    data_dir: Path
    keys: Mapping[str, Keys]

    def __call__(self) -> FastAPI:
        """Makes the application in a worker."""
        set_up_logs()
        collect_seldom()
        try:
            return self.open()
        except MuxiError as error:
            sys.stderr.write(f"{error.message}\n")
            sys.exit(CANNOT_START)

    def open(self) -> FastAPI:
        """Opens every formation.

        Raises:
            StorageError: a database cannot be opened.
        """
        with ExitStack() as undo:
            opened: dict[str, Formation] = {}
            for settings in self.formations:
                opened[settings.id] = Formation.open(settings, self.data_dir)
                undo.callback(opened[settings.id].close)
            serving = {settings.id: settings.server for settings in self.formations}
            app = create_app(opened, self.formations[0].id, self.keys, serving)
            undo.pop_all()
            return app

    def check(self) -> None:
        """Raises what would stop a worker, before there is any."""
        for settings in self.formations:
            Formation.open(settings, self.data_dir).close()


class _Announcing(uvicorn.Server):
    """Says when it answers."""

    def __init__(self, config: uvicorn.Config, announce: Callable[[], None]) -> None:
        super().__init__(config)
        self._announce = announce

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._announce()


class _Workers(Multiprocess):
    """Says when every worker answers."""

    def __init__(self, config: uvicorn.Config, sockets: list[socket.socket], announce: Callable[[], None]) -> None:
        super().__init__(config, sockets)
        self._announce = announce

    def init_processes(self) -> None:
        super().init_processes()
        if all(process.wait_until_ready(WORKER_START_S) for process in self.processes):
            self._announce()


def server_config(app: FastAPI | Application, workers: int) -> uvicorn.Config:
    """How the application is served: nothing of uvicorn's own is printed."""
    return uvicorn.Config(
        app,
        factory=isinstance(app, Application),
        workers=workers,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        lifespan="on",
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=SHUTDOWN_S,
    )


def listening_socket(host: str, port: int) -> socket.socket:
    """A socket that listens there, or says what is wrong as a `SettingsError`."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # The protocol is named, else asyncio leaves Nagle's algorithm on: 40 ms a response.
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
        listening.listen(BACKLOG)
        listening.set_inheritable(True)
    except (OSError, OverflowError) as error:
        listening.close()
        reason = error.strerror if isinstance(error, OSError) else "no such port"
        raise SettingsError(f"{host} port {port} cannot be listened on ({reason}). Choose another one.") from error
    return listening


def _url(host: str, listening: socket.socket) -> str:
    shown = f"[{host}]" if ":" in host else host
    return f"http://{shown}:{listening.getsockname()[1]}"
