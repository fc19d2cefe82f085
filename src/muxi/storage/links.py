"""How caches of all processes learn that a link has changed its meaning (rule 10)."""

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


class Watch:
    """Knows until when what one process remembers of links is right.

    Args:
        database: where the links are.
        formation_id: whose.
        forget: is called whenever a link may have changed.
    """

    def __init__(self, database: Database, formation_id: str, forget: Callable[[], None]) -> None:
        self._database = database
        self._formation_id = formation_id
        self._forget = forget
        self._sql = queries.load(database, "identity")
        self._version = -1
        self._seen = threading.local()
        database.subscribe(formation_id, forget)

    def __call__(self) -> float:
        """Until when (`time.monotonic`) everything that was not forgotten may be believed.

        Raises:
            StorageError: the database does not answer.
        """
        now = time.monotonic()
        heard_until = self._database.heard_until
        if heard_until > now:
            return heard_until
        with self._database.connection() as conn:
            marker = self._database.change_marker(conn)
            if marker is None or marker != getattr(self._seen, "marker", None):
                self._compare(conn)
                self._seen.marker = marker
        return now + TRUST_S

    def _compare(self, conn: Any) -> None:
        version = int(self._sql.identity_version(conn, formation_id=self._formation_id) or 0)
        if version != self._version:
            self._forget()
            self._version = version
