"""Writing to the buffer without a turn, and searching: the buffer, or everything remembered."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from muxi.core.chat.recall import recall
from muxi.core.chat.reply import Rooms, said
from muxi.core.chat.types import Exchange, LoggedMessage
from muxi.core.identity.types import IdentifierInput
from muxi.core.memory.recall import MemoryIndex
from muxi.core.memory.service import Keep
from muxi.core.memory.types import Hit, Memory
from muxi.core.sessions.types import ROLES, USER, WindowMessage
from muxi.core.text import checked_metadata, checked_text
from muxi.core.threads import in_thread
from muxi.errors import InvalidMemoryError, InvalidMessageError
from muxi.ids import MessageId, UserId, new_message_id

#: What metadata may say of a message beyond the application's own keys.
RESERVED = ("role", "agent_id", "user_id", "conversation_id", "session_id")
MAX_HITS = 1000


def add_to_buffer(rooms: Rooms, message: str, metadata: Mapping[str, Any]) -> MessageId:
    """Stores one message as if it had been said, without an answer. What a user says is remembered.

    Args:
        rooms: the formation.
        message: what was said.
        metadata: ``role`` (``user`` if not told), ``agent_id``, ``user_id`` (any identifier; without one the
            message is kept without a user), ``conversation_id`` or ``session_id``, and the application's own.

    Raises:
        InvalidMessageError, MessageTooLargeError: the message, its role or its metadata cannot be used.
        InvalidIdentifierError, AmbiguousIdentifierError, UserNotFoundError: who said it is not clear.
        SessionNotFoundError: a ``ses_`` id that this user does not have.
    """
    checked_text(message, InvalidMessageError)
    role = metadata.get("role", USER)
    if role not in ROLES:
        raise InvalidMessageError(f"role is {role!r}; it must be one of {', '.join(ROLES)}.")
    who = metadata.get("user_id")
    user_id = rooms.identities.resolve(who).id if who is not None else None
    channel = rooms.identities.normal_form(who).type if who is not None and who != user_id else ""
    own = checked_metadata({k: v for k, v in metadata.items() if k not in RESERVED}, InvalidMessageError)
    session = rooms.sessions.enter(user_id, _conversation(metadata), channel=channel)
    now = rooms.clock()
    logged = LoggedMessage(new_message_id(), role, rooms.keep(message), str(metadata.get("agent_id") or ""), own)
    memory = said(logged, user_id, channel, session.id, now, None) if role == USER else None
    waiting = rooms.extraction.waiting_tokens(user_id, logged.text) if memory else 0
    exchange = Exchange(session, user_id, (logged,), memory, now, waiting_tokens=waiting)
    rooms.exchanges.save(exchange, rooms.memories.embedder.model.name)
    if memory:
        rooms.memories.embedder.wake()
    if waiting:
        rooms.extraction.wake()
    return logged.id


async def search(
    rooms: Rooms,
    query: str,
    *,
    user: IdentifierInput | None = None,
    agent_id: str | None = None,
    long_term: bool = False,
    where: Mapping[str, Any] | None = None,
    limit: int = 10,
    explain: bool = False,
) -> list[Hit]:
    """What was said, or is remembered, about something, the best first.

    Args:
        rooms: the formation.
        query: in words.
        user: whose, with what their teams and the formation share, each hit with its owner; without one, what was
            stored without a user, never anybody's own.
        agent_id: only what was said to this agent.
        long_term: search everything remembered rather than the recent messages of each session.
        where: only what has these values in its metadata; ``conversation_id`` or ``session_id`` name a session.
        limit: at most so many hits, 1 to 1,000.
        explain: give the hits their features.

    Raises:
        InvalidMessageError: an empty query; InvalidMemoryError: a limit out of range, or a condition that is not JSON.
        InvalidIdentifierError, AmbiguousIdentifierError: whose is not clear.
        ModelError, StorageError: the embedding model or the database failed.
    """
    checked_text(query, InvalidMessageError)
    if not 1 <= limit <= MAX_HITS:
        raise InvalidMemoryError(f"limit is {limit}; it must be 1 to {MAX_HITS}.")
    vector = await rooms.memories.embed(query)
    conditions = checked_metadata(where or {}, InvalidMemoryError)
    return await in_thread(_search, rooms, query, vector, user, agent_id, long_term, conditions, limit, explain)


def _search(
    rooms: Rooms,
    query: str,
    vector: NDArray[np.float32],
    who: IdentifierInput | None,
    agent_id: str | None,
    long_term: bool,
    where: Mapping[str, Any],
    limit: int,
    explain: bool,
) -> list[Hit]:
    user_id: UserId | None = None
    if who is not None:
        user = rooms.identities.find(who)
        if user is None:
            return []  # nobody yet: looking makes no user
        user_id = user.id
    wanted = {k: v for k, v in where.items() if k not in RESERVED}
    named = _conversation(where)
    session = rooms.sessions.find(user_id, named) if named is not None else None
    agent_id = agent_id if agent_id is not None else where.get("agent_id")

    places = None if named is None else {named} if session is None else {named, session.id}
    keep = _condition(agent_id, places, wanted)

    if long_term:
        look = rooms.exchanges.look(user_id) if user_id else None
        return recall(rooms, user_id, query, vector, look, limit=limit, keep=keep, explain=explain)
    role = where.get("role")
    index = MemoryIndex()
    windows = rooms.sessions.windows(user_id, rooms.buffer.searchable)
    index.put(_as_memory(one, user_id) for one in windows if role is None or one.message.role == role)
    return index.search(query, vector, limit=limit, now=rooms.clock(), keep=keep, explain=explain)


def _condition(agent_id: str | None, places: set[str] | None, wanted: Mapping[str, Any]) -> Keep | None:
    """What a memory has to be; ``None`` if anything will do, which the ranker need not ask of each."""
    if agent_id is None and places is None and not wanted:
        return None

    def keep(memory: Memory) -> bool:
        if agent_id is not None and memory.agent_id != agent_id:
            return False
        if places is not None and memory.session_id not in places:
            return False
        return wanted.items() <= memory.metadata.items()

    return keep


def _conversation(metadata: Mapping[str, Any]) -> str | None:
    named = metadata.get("conversation_id", metadata.get("session_id"))
    return None if named is None else str(named)


def _as_memory(one: WindowMessage, user_id: UserId | None) -> Memory:
    message = one.message
    return said(message, user_id, one.channel, message.session_id, message.created_at, one.vector, message.seq)
