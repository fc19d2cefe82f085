"""On SQLite: what imported identifiers are found by (`lookups` in the schema), many at once.

One by one, in the order of the file, each would be a page of its own that is read, written to the journal, and written
again to the database: half of an import's time. A hundred thousand in the order of their keys share their pages.
"""

from __future__ import annotations

from typing import Any

from muxi.storage.databases.base import Database

#: About a second's work, during which nobody else can write.
AT_ONCE = 100_000
_LAST = "SELECT max(rowid) FROM identifiers"
# Others' rows among them are there already. Each is as the tables say now: what was changed meanwhile is seen. The
# survivor is looked for only where there was a merge: twice for each would take half as long again.
_FILL = """
    INSERT OR IGNORE INTO lookups (key, formation_id, value, type, canonical_id, created_at, disabled, verified)
    SELECT i.key & 9223372036854775807, i.formation_id, i.value, i.type, u.canonical_id,
        CASE WHEN u.canonical_id = u.id THEN u.created_at ELSE (
            SELECT c.created_at FROM users c WHERE c.formation_id = u.formation_id AND c.id = u.canonical_id) END,
        CASE WHEN u.canonical_id = u.id THEN u.disabled_at IS NOT NULL ELSE (
            SELECT c.disabled_at IS NOT NULL FROM users c
            WHERE c.formation_id = u.formation_id AND c.id = u.canonical_id) END,
        i.verified_at IS NOT NULL
    FROM identifiers i
    CROSS JOIN users u ON u.formation_id = i.formation_id AND u.id = i.user_id
    WHERE i.rowid BETWEEN ? AND ? AND i.key IS NOT NULL
    ORDER BY i.key & 9223372036854775807"""


class WaitingLookups:
    """Identifiers that were linked and cannot be found by their number yet; in the tables themselves they can.

    If the process is killed they stay so: their look-ups take a little longer, and say the same.

    Args:
        at_once: how many may wait.
    """

    def __init__(self, at_once: int = AT_ONCE) -> None:
        self._at_once = at_once
        self._first = 0
        self._last = 0

    def linked(self, conn: Any, count: int) -> None:
        """So many were, just now, in this transaction."""
        self._last = conn.execute(_LAST).fetchone()[0]
        self._first = self._first or self._last - count + 1
        if self._last - self._first >= self._at_once:
            self._fill(conn)

    def fill(self, database: Database) -> None:
        """Writes what waits, in a transaction of its own."""
        if self._first:
            with database.transaction() as conn:
                self._fill(conn)

    def _fill(self, conn: Any) -> None:
        conn.execute(_FILL, (self._first, self._last))
        self._first = 0
