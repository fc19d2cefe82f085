"""One chat turn, from the message to the stored exchange."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from muxi.core.agents.service import Agents
from muxi.core.agents.types import Agent
from muxi.core.chat import prompt
from muxi.core.chat.commands import Commands
from muxi.core.chat.recall import Weights, recall, shared_owners
from muxi.core.chat.store import ExchangeStore
from muxi.core.chat.types import Answered, Exchange, LoggedMessage, Look, Piece, Reply, Turn
from muxi.core.clock import Clock
from muxi.core.identity.service import Identities
from muxi.core.identity.types import IdentifierInput
from muxi.core.memory.buffer import BufferMemory
from muxi.core.memory.extraction.service import Extraction
from muxi.core.memory.keeping import Keep
from muxi.core.memory.layout import Shown
from muxi.core.memory.profiles import Profiles
from muxi.core.memory.service import Memories
from muxi.core.memory.types import SAID, Hit, Memory
from muxi.core.models.base import Completion, Prompt, Usage
from muxi.core.sessions.service import Sessions
from muxi.core.sessions.types import ASSISTANT, USER, Message, Session
from muxi.core.spans import EMBED, MODEL, RECALL, RESOLVE, STORE, Spans, span, spanned
from muxi.core.text import checked_metadata, checked_text, is_storable
from muxi.core.threads import in_thread, step
from muxi.errors import InvalidMessageError, ModelInterruptedError, ModelResponseError
from muxi.ids import MemoryId, SessionId, UserId, new_message_id

RECALLED = 10
#: Characters of a message that are read for private values at once; more are read in another thread.
READ_AT_ONCE = 4000


class Rooms(Protocol):
    """The parts of a formation that a turn passes through."""

    identities: Identities
    sessions: Sessions
    agents: Agents
    memories: Memories
    exchanges: ExchangeStore
    buffer: BufferMemory
    extraction: Extraction
    profiles: Profiles
    #: Of what teams and the formation share.
    weights: Weights
    #: Of a whole prompt.
    prompt_tokens: int
    #: ``None``: nothing that is said is a command.
    commands: Commands | None

    @property
    def spans(self) -> Spans | None:
        """Whoever wants to know where the time goes."""

    @property
    def keep(self) -> Keep:
        """What may be kept of a text: private values are cut out."""

    @property
    def clock(self) -> Clock:
        """The time, in UTC."""

    @property
    def embedded(self) -> bool:
        """Whether the database is in this process, so that a look-up takes microseconds."""


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a turn happens."""

    user_id: UserId | None
    channel: str
    session: Session
    agent: Agent
    buffer: list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class _Prepared:
    """A turn that is ready for the model."""

    turn: Turn
    place: _Place
    vector: NDArray[np.float32]
    recalled: tuple[Hit, ...]
    prompt: Prompt


async def reply(rooms: Rooms, turn: Turn) -> Reply:
    """Answers a message and remembers the exchange: whole, or, if anything fails, not at all.

    Raises:
        InvalidMessageError, MessageTooLargeError: the message cannot be used.
        InvalidIdentifierError, AmbiguousIdentifierError, UserNotFoundError: who said it is not clear.
        SessionNotFoundError, AgentNotFoundError: not there, or somebody else's.
        ModelError, StorageError: the model or the database failed; nothing was stored.
    """
    _check(turn)
    if command := await _commanded(rooms, turn):
        return command
    turn = await _kept(rooms, turn)
    if before := await _answered_before(rooms, turn):
        return before
    with span(rooms, EMBED):
        vector = await rooms.memories.embed(turn.message)
    ready = await _prepare(rooms, turn, vector)
    with span(rooms, MODEL):
        completion = await ready.place.agent.model.complete(ready.prompt)
    return await step(rooms.embedded, _store, rooms, ready, completion)


