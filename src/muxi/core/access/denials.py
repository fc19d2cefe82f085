"""What was refused: counted, and recorded in the audit, so many times a minute."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta

from muxi.core.access.key_store import KeyStore
from muxi.core.clock import Clock
from muxi.ids import UserId

#: Rows of the audit for one caller and minute; what is more is counted in the next row.
ROWS_A_MINUTE = 10
MINUTE = timedelta(minutes=1)
_MOST_CALLERS = 10_000


@dataclass(slots=True)
class _Minute:
    began: datetime
    rows: int = 0
    unrecorded: int = 0


class Denials:
    """Refusals in one formation.

    Args:
        store: bound to the formation.
        clock: the time, in UTC.

    Attributes:
        counts: by permission, and ``"authentication"`` for keys and tokens that open nothing, in this process.
    """

    def __init__(self, store: KeyStore, clock: Clock) -> None:
        self.counts: Counter[str] = Counter()
        self._store = store
        self._clock = clock
        self._minutes: dict[str, _Minute] = {}
        self._lock = threading.Lock()

    def unknown(self) -> None:
        """Somebody came without a right key or token: counted, since there is nobody to record."""
        self.counts["authentication"] += 1

    def denied(self, actor: str, permission: str, user_id: UserId | None = None) -> None:
        """Somebody may not do something. Written in a transaction of its own.

        Args:
            actor: who.
            permission: what they lack.
            user_id: for whom they act.

        Raises:
            StorageError: it cannot be written.
        """
        self.counts[permission] += 1
        now = self._clock()
        with self._lock:
            unrecorded = self._row(actor, now)
        if unrecorded is not None:
            details = {"permission": permission} | ({"unrecorded": unrecorded} if unrecorded else {})
            self._store.refused(actor, user_id, details, now)

    def _row(self, actor: str, now: datetime) -> int | None:
        """``None``: no row; else how many were not recorded before this one."""
        minute = self._minutes.get(actor)
        if minute is None or now - minute.began >= MINUTE:
            if len(self._minutes) >= _MOST_CALLERS:
                self._minutes.clear()
            left = minute.unrecorded if minute else 0
            minute = self._minutes[actor] = _Minute(now, unrecorded=left)
        if minute.rows >= ROWS_A_MINUTE:
            minute.unrecorded += 1
            return None
        minute.rows += 1
        unrecorded, minute.unrecorded = minute.unrecorded, 0
        return unrecorded
