"""What privacy needs of a store. A store is bound to one formation: nothing it returns is another's."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Any, Protocol

from muxi.core.privacy.types import Erased
from muxi.ids import UserId


class PrivacyStore(Protocol):
    """Everything of one user, across all tables."""

    formation_id: str
    #: Tells the formation's key from another's, and nothing about it.
    key_mark: str

    def rows(self, user_id: UserId) -> AbstractContextManager[Iterator[tuple[str, tuple[Any, ...]]]]:
        """Every row of a canonical user and of those merged into it, as they are at one moment.

        Each with its table; tables and columns in the order of `muxi.core.privacy.tables.TABLES`, the canonical user
        first. No row: there is no such canonical user.
        """

    def erase(self, user_id: UserId, actor: str, now: datetime) -> Erased | None:
        """Removes a canonical user, those merged into it and all their rows, in one transaction with its audit row.

        Whoever writes for them at this moment comes before, and is erased too, or fails with `UserNotFoundError`.
        ``None``: there is no such canonical user (any more).
        """

    def restore(
        self, user_id: UserId, rows: Iterable[tuple[str, tuple[Any, ...]]], actor: str, now: datetime
    ) -> Mapping[str, int]:
        """Writes rows as `rows` returned them, in one transaction with its audit rows.

        Returns:
            How many rows were written, by table.

        Raises:
            ConflictError: one of them is there already.
        """
