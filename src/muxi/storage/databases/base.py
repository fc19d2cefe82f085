"""What a store needs of a database."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any, Protocol


class Database(Protocol):
    """A database: connections, transactions and locks. Every driver error leaves it as a `StorageError`."""

    dialect: str
    #: How aiosql runs queries on this driver.
    adapter: Any

    def connection(self) -> AbstractContextManager[Any]:
        """A connection for reading; each statement is its own transaction."""

    def transaction(self, *, together: bool = False) -> AbstractContextManager[Any]:
        """A write transaction: committed at the end, rolled back on any exception.

        ``together``: where each statement costs a round trip, those that return no rows go along with the next one
        that does. How many rows they changed is then not known.
        """

    def lock_migrations(self, conn: Any) -> None:
        """Only one process migrates at a time, until the transaction ends."""

    def lock_values(self, conn: Any, formation_id: str, values: list[str]) -> None:
        """Only one writer decides about these identifier values at a time, until the transaction ends."""

    def ping(self) -> None:
        """Raises `StorageError` if the database does not answer."""

    def close(self) -> None:
        """Closes every connection."""
