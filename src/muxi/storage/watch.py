"""How caches of all processes learn that what they remember has changed (rule 10)."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

from muxi.storage import queries
from muxi.storage.databases.base import Database

#: How long entries are believed where nobody tells of changes: on SQLite, and while Postgres is not heard.
TRUST_S = 0.05


def links_changed(database: Database, conn: Any, formation_id: str) -> None:
    """Part of every transaction that changes what an identifier means; the others are told when it commits."""
    queries.load(database, "identity").move_identity_version(conn, formation_id=formation_id)
    database.announce(conn, formation_id)


def access_changed(database: Database, conn: Any, formation_id: str) -> None:
    """Part of every transaction that changes who may do what; the others are told when it commits."""
    queries.load(database, "api_keys").move_access_version(conn, formation_id=formation_id)
    database.announce(conn, formation_id)


class Watch:
    """Knows until when what one process remembers is right, by a number of the formation that every change moves.

    Args:
        database: where it is.
        formation_id: whose.
        version: asks for the number: given a connection and ``formation_id``.
        forget: is called when the number has moved.
        doubt: is called, in any thread, whenever something has changed about the formation: then this has to be asked
            again. Where it is not told, `forget` is called at once.
    """

    def __init__(
        self,
        database: Database,
        formation_id: str,
        version: Callable[..., Any],
        forget: Callable[[], None],
        doubt: Callable[[], None] | None = None,
    ) -> None:
        self._database = database
        self._formation_id = formation_id
        self._current = version
        self._forget = forget
        self._doubt = doubt
        self._version = -1
        self._told = self._answered = 0
        self._seen = threading.local()
        database.subscribe(formation_id, forget if doubt is None else self._tell)

    def __call__(self) -> float:
        """Until when (`time.monotonic`) everything that was not forgotten may be believed.

        Raises:
            StorageError: the database does not answer.
        """
        now, told = time.monotonic(), self._told
        heard_until = self._database.heard_until
        if heard_until > now and self._answered == told:
            return heard_until
        with self._database.connection() as conn:
            marker = self._database.change_marker(conn)
            if marker is None or marker != getattr(self._seen, "marker", None):
                self._compare(conn)
                self._seen.marker = marker
        self._answered = told
        return max(heard_until, now + TRUST_S)

    def _tell(self) -> None:
        self._told += 1
        if self._doubt is not None:
            self._doubt()

    def _compare(self, conn: Any) -> None:
        version = int(self._current(conn, formation_id=self._formation_id) or 0)
        if version != self._version:
            self._forget()
            self._version = version
