"""What a store needs of a database."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol


class Database(Protocol):
    """A database: connections, transactions and locks. Every driver error leaves it as a `StorageError`."""

    dialect: str
    #: How aiosql runs queries on this driver.
    adapter: Any

    def connection(self) -> AbstractContextManager[Any]:
        """A connection for reading; each statement is its own transaction."""

    def held(self) -> AbstractContextManager[None]:
        """While it lasts, this thread works on one connection."""

    def transaction(self, *, together: bool = False) -> AbstractContextManager[Any]:
        """A write transaction: committed at the end, rolled back on any exception.

        ``together``: where each statement costs a round trip, those that return no rows go along with the next one
        that does. How many rows they changed is then not known.
        """

    def snapshot(self) -> AbstractContextManager[Any]:
        """A connection on which all reads see one moment, as long as the context lasts."""

    def stream(self, conn: Any, query: str, parameters: Mapping[str, Any]) -> Iterator[tuple[Any, ...]]:
        """The rows of a query in a snapshot, few at a time: memory does not grow with their number."""

    def insert_many(self, conn: Any, table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
        """Adds rows as quickly as it goes. Cells are text, whole numbers or ``None``; a time is text in ISO 8601."""

    def text_list(self, values: Iterable[str]) -> str:
        """A list as queries of many values take it: JSON, or the text of an array."""

    def writing_much(self) -> AbstractContextManager[None]:
        """Many transactions of this thread are quicker in this context, for more memory."""

    def owning(self) -> AbstractContextManager[Any]:
        """A connection as whoever owns the tables; each statement is its own transaction."""

    def migrating(self) -> AbstractContextManager[Any]:
        """A transaction as whoever owns the tables, who makes and changes them: one process does at a time.

        At its end the planner is told what to expect in them, and the application is let in.
        """

    def lock_values(self, conn: Any, formation_id: str, values: list[str]) -> None:
        """Only one writer decides about these identifier values at a time, until the transaction ends."""

    def keep_user(self, conn: Any, formation_id: str, user_id: str) -> None:
        """A user cannot be erased until the transaction ends. The first lock of who writes what is theirs.

        Raises:
            UserNotFoundError: it was erased already. (Where this is not seen here, the first write raises it.)
        """

    def hold_users(self, conn: Any, formation_id: str, canonical_id: str) -> list[str]:
        """A canonical user and those merged into it, in order, none of whom anybody else can write to or refer to
        until the transaction ends. Empty: there is no such canonical user."""

    def announce(self, conn: Any, formation_id: str) -> None:
        """Tells whoever subscribed, in any process, when the transaction commits."""

    def subscribe(self, formation_id: str, call: Callable[[], None]) -> None:
        """Has ``call`` called, in a thread of the database's, whenever something is announced about a formation."""

    @property
    def heard_until(self) -> float:
        """Up to when (`time.monotonic`) no announcement can have been missed; in the past if nobody listens."""

    def change_marker(self, conn: Any) -> object | None:
        """Equal to an earlier one of the same thread: nothing was written since, by anybody. ``None``: not known."""

    def scrub(self, tables: Sequence[str], *, rewrite: bool = False) -> bool:
        """Takes what was deleted from some tables out of the database's files, as far as it can without long waiting.

        ``rewrite``: the tables are written anew, whatever their size; who uses them waits meanwhile. False: others were
        in the way. `docs/memory.md` says what each database can promise.
        """

    def ping(self) -> None:
        """Raises `StorageError` if the database does not answer."""

    def close(self) -> None:
        """Closes every connection."""