async def stream(rooms: Rooms, turn: Turn) -> AsyncGenerator[Piece | Reply]:
    """Answers a message piece by piece; the last thing yielded is the whole `Reply`, then already stored.

    Closing the generator stops the model; what was not finished is not stored.

    Raises:
        MuxiError: as `reply`.
    """
    _check(turn)
    before = await _commanded(rooms, turn)
    if before is None:
        turn = await _kept(rooms, turn)
        before = await _answered_before(rooms, turn)
    if before:
        yield Piece(before.text)
        yield before
        return
    with span(rooms, EMBED):
        vector = await rooms.memories.embed(turn.message)
    ready = await _prepare(rooms, turn, vector)
    text, usage = "", Usage()
    with span(rooms, MODEL):
        async with aclosing(ready.place.agent.model.stream(ready.prompt)) as pieces:
            async for piece in pieces:
                if isinstance(piece, Usage):
                    usage = piece
                else:
                    text += piece
                    yield Piece(piece)
    if not text:
        raise ModelInterruptedError(f"{ready.place.agent.model.name} ended its answer before it began. Try again.")
    yield await step(rooms.embedded, _store, rooms, ready, Completion(text, usage))


def _check(turn: Turn) -> None:
    checked_text(turn.message, InvalidMessageError)
    checked_metadata(turn.metadata, InvalidMessageError)


async def _kept(rooms: Rooms, turn: Turn) -> Turn:
    """The turn as it may be kept, and shown to a model: without private values."""
    here = len(turn.message) <= READ_AT_ONCE
    return replace(turn, message=await step(here, rooms.keep, turn.message))


async def _commanded(rooms: Rooms, turn: Turn) -> Reply | None:
    """The answer to a command: the model does not see it, and nothing of it is stored."""
    if rooms.commands is None or not rooms.commands.hears(turn.message):
        return None
    return await step(rooms.embedded, _obey, rooms, rooms.commands, turn)


def _obey(rooms: Rooms, commands: Commands, turn: Turn) -> Reply:
    place = _enter(rooms, turn)
    text = commands.answer(turn)
    # Linked just now, it may be another user than the one who came in.
    user = rooms.identities.find(turn.user) if turn.user is not None else None
    return Reply(text, user.id if user else place.user_id, place.session.id, new_message_id(), place.agent.id)


async def _answered_before(rooms: Rooms, turn: Turn) -> Reply | None:
    """The answer, if this very request was answered already."""
    if turn.request_key is None or turn.user is None:
        return None
    return await step(rooms.embedded, _stored_answer, rooms, turn, turn.user, turn.request_key)


def _stored_answer(rooms: Rooms, turn: Turn, who: IdentifierInput, request_key: str) -> Reply | None:
    user = rooms.identities.resolve(who)
    stored = rooms.exchanges.answered(user.id, request_key)
    return _again(stored, user.id, turn) if stored else None


async def _prepare(rooms: Rooms, turn: Turn, vector: NDArray[np.float32]) -> _Prepared:
    if not rooms.embedded:
        return await in_thread(_enter_and_recall, rooms, turn, vector)
    place = _enter(rooms, turn)
    look = _look(rooms, place)
    owners = [place.user_id, *(one.id for one in shared_owners(look, rooms.weights))] if look else [place.user_id]
    at_hand = all(map(rooms.memories.cache.is_at_hand, owners))
    return await step(at_hand, _recall, rooms, turn, place, vector, look)


def _enter_and_recall(rooms: Rooms, turn: Turn, vector: NDArray[np.float32]) -> _Prepared:
    with rooms.exchanges.held():
        return _recall(rooms, turn, _enter(rooms, turn), vector)


def _look(rooms: Rooms, place: _Place) -> Look | None:
    return rooms.exchanges.look(place.user_id) if place.user_id else None


@spanned(RESOLVE)
def _enter(rooms: Rooms, turn: Turn) -> _Place:
    """Who says it, in which session, to which agent, after what."""
    user_id, channel, spoken_to = _who(rooms, turn)
    agent = rooms.agents.choose(user_id, turn.agent)
    session, buffer = rooms.sessions.open(
        user_id, turn.session, rooms.buffer.max_size, channel=channel, spoken_to=spoken_to
    )
    return _Place(user_id, channel, session, agent, buffer)


