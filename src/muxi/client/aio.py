"""The client for asyncio: `muxi.client.sync`, awaited."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterable, Mapping
from datetime import datetime, timedelta
from types import TracebackType
from typing import Any

from muxi.client import requests
from muxi.client.connection import Connection
from muxi.client.context import AsyncContext
from muxi.client.credentials import AsyncCredentials
from muxi.client.extraction import AsyncExtraction
from muxi.client.identifiers import IdentifierInput
from muxi.client.keys import AsyncKeys, AsyncRoles
from muxi.client.paging import every_awaited
from muxi.client.proofs import AsyncProofs
from muxi.client.replies import (
    Hit,
    Memory,
    Merge,
    MergePreview,
    Message,
    Page,
    Record,
    Reply,
    ResolvedUser,
    Session,
    User,
)
from muxi.client.requests import MemoryDraft
from muxi.client.streams import AsyncReplyStream
from muxi.client.teams import AsyncTeams
from muxi.client.tokens import AsyncSessions, AsyncTokens
from muxi.client.users import AsyncUsers
from muxi.client.wire import AsyncWire


class AsyncFormationClient:
    """`muxi.client.sync.FormationClient` for asyncio: the same methods, arguments, results and errors, awaited.

    One event loop uses it; close it in that loop, or use ``async with``.
    """

    def __init__(
        self,
        url: str | None = None,
        formation_id: str = "default",
        client_key: str | None = None,
        admin_key: str | None = None,
        timeout: float = 30,
        *,
        api_key: str | None = None,
        token: str | None = None,
    ) -> None:
        connection = Connection.of(url, formation_id, client_key, admin_key, timeout, os.environ, api_key, token)
        self._wire = AsyncWire(connection)
        self.users = AsyncUsers(self._wire)
        self.context = AsyncContext(self._wire)
        self.extraction = AsyncExtraction(self._wire)
        self.proofs = AsyncProofs(self._wire)
        self.keys = AsyncKeys(self._wire)
        self.roles = AsyncRoles(self._wire)
        self.tokens = AsyncTokens(self._wire)
        self.sessions = AsyncSessions(self._wire)
        self.credentials = AsyncCredentials(self._wire)
        self.teams = AsyncTeams(self._wire)

    async def chat(
        self,
        message: str,
        user_id: IdentifierInput | None = None,
        *,
        agent: str | None = None,
        session_id: str | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> Reply:
        """The answer to a message."""
        return await self._wire.call(
            requests.chat(message, user_id, agent=agent, session_id=session_id, metadata=metadata)
        )

    def chat_stream(
        self,
        message: str,
        user_id: IdentifierInput | None = None,
        *,
        agent: str | None = None,
        session_id: str | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> AsyncReplyStream:
        """The answer's pieces as they are written: not awaited itself, but looped over with ``async for``."""
        request = requests.chat(message, user_id, agent=agent, session_id=session_id, metadata=metadata, stream=True)
        return AsyncReplyStream(self._wire.opened, request, self._wire.connection)

    async def resolve_user(self, identifier: IdentifierInput) -> ResolvedUser:
        """Whom an identifier means; somebody new if nobody has it."""
        return await self._wire.call(requests.resolve_user(identifier))

    async def get_user(self, user_id: IdentifierInput) -> User:
        """A user with every identifier."""
        return await self._wire.call(requests.user(await self._wire.call(requests.owner(user_id))))

    async def associate_user_identifiers(
        self,
        identifiers: Iterable[IdentifierInput],
        user_id: IdentifierInput | None = None,
        merge: bool = False,
        verified: bool = False,
    ) -> dict[str, Any]:
        """Links identifiers to one user, all or none."""
        return await self._wire.call(requests.associate(identifiers, user_id, merge, verified))

    async def get_user_identifiers(self, user_id: IdentifierInput) -> list[str]:
        """Every identifier of a user, as it was written."""
        return await self._wire.call(requests.identifiers(user_id))

    async def unlink_user_identifier(
        self, identifier: IdentifierInput, user_id: IdentifierInput | None = None, force: bool = False
    ) -> dict[str, Any]:
        """Takes an identifier from its user."""
        return await self._wire.call(requests.unlink(identifier, user_id, force))

    async def merge_users(
        self, users: Iterable[IdentifierInput], into: IdentifierInput | None = None, dry_run: bool = False
    ) -> Merge | MergePreview:
        """Makes users one, all or none."""
        return await self._wire.call(requests.merge(users, into, dry_run))

    async def split_merge(self, merge_id: str) -> Merge:
        """Undoes a merge; what was written since stays with the survivor."""
        return await self._wire.call(requests.split(merge_id))

    async def list_merges(self, user_id: IdentifierInput) -> list[Merge]:
        """The merges that made a user, and those that were undone, the newest first."""
        return await self._wire.call(requests.merges(user_id))

    async def list_audit(
        self,
        user_id: IdentifierInput | None = None,
        action: str | None = None,
        limit: int = 50,
        cursor: str | None = None,
    ) -> Page[Record]:
        """A page of the audit, the newest first."""
        return await self._wire.call(requests.audit(user_id, action, limit, cursor))

    def iter_audit(
        self, user_id: IdentifierInput | None = None, action: str | None = None, limit: int = 50
    ) -> AsyncIterator[Record]:
        """The whole audit, the newest first."""
        return every_awaited(lambda cursor: self.list_audit(user_id, action, limit, cursor))

    async def verify_audit(self) -> dict[str, Any]:
        """Whether the audit is as it was written."""
        return await self._wire.call(requests.verify_audit())

    async def list_sessions(
        self, user_id: IdentifierInput, limit: int = 50, cursor: str | None = None
    ) -> Page[Session]:
        """A page of a user's conversations, the latest first."""
        return await self._wire.call(requests.sessions(user_id, limit, cursor))

    def iter_sessions(self, user_id: IdentifierInput, limit: int = 50) -> AsyncIterator[Session]:
        """All conversations of a user, the latest first."""
        return every_awaited(lambda cursor: self.list_sessions(user_id, limit, cursor))

    async def list_messages(
        self, session_id: str, user_id: IdentifierInput, limit: int = 50, cursor: str | None = None
    ) -> Page[Message]:
        """A page of a conversation, the newest message first."""
        return await self._wire.call(requests.messages(session_id, user_id, limit, cursor))

    def iter_messages(self, session_id: str, user_id: IdentifierInput, limit: int = 50) -> AsyncIterator[Message]:
        """All messages of a conversation, the newest first."""
        return every_awaited(lambda cursor: self.list_messages(session_id, user_id, limit, cursor))

    async def add_memory(
        self,
        text: str,
        user_id: IdentifierInput,
        *,
        metadata: Mapping[str, Any] | None = None,
        importance: float = 0.5,
        session_id: str | None = None,
        agent: str | None = None,
        said_at: datetime | str | None = None,
        expires_in: timedelta | None = None,
    ) -> Memory:
        """Remembers a text about a user."""
        request = requests.add_memory(
            text,
            user_id,
            metadata=metadata,
            importance=importance,
            session_id=session_id,
            agent=agent,
            said_at=said_at,
            expires_in=expires_in,
        )
        return await self._wire.call(request)

    async def add_memories(self, memories: Iterable[str | MemoryDraft], user_id: IdentifierInput) -> list[Memory]:
        """Remembers up to 1,000 texts, all or none."""
        return await self._wire.call(requests.add_memories(memories, user_id))

    async def list_memories(self, user_id: IdentifierInput, limit: int = 50, cursor: str | None = None) -> Page[Memory]:
        """A page of what is remembered of a user, the newest first."""
        return await self._wire.call(requests.memories(user_id, limit, cursor))

    def iter_memories(self, user_id: IdentifierInput, limit: int = 50) -> AsyncIterator[Memory]:
        """Everything that is remembered of a user, the newest first."""
        return every_awaited(lambda cursor: self.list_memories(user_id, limit, cursor))

    async def search_memory(
        self,
        query: str,
        user_id: IdentifierInput,
        limit: int = 10,
        agent: str | None = None,
        filter_metadata: Mapping[str, Any] | None = None,
        scope: str = "long_term",
        explain: bool = False,
    ) -> list[Hit]:
        """What is remembered of a user about something, the best first."""
        return await self._wire.call(requests.search(query, user_id, limit, agent, filter_metadata, scope, explain))

    async def delete_memory(self, memory_id: str, user_id: IdentifierInput) -> None:
        """Forgets one memory."""
        await self._wire.call(requests.delete_memory(memory_id, user_id))

    async def health(self) -> dict[str, Any]:
        """``{"status": "ok"}`` from a server that runs."""
        return await self._wire.call(requests.health())

    async def ready(self) -> dict[str, Any]:
        """The state of each formation."""
        return await self._wire.call(requests.ready())

    async def close(self) -> None:
        """Closes the connections. The client cannot be used any more."""
        await self._wire.close()

    async def __aenter__(self) -> AsyncFormationClient:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def __repr__(self) -> str:
        connection = self._wire.connection
        return f"AsyncFormationClient(url={connection.shown!r}, formation_id={connection.formation_id!r})"
