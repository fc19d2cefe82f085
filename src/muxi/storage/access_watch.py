"""How caches of all processes learn that a key, a role or the worth of a token has changed."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

from muxi.storage import queries
from muxi.storage.databases.base import Database
from muxi.storage.links import TRUST_S


def access_changed(database: Database, conn: Any, formation_id: str) -> None:
    """Part of every transaction that changes who may do what; the others are told when it commits."""
    queries.load(database, "api_keys").move_access_version(conn, formation_id=formation_id)
    database.announce(conn, formation_id)


class AccessWatch:
    """Knows until when what one process remembers of keys, roles and tokens is right.

    Args:
        database: where they are.
        formation_id: whose.
        doubt: is called, in any thread, when something has changed about the formation: this has to be asked again.
        forget: is called when it was about access.
    """

    def __init__(
        self, database: Database, formation_id: str, doubt: Callable[[], None], forget: Callable[[], None]
    ) -> None:
        self._database = database
        self._formation_id = formation_id
        self._doubt = doubt
        self._forget = forget
        self._sql = queries.load(database, "api_keys")
        self._version = -1
        self._told = 0
        self._answered = -1
        self._seen = threading.local()
        database.subscribe(formation_id, self._tell)

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
        self._doubt()

    def _compare(self, conn: Any) -> None:
        version = int(self._sql.access_version(conn, formation_id=self._formation_id) or 0)
        if version != self._version:
            self._forget()
            self._version = version
