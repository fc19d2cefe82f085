"""`context` of both clients: what is known of a user, by path."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from datetime import datetime
from typing import Any

from muxi.client import context_requests as requests
from muxi.client.context_replies import Fact
from muxi.client.identifiers import IdentifierInput
from muxi.client.paging import every, every_awaited
from muxi.client.replies import Page
from muxi.client.wire import AsyncWire, Wire

Time = datetime | str | None


class Context:
    """What is known of a user, as a nested document: read, changed by dotted paths, and how it came to be.

    Args:
        wire: to the server.
    """

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def get(self, user_id: IdentifierInput, at: Time = None) -> dict[str, Any]:
        """What is known of a user; as it was, if a time is given. Empty for nobody."""
        return self._wire.call(requests.get(user_id, at))

    def facts(self, user_id: IdentifierInput) -> list[Fact]:
        """The facts that the document rests on, each with where it comes from."""
        return self._wire.call(requests.facts(user_id))

    def merge(
        self,
        user_id: IdentifierInput,
        knowledge: Mapping[str, Any],
        *,
        source: str = "",
        importance: float = 0.5,
        confidence: float = 1.0,
        observed_at: Time = None,
    ) -> list[Fact]:
        """Adds a document: each of its values replaces the one at its path, and nothing else is touched.

        Args:
            user_id: whose, by any identifier; made if new.
            knowledge: keys and any JSON; lists replace lists.
            source: who or what says so.
            importance: 0 to 1.
            confidence: 0 to 1.
            observed_at: when it was said; now, if not told. What is older than what is there goes to the history.

        Returns:
            The facts that were written, and those that were said again.

        Raises:
            InvalidContextError: a key or a value cannot be, or the formation's schema refuses it.
        """
        told = requests.told(source, importance, confidence, observed_at)
        return self._wire.call(requests.merge(user_id, knowledge, told))

    def set(
        self,
        user_id: IdentifierInput,
        path: str,
        value: Any,
        *,
        source: str = "",
        importance: float = 0.5,
        confidence: float = 1.0,
        observed_at: Time = None,
    ) -> list[Fact]:
        """Gives a path (``"preferences.theme"``) its value: any JSON up to 64 KiB. Otherwise as `merge`."""
        told = requests.told(source, importance, confidence, observed_at)
        return self._wire.call(requests.put(user_id, path, value, "set", told))

    def add(
        self,
        user_id: IdentifierInput,
        path: str,
        value: Any,
        *,
        source: str = "",
        importance: float = 0.5,
        confidence: float = 1.0,
        observed_at: Time = None,
    ) -> list[Fact]:
        """Adds a value to the list at a path, once. Otherwise as `merge`."""
        told = requests.told(source, importance, confidence, observed_at)
        return self._wire.call(requests.put(user_id, path, value, "add", told))

    def remove(self, user_id: IdentifierInput, path: str, value: Any, *, source: str = "") -> list[Fact]:
        """Takes a value from the list at a path. An empty answer: it was not there."""
        return self._wire.call(requests.put(user_id, path, value, "remove", {"source": source}))

    def delete(self, user_id: IdentifierInput, path: str, forget: bool = False) -> bool:
        """Ends what is at a path and below it; with ``forget`` its history goes, too. False: there was nothing."""
        return self._wire.call(requests.delete(user_id, path, forget))

    def history(
        self, user_id: IdentifierInput, path: str = "", limit: int = 50, cursor: str | None = None
    ) -> Page[Fact]:
        """A page of how the context, or what is at a path, came to be, the newest first."""
        return self._wire.call(requests.history(user_id, path, limit, cursor))

    def iter_history(self, user_id: IdentifierInput, path: str = "", limit: int = 50) -> Iterator[Fact]:
        """All of `history`, fetched ``limit`` at a time."""
        return every(lambda cursor: self.history(user_id, path, limit, cursor))


class AsyncContext:
    """`Context` for asyncio: the same methods, arguments, results and errors, awaited."""

    def __init__(self, wire: AsyncWire) -> None:
        self._wire = wire

    async def get(self, user_id: IdentifierInput, at: Time = None) -> dict[str, Any]:
        """What is known of a user; as it was, if a time is given. Empty for nobody."""
        return await self._wire.call(requests.get(user_id, at))

    async def facts(self, user_id: IdentifierInput) -> list[Fact]:
        """The facts that the document rests on, each with where it comes from."""
        return await self._wire.call(requests.facts(user_id))

    async def merge(
        self,
        user_id: IdentifierInput,
        knowledge: Mapping[str, Any],
        *,
        source: str = "",
        importance: float = 0.5,
        confidence: float = 1.0,
        observed_at: Time = None,
    ) -> list[Fact]:
        """Adds a document: each of its values replaces the one at its path, and nothing else is touched."""
        told = requests.told(source, importance, confidence, observed_at)
        return await self._wire.call(requests.merge(user_id, knowledge, told))

    async def set(
        self,
        user_id: IdentifierInput,
        path: str,
        value: Any,
        *,
        source: str = "",
        importance: float = 0.5,
        confidence: float = 1.0,
        observed_at: Time = None,
    ) -> list[Fact]:
        """Gives a path its value."""
        told = requests.told(source, importance, confidence, observed_at)
        return await self._wire.call(requests.put(user_id, path, value, "set", told))

    async def add(
        self,
        user_id: IdentifierInput,
        path: str,
        value: Any,
        *,
        source: str = "",
        importance: float = 0.5,
        confidence: float = 1.0,
        observed_at: Time = None,
    ) -> list[Fact]:
        """Adds a value to the list at a path, once."""
        told = requests.told(source, importance, confidence, observed_at)
        return await self._wire.call(requests.put(user_id, path, value, "add", told))

    async def remove(self, user_id: IdentifierInput, path: str, value: Any, *, source: str = "") -> list[Fact]:
        """Takes a value from the list at a path. An empty answer: it was not there."""
        return await self._wire.call(requests.put(user_id, path, value, "remove", {"source": source}))

    async def delete(self, user_id: IdentifierInput, path: str, forget: bool = False) -> bool:
        """Ends what is at a path and below it; with ``forget`` its history goes, too. False: there was nothing."""
        return await self._wire.call(requests.delete(user_id, path, forget))

    async def history(
        self, user_id: IdentifierInput, path: str = "", limit: int = 50, cursor: str | None = None
    ) -> Page[Fact]:
        """A page of how the context, or what is at a path, came to be, the newest first."""
        return await self._wire.call(requests.history(user_id, path, limit, cursor))

    def iter_history(self, user_id: IdentifierInput, path: str = "", limit: int = 50) -> AsyncIterator[Fact]:
        """All of `history`, fetched ``limit`` at a time."""
        return every_awaited(lambda cursor: self.history(user_id, path, limit, cursor))
