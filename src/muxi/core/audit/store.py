"""What the audit needs of a store. A store is bound to one formation: nothing it returns is another's.

There is no way to write here: rows are written by the stores whose changes they record, in the same transaction.
"""

from __future__ import annotations

from typing import Protocol

from muxi.core.audit.types import Record
from muxi.ids import UserId


class AuditStore(Protocol):
    """The rows of the audit."""

    formation_id: str

    def head(self) -> tuple[int, str]:
        """How many rows there should be, and the hash of the last one."""

    def after(self, seq: int, limit: int) -> list[Record]:
        """Rows above a place, in order."""

    def before(self, seq: int, limit: int, *, user_id: UserId | None, action: str) -> list[Record]:
        """Rows below a place, newest first: of a canonical user, of one action, or of all (``None``, empty)."""
