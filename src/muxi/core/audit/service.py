"""Reading the audit, and checking that nobody has changed it."""

from __future__ import annotations

from dataclasses import dataclass

from muxi.core.audit.store import AuditStore
from muxi.core.audit.types import Change, Record, chained
from muxi.core.paging import Page, checked_limit, page, read_cursor
from muxi.errors import InvalidCursorError
from muxi.ids import UserId

BATCH = 1000


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a check of the chain found.

    Attributes:
        rows: how many were read.
        broken_at: the place of the first row that is changed or missing; ``None`` if the chain holds.
    """

    rows: int
    broken_at: int | None

    @property
    def sound(self) -> bool:
        """Whether nothing was changed."""
        return self.broken_at is None


class Audit:
    """The audit of one formation.

    Args:
        store: bound to the formation.
    """

    def __init__(self, store: AuditStore) -> None:
        self._store = store

    def newest(
        self, *, user_id: UserId | None = None, action: str = "", cursor: str | None = None, limit: int = 50
    ) -> Page[Record]:
        """Rows, newest first.

        Args:
            user_id: only of this user, and of those merged into it.
            action: only of this one.
            cursor: `Page.next_cursor` of the page before.
            limit: how many, 1 to 200.

        Raises:
            InvalidCursorError: not a cursor of this list, or a limit out of range.
        """
        before = read_cursor(cursor, 1)[0] if cursor else 2**62
        if not isinstance(before, int) or isinstance(before, bool) or not 0 <= before <= 2**62:
            raise InvalidCursorError("The cursor is of another list. Pass next_cursor of the page before.")
        rows = self._store.before(before, checked_limit(limit) + 1, user_id=user_id, action=action)
        return page(rows, limit, lambda last: [last.seq])

    def verify(self) -> Verdict:
        """Reads the whole chain and finds the first row that is changed, missing or too many."""
        expected, head = self._store.head()
        previous, seq = "", 0
        while rows := self._store.after(seq, BATCH):
            for row in rows:
                change = Change(row.action, row.user_id, row.details)
                right = chained(previous, self._store.formation_id, seq + 1, row.at, row.actor, change)
                if row.seq != seq + 1 or row.hash != right.hash:
                    return Verdict(seq, seq + 1)
                previous, seq = row.hash, row.seq
        return Verdict(seq, None if (seq, previous) == (expected, head) else seq + 1)