@spanned(RECALL)
def _recall(
    rooms: Rooms, turn: Turn, place: _Place, vector: NDArray[np.float32], look: Look | None = None
) -> _Prepared:
    lines = prompt.recent(place.agent, place.buffer, turn.message, rooms.prompt_tokens)
    look = look or _look(rooms, place)
    shown = Shown(place.session.id, after=place.session.messages - len(lines))
    hits = recall(rooms, place.user_id, turn.message, vector, look, limit=RECALLED, shown=shown)
    profile = rooms.profiles.of(place.user_id, look.profile if look else None)
    teams = [(team.name, rooms.profiles.of(team.id, team.profile)) for team in look.teams] if look else []
    asked = prompt.build(place.agent, hits, lines, turn.message, profile, rooms.prompt_tokens, teams)
    return _Prepared(turn, place, vector, tuple(hits), asked)


def _who(rooms: Rooms, turn: Turn) -> tuple[UserId | None, str, str]:
    """The user, the channel, and the identifier they came by, which has its own default session."""
    if turn.user is None:
        return None, "", ""
    user = rooms.identities.resolve(turn.user)
    if turn.user == user.id:
        return user.id, "", ""
    identifier = rooms.identities.normal_form(turn.user)
    return user.id, identifier.type, f"{identifier.type}:{identifier.value}"


@spanned(STORE)
def _store(rooms: Rooms, ready: _Prepared, completion: Completion) -> Reply:
    if not is_storable(completion.text):
        raise ModelResponseError(f"{ready.place.agent.model.name} answered with something that is not text.")
    exchange = _exchange(rooms, ready, rooms.keep(completion.text))
    saved = rooms.exchanges.save(exchange, rooms.memories.embedder.model.name)
    if isinstance(saved, Answered):
        return _again(saved, ready.place.user_id, ready.turn)
    if saved.memory:
        rooms.memories.cache.written(saved.memory, saved.version)
        rooms.memories.embedder.wake(at_once=saved.memory.vector is None)
    if exchange.waiting_tokens:
        rooms.extraction.wake()
    return Reply(
        completion.text,
        ready.place.user_id,
        ready.place.session.id,
        exchange.messages[-1].id,
        ready.place.agent.id,
        ready.recalled,
        completion.usage,
    )


def _exchange(rooms: Rooms, ready: _Prepared, answer: str) -> Exchange:
    now = rooms.clock()
    asked = LoggedMessage(new_message_id(), USER, ready.turn.message, ready.place.agent.id, ready.turn.metadata)
    answered = LoggedMessage(new_message_id(), ASSISTANT, answer, ready.place.agent.id, {})
    return Exchange(
        ready.place.session,
        ready.place.user_id,
        (asked, answered),
        said(asked, ready.place.user_id, ready.place.channel, ready.place.session.id, now, ready.vector),
        now,
        ready.turn.request_key,
        rooms.extraction.waiting_tokens(ready.place.user_id, asked.text),
    )


def said(
    message: LoggedMessage | Message,
    user_id: UserId | None,
    channel: str,
    session_id: SessionId,
    at: datetime,
    vector: NDArray[np.float32] | None,
    seq: int = 0,
) -> Memory:
    """What is remembered of a message: its own words. Its id is the message's, behind another prefix."""
    return Memory(
        id=MemoryId("mem_" + message.id.removeprefix("msg_")),
        user_id=user_id,
        text=message.text,
        kind=SAID,
        importance=0.5,
        channel=channel or "chat",
        agent_id=message.agent_id,
        session_id=session_id,
        seq=seq,
        said_at=at,
        created_at=at,
        metadata=message.metadata,
        vector=vector,
    )


def _again(stored: Answered, user_id: UserId | None, turn: Turn) -> Reply:
    if stored.message != turn.message:
        raise InvalidMessageError("This idempotency key was used for another message. Use a new key for each message.")
    return Reply(stored.text, user_id, stored.session_id, stored.message_id, stored.agent_id)
