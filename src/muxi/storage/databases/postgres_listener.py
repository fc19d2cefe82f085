"""What other processes tell through Postgres: LISTEN, on a connection of its own."""

from __future__ import annotations

import select
import socket
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import psycopg

CHANNEL = "muxi_links"
#: What the connection is called in `pg_stat_activity`.
NAME = "muxi-listener"
#: How often the connection is checked, and how long after a check it is believed to be alive.
CHECK_S = 0.4
TRUST_S = 1.0
#: Between attempts to connect again.
RETRY_S = 0.5

Connection = psycopg.Connection[tuple[object, ...]]


class Listener:
    """Hears notices on one channel, in a thread, and calls whoever asked for those of a formation.

    A notice sent while the connection was down is lost, so after each reconnection everybody is called.

    Args:
        url: of the database.
        connect_timeout_s: how long an attempt to connect may take.
    """

    def __init__(self, url: str, connect_timeout_s: int) -> None:
        self._url = url
        self._connect_timeout_s = connect_timeout_s
        self._called: dict[str, list[Callable[[], None]]] = defaultdict(list)
        self._heard_until = 0.0
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._closing = False
        self._wake: socket.socket | None = None

    def subscribe(self, formation_id: str, call: Callable[[], None]) -> None:
        """Has ``call`` called, in the listening thread, at every notice about a formation."""
        with self._lock:
            self._called[formation_id].append(call)
            if self._thread is None:
                self._wake, woken = socket.socketpair()
                self._thread = threading.Thread(target=self._run, args=(woken,), name=NAME, daemon=True)
                self._thread.start()

    @property
    def heard_until(self) -> float:
        """Up to when (`time.monotonic`) no notice can have been missed; in the past while the connection is down."""
        return self._heard_until

    def close(self) -> None:
        """Ends the thread and its connection."""
        with self._lock:
            self._closing = True
        if self._thread is not None and self._wake is not None:
            self._wake.close()
            # It may be waiting for a server that is gone; then it ends by itself.
            self._thread.join(CHECK_S)

    def _run(self, woken: socket.socket) -> None:
        with woken:
            while not self._closing:
                with suppress(psycopg.Error, OSError), self._connected() as conn:
                    self._call_all()
                    self._listen(conn, woken)
                self._heard_until = 0.0
                if not self._closing:
                    select.select([woken], [], [], RETRY_S)

    @contextmanager
    def _connected(self) -> Iterator[Connection]:
        # A server that vanished without a word is noticed by the system within the same second.
        with psycopg.connect(
            self._url,
            autocommit=True,
            connect_timeout=self._connect_timeout_s,
            tcp_user_timeout=1000,
            application_name=NAME,
        ) as conn:
            conn.add_notify_handler(self._heard)
            conn.execute(f"LISTEN {CHANNEL}")
            yield conn

    def _listen(self, conn: Connection, woken: socket.socket) -> None:
        while not self._closing:
            asked = time.monotonic()
            # Its answer brings along whatever was sent before it.
            conn.execute("SELECT 1")
            self._heard_until = asked + TRUST_S
            select.select([woken.fileno(), conn.fileno()], [], [], CHECK_S)

    def _heard(self, notice: psycopg.Notify) -> None:
        for call in self._called.get(notice.payload, ()):
            call()

    def _call_all(self) -> None:
        for calls in list(self._called.values()):
            for call in calls:
                call()
