"""`extraction` of both clients: finding what users say about themselves."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from datetime import datetime

from muxi.client import extraction_requests as requests
from muxi.client.extraction_replies import Extracted, ExtractionFailure, ExtractionStatus
from muxi.client.identifiers import IdentifierInput
from muxi.client.paging import every, every_awaited
from muxi.client.replies import Page
from muxi.client.wire import AsyncWire, Wire


class Extraction:
    """How it stands, what could not be read, and each user's choice. All but the choice need the admin key.

    Args:
        wire: to the server.
    """

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def status(self) -> ExtractionStatus:
        """How many users wait to be read, since when, and what fails."""
        return self._wire.call(requests.status())

    def list_failures(
        self, user_id: IdentifierInput | None = None, limit: int = 50, cursor: str | None = None
    ) -> Page[ExtractionFailure]:
        """A page of messages that could not be read, the newest first; of one user if told."""
        return self._wire.call(requests.failures(user_id, limit, cursor))

    def iter_failures(self, user_id: IdentifierInput | None = None, limit: int = 50) -> Iterator[ExtractionFailure]:
        """All of `list_failures`, fetched ``limit`` at a time."""
        return every(lambda cursor: self.list_failures(user_id, limit, cursor))

    def replay(self, failure_id: str) -> Extracted:
        """Reads messages again that could not be read. What was said since stays.

        Raises:
            NotFoundError: there is no such failure, or somebody else has replayed it.
            ModelError: it failed again, and stays in the list.
        """
        return self._wire.call(requests.replay(failure_id))

    def opted_out(self, user_id: IdentifierInput) -> datetime | None:
        """Since when nothing is looked for in what a user says; ``None``: it is."""
        return self._wire.call(requests.choice(user_id))

    def opt_out(self, user_id: IdentifierInput) -> datetime | None:
        """Nothing that a user says from now on is read for facts, nor what waits. What is known already stays."""
        return self._wire.call(requests.choose(user_id, False))

    def opt_in(self, user_id: IdentifierInput) -> None:
        """What a user says from now on is read again; what was said meanwhile never is."""
        self._wire.call(requests.choose(user_id, True))


class AsyncExtraction:
    """`Extraction` for asyncio: the same methods, arguments, results and errors, awaited."""

    def __init__(self, wire: AsyncWire) -> None:
        self._wire = wire

    async def status(self) -> ExtractionStatus:
        """How many users wait to be read, since when, and what fails."""
        return await self._wire.call(requests.status())

    async def list_failures(
        self, user_id: IdentifierInput | None = None, limit: int = 50, cursor: str | None = None
    ) -> Page[ExtractionFailure]:
        """A page of messages that could not be read, the newest first; of one user if told."""
        return await self._wire.call(requests.failures(user_id, limit, cursor))

    def iter_failures(
        self, user_id: IdentifierInput | None = None, limit: int = 50
    ) -> AsyncIterator[ExtractionFailure]:
        """All of `list_failures`, fetched ``limit`` at a time."""
        return every_awaited(lambda cursor: self.list_failures(user_id, limit, cursor))

    async def replay(self, failure_id: str) -> Extracted:
        """Reads messages again that could not be read. What was said since stays."""
        return await self._wire.call(requests.replay(failure_id))

    async def opted_out(self, user_id: IdentifierInput) -> datetime | None:
        """Since when nothing is looked for in what a user says; ``None``: it is."""
        return await self._wire.call(requests.choice(user_id))

    async def opt_out(self, user_id: IdentifierInput) -> datetime | None:
        """Nothing that a user says from now on is read for facts, nor what waits."""
        return await self._wire.call(requests.choose(user_id, False))

    async def opt_in(self, user_id: IdentifierInput) -> None:
        """What a user says from now on is read again; what was said meanwhile never is."""
        await self._wire.call(requests.choose(user_id, True))
