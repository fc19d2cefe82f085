"""The documented names about one user's memories and context: Memobase has them, and so has the Orchestrator."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Literal

from muxi.core.memory.edit_store import Edit, Revision
from muxi.core.memory.extraction.types import Operation
from muxi.core.memory.extraction.work import Batch, Heard
from muxi.core.memory.facts import Change, Document, Fact, Op, Origin
from muxi.core.memory.memobase_store import MemobaseParts
from muxi.core.memory.private import redact
from muxi.core.memory.service import Draft
from muxi.core.memory.types import Hit, Memory
from muxi.core.paging import Page
from muxi.core.text import checked_text
from muxi.core.threads import in_thread
from muxi.errors import InvalidMemoryError, InvalidMessageError, MemoryNotFoundError
from muxi.ids import SessionId, UserId, new_message_id

#: Any identifier of a user, as `muxi.core.identity.types.IdentifierInput`, or a ``usr_`` id.
UserInput = str | int | tuple[str | int, str | None] | Mapping[str, str | int | None]

MAX_HITS = 1000
EXTRACTION = "extraction"
_OPS: Mapping[str, Op] = {"replace": "set", "add": "add", "remove": "remove"}


class UserMemory(ABC):
    """What is remembered of users, and what is known of them by path.

    Whoever writes for an identifier that nobody has makes a user (`UserNotFoundError` for a ``usr_`` id that nobody
    has); reading makes nobody, and finds nothing. Every method raises `InvalidIdentifierError` or
    `AmbiguousIdentifierError` if it is not clear who is meant, `UserDisabledError` for a user who is shut out, and
    `StorageError` if the store fails.
    """

    @abstractmethod
    def memory_parts(self) -> MemobaseParts:
        """What the methods below work on."""

    async def add_user_memory(
        self,
        user_id: UserInput,
        message: str,
        agent_id: str | None = None,
        importance: float = 0.5,
        metadata: Mapping[str, Any] | None = None,
        expires_in: timedelta | None = None,
    ) -> Memory:
        """Remembers a text of a user.

        Args:
            user_id: whose, by any identifier.
            message: what to remember.
            agent_id: the agent it was said to.
            importance: 0 to 1.
            metadata: the application's own; no key of it means anything to muxi but ``session``.
            expires_in: how long it is recalled; for ever, if not told.

        Raises:
            InvalidMemoryError, MessageTooLargeError: the text, the importance or the metadata cannot be used.
        """
        draft = Draft(message, metadata or {}, importance, agent_id=agent_id or "", expires_in=expires_in)
        return await in_thread(_add_memory, self.memory_parts(), user_id, draft)

    async def search_user_memory(self, user_id: UserInput, query: str, limit: int = 5) -> list[Hit]:
        """What a user's memories say about something, the best first.

        Raises:
            InvalidMessageError, InvalidMemoryError: the query is empty; the limit is not 1 to 1,000.
            ModelError: the embedding model failed.
        """
        checked_text(query, InvalidMessageError)
        if not 1 <= limit <= MAX_HITS:
            raise InvalidMemoryError(f"limit is {limit}; it must be 1 to {MAX_HITS}.")
        parts = self.memory_parts()
        vector = await parts.memories.embed(query)
        return await in_thread(_search, parts, user_id, query, vector, limit)

    async def list_user_memories(self, user_id: UserInput, limit: int = 50, cursor: str | None = None) -> Page[Memory]:
        """A page of a user's memories, newest first. `InvalidCursorError` for a wrong cursor or limit."""
        return await in_thread(_list, self.memory_parts(), user_id, limit, cursor)

    async def get_user_memory(self, user_id: UserInput, memory_id: str) -> Memory:
        """One memory. `MemoryNotFoundError` if there is none of this id, or it is somebody else's."""
        parts = self.memory_parts()
        return await in_thread(lambda: parts.edits.get(_owner(parts, user_id, memory_id), memory_id))

    async def update_user_memory(
        self,
        user_id: UserInput,
        memory_id: str,
        message: str | None = None,
        importance: float | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> Memory:
        """Changes a memory; what it said before is kept. What is not told stays. Raises as `add_user_memory`, and
        `MemoryNotFoundError` as `get_user_memory`."""
        parts = self.memory_parts()
        edit = Edit(message, importance, metadata)
        return await in_thread(lambda: parts.edits.edit(_owner(parts, user_id, memory_id), memory_id, edit))

    async def delete_user_memory(self, user_id: UserInput, memory_id: str) -> None:
        """Forgets a memory, and what it said before. `MemoryNotFoundError` as `get_user_memory`."""
        parts = self.memory_parts()
        await in_thread(lambda: parts.memories.delete(_owner(parts, user_id, memory_id), memory_id))

    async def get_user_memory_history(self, user_id: UserInput, memory_id: str) -> list[Revision]:
        """What a memory said before it was changed, newest first. `MemoryNotFoundError` as `get_user_memory`."""
        parts = self.memory_parts()
        return await in_thread(lambda: parts.edits.revisions(_owner(parts, user_id, memory_id), memory_id))

    async def add_user_context_memory(
        self,
        user_id: UserInput,
        knowledge: Mapping[str, Any],
        source: str = "",
        importance: float = 0.5,
        confidence: float = 1.0,
        observed_at: datetime | None = None,
    ) -> list[Fact]:
        """Adds a document to what is known of a user: each value replaces the one at its path.

        Arguments, result and errors as `muxi.core.memory.context.Context.merge` and `muxi.core.memory.facts.Origin`.
        """
        parts, origin = self.memory_parts(), Origin(source, importance, confidence, observed_at)
        return await in_thread(lambda: parts.context.merge(parts.users.resolve(user_id).id, knowledge, origin))

    async def get_user_context_memory(self, user_id: UserInput, at: datetime | None = None) -> Document:
        """What is known of a user, as a nested document; as it was, if a time is given. Empty for nobody."""
        parts = self.memory_parts()
        return await in_thread(_context, parts, user_id, at)

    async def update_user_context_memory(
        self,
        user_id: UserInput,
        path: str,
        value: Any,
        source: str = "",
        importance: float = 0.5,
        confidence: float = 1.0,
        observed_at: datetime | None = None,
        op: Literal["set", "add", "remove"] = "set",
    ) -> list[Fact]:
        """Gives a path its value; or adds a value to the list there, or takes one from it.

        Args:
            user_id: whose, by any identifier.
            path: dotted, such as ``"preferences.theme"``; a dot within a key is written ``\\.``.
            value: any JSON up to 64 KiB.
            source: as `muxi.core.memory.facts.Origin`, and so are the next three.
            importance: 0 to 1.
            confidence: 0 to 1.
            observed_at: when it was said; now, if not told.
            op: ``"add"`` and ``"remove"`` work on lists.

        Returns:
            The facts that were written, and those that were said again.

        Raises:
            InvalidContextError: the path or the value cannot be, or the formation's schema refuses it.
        """
        parts = self.memory_parts()
        change = Change(op, path, value, Origin(source, importance, confidence, observed_at))
        return await in_thread(lambda: parts.context.write(parts.users.resolve(user_id).id, [change]))

    async def delete_user_context_memory(self, user_id: UserInput, path: str, forget: bool = False) -> bool:
        """Ends what is at a path and below it; with ``forget`` its history goes, too. False: there was nothing."""
        return await in_thread(_delete_context, self.memory_parts(), user_id, path, forget)

    async def get_user_context_history(
        self, user_id: UserInput, path: str = "", limit: int = 50, cursor: str | None = None
    ) -> Page[Fact]:
        """How a path came to be, newest first. As `muxi.core.memory.context.Context.history`."""
        return await in_thread(_history, self.memory_parts(), user_id, path, limit, cursor)

    async def extract_user_information(
        self,
        user_message: str,
        agent_response: str,
        user_id: UserInput,
        agent_id: str | None = None,
    ) -> list[Fact]:
        """Finds what a user says about themself, and writes it into their context.

        Args:
            user_message: what the user said. Only this is believed.
            agent_response: what was answered; an agent says nothing about the user that the user did not say.
            user_id: whose, by any identifier.
            agent_id: who answered.

        Returns:
            The facts that were written, and those that were said again.
        """
        checked_text(user_message, InvalidMessageError)
        parts = self.memory_parts()
        if parts.extractor is None:
            return await in_thread(_extract, parts, user_id, user_message)
        batch = await in_thread(_batch, parts, user_id, user_message, agent_id or "")
        found = await parts.extractor.extract(batch)
        # The message is not in the log: nothing can point to it.
        changes = [replace(one, origin=replace(one.origin, observed_at=None, evidence=())) for one in found.changes]
        return await in_thread(parts.context.write, batch.user_id, changes)


def _add_memory(parts: MemobaseParts, who: UserInput, draft: Draft) -> Memory:
    return parts.memories.add(parts.users.resolve(who).id, [draft])[0]


def _search(parts: MemobaseParts, who: UserInput, query: str, vector: Any, limit: int) -> list[Hit]:
    user = parts.users.find(who)
    return parts.memories.search(user.id, query, vector, limit=limit) if user else []


def _list(parts: MemobaseParts, who: UserInput, limit: int, cursor: str | None) -> Page[Memory]:
    user = parts.users.find(who)
    return parts.memories.newest(user.id, cursor=cursor, limit=limit) if user else Page([], None)


def _owner(parts: MemobaseParts, who: UserInput, memory_id: str) -> UserId:
    user = parts.users.find(who)
    if user is None:
        raise MemoryNotFoundError(f"There is no memory {memory_id[:64]!r}.")
    return user.id


def _context(parts: MemobaseParts, who: UserInput, at: datetime | None) -> Document:
    user = parts.users.find(who)
    return parts.context.get(user.id, at=at) if user else {}


def _delete_context(parts: MemobaseParts, who: UserInput, path: str, forget: bool) -> bool:
    user = parts.users.find(who)
    return parts.context.delete(user.id, path, forget=forget) if user else False


def _history(parts: MemobaseParts, who: UserInput, path: str, limit: int, cursor: str | None) -> Page[Fact]:
    user = parts.users.find(who)
    return parts.context.history(user.id, path, cursor=cursor, limit=limit) if user else Page([], None)


def _batch(parts: MemobaseParts, who: UserInput, text: str, agent_id: str) -> Batch:
    user_id = parts.users.resolve(who).id
    heard = Heard(1, new_message_id(), SessionId(""), 1, agent_id, "api", text, parts.clock())
    return Batch(user_id, (heard,), facts=tuple(parts.context.facts(user_id)))


def _extract(parts: MemobaseParts, who: UserInput, text: str) -> list[Fact]:
    user = parts.users.resolve(who)
    # What is nobody's business is cut out before it is read.
    found = parts.extract(redact(text).text, said_at=parts.clock())
    return parts.context.write(user.id, [changed(one) for one in found])


def changed(operation: Operation) -> Change:
    """What an operation of the extraction changes."""
    origin = Origin(EXTRACTION, operation.importance, operation.confidence)
    return Change(_OPS[operation.op], operation.path, operation.value, origin)
