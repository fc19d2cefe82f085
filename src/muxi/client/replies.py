"""What the server answers, as values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one model call, as the model's server counts them (0 where it does not say)."""

    prompt_tokens: int = 0
    completion_tokens: int = 0


@dataclass(frozen=True, slots=True)
class Memory:
    """One remembered text.

    Attributes:
        memory_id: ``mem_...``; sorts by the time it was stored.
        text: what is remembered.
        kind: ``"said"`` in a conversation, or a ``"note"`` stored on purpose.
        importance: 0 to 1.
        channel: where it came from: the identifier's type, or ``"api"``.
        agent: the agent it was said to; empty if none.
        session_id: the conversation it belongs to; empty if none.
        said_at: when it was said.
        created_at: when it was stored.
        metadata: the application's own.
        expires_at: from then on it is not recalled; ``None``: it stays.
    """

    memory_id: str
    text: str
    kind: str
    importance: float
    channel: str
    agent: str
    session_id: str
    said_at: datetime
    created_at: datetime
    metadata: Mapping[str, Any]
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Hit:
    """A found memory. A higher score is a better match; scores compare within one search only.

    Attributes:
        memory: what was found.
        score: the sum of ``adds``.
        features: what speaks for it, by name, if ``explain`` asked for it.
        adds: what each feature adds to the score, and, of what is shared, ``owner``.
        owner: ``user``: their own; ``team``, or ``formation``: shared with them.
        team_id, team_name: of the team that shares it.
        author: who shared it with the team, if that is known.
    """

    memory: Memory
    score: float
    features: Mapping[str, float] | None = None
    adds: Mapping[str, float] | None = None
    owner: str = "user"
    team_id: str | None = None
    team_name: str | None = None
    author: str | None = None

    @property
    def text(self) -> str:
        """The memory's text."""
        return self.memory.text


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer, and what it rests on. ``str(reply)`` is its text.

    Attributes:
        text: the answer.
        user_id: who asked: ``usr_...``.
        session_id: the conversation it is part of.
        message_id: the answer's own id in the log.
        agent: who answered.
        recalled: what was remembered for it, the best first.
        usage: tokens of the model call.
    """

    text: str
    user_id: str
    session_id: str
    message_id: str
    agent: str
    recalled: tuple[Hit, ...]
    usage: Usage

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True)
class ResolvedUser:
    """Whom an identifier means.

    Attributes:
        muxi_user_id: ``usr_...``.
        created: whether this very call made the user.
        created_at: when the user was made.
    """

    muxi_user_id: str
    created: bool
    created_at: datetime


@dataclass(frozen=True, slots=True)
class LinkedIdentifier:
    """An identifier that is linked to a user.

    Attributes:
        identifier: as it was written; a secret is masked.
        type: the channel that knows the user by it; ``None`` if not told.
        linked_at: when it was linked.
        linked_by: ``"resolve"`` (first contact), ``"associate"``, ``"import"``, ``"anonymous"``, ``"sign_in"``, or the
            proof: ``"code"``, ``"link_token"``, ``"id_token"``.
        verified_at: when the user proved that it is theirs; ``None`` until then.
    """

    identifier: str
    type: str | None
    linked_at: datetime
    linked_by: str
    verified_at: datetime | None


@dataclass(frozen=True, slots=True)
class User:
    """One person, with every identifier.

    Attributes:
        muxi_user_id: ``usr_...``.
        created_at: when the user was made.
        identifiers: in the order in which they were linked.
    """

    muxi_user_id: str
    created_at: datetime
    identifiers: tuple[LinkedIdentifier, ...]


@dataclass(frozen=True, slots=True)
class Merge:
    """Users that were made one.

    Attributes:
        merge_id: ``mrg_...``: what undoes it.
        survivor: the user that all of them are since: ``usr_...``.
        merged: the users that were merged into it.
        merged_at: when.
        merged_by: who did it.
        split_at: when it was undone; ``None`` while it stands.
    """

    merge_id: str
    survivor: str
    merged: tuple[str, ...]
    merged_at: datetime
    merged_by: str
    split_at: datetime | None


@dataclass(frozen=True, slots=True)
class Holdings:
    """What a user has, counted: of facts those that hold."""

    identifiers: int
    sessions: int
    messages: int
    memories: int
    facts: int


@dataclass(frozen=True, slots=True)
class Disagreement:
    """A path of the context at which users say different things.

    Attributes:
        path: dotted.
        values: by ``usr_`` id, of those who have one there.
    """

    path: str
    values: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class MergePreview:
    """What a merge would join.

    Attributes:
        survivor: the user that all would be.
        holdings: what each user has now, by ``usr_`` id, the survivor first.
        disagreements: where what was said last would be shown.
    """

    survivor: str
    holdings: Mapping[str, Holdings]
    disagreements: tuple[Disagreement, ...] = ()


@dataclass(frozen=True, slots=True)
class Record:
    """One row of the audit.

    Attributes:
        seq: its place, from 1, without gaps.
        at: when.
        actor: who did it: ``resolve``, ``library``, ``command line``, ``client key`` or ``admin key``.
        action: what was done, such as ``users.merged``.
        muxi_user_id: to whom, by the id at that time.
        details: what else; identifiers only as keyed hashes.
        hash: SHA-256 over the row and the hash before it.
    """

    seq: int
    at: datetime
    actor: str
    action: str
    muxi_user_id: str | None
    details: Mapping[str, Any]
    hash: str


@dataclass(frozen=True, slots=True)
class Session:
    """One conversation.

    Attributes:
        session_id: ``ses_...``.
        name: the application's own name of it.
        channel: where it takes place.
        started_at: when its first message came.
        last_at: when its latest message came.
        messages: how many there are.
        metadata: the application's own, of one that was opened by itself.
        ends_at: when it ended, or will end if nothing more is said; ``None``: never.
    """

    session_id: str
    name: str
    channel: str
    started_at: datetime
    last_at: datetime
    messages: int
    metadata: Mapping[str, Any] = field(default_factory=dict)
    ends_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Message:
    """One line of a session's log.

    Attributes:
        message_id: ``msg_...``.
        seq: its place in the session, from 1.
        role: ``"user"`` or ``"assistant"``.
        text: what was said.
        agent: who answered, or was asked; may be empty.
        metadata: the application's own.
        created_at: when it was stored.
    """

    message_id: str
    seq: int
    role: str
    text: str
    agent: str
    metadata: Mapping[str, Any]
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """A part of a list, newest first. Can be looped over, counted and indexed.

    Attributes:
        items: what is on this page.
        next_cursor: pass it to get the next page; ``None`` on the last one.
    """

    items: tuple[T, ...]
    next_cursor: str | None

    def __iter__(self) -> Iterator[T]:
        return iter(self.items)

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index: int) -> T:
        return self.items[index]
