"""The words of remembering: a memory, and a hit of a search."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from muxi.ids import MemoryId, UserId

#: What a user said in a conversation; written by every chat turn.
SAID = "said"
#: What an application stored on purpose.
NOTE = "note"
#: How many memories of a session are embedded as one text: each with those just before it.
WINDOW = 3
#: What extraction concluded from what a user said.
FOUND = "found"
#: The key of metadata that says who said it.
SPEAKER = "speaker"


@dataclass(frozen=True, slots=True)
class Memory:
    """One remembered text.

    Attributes:
        id: ``mem_...``; sorts by the time it was stored.
        user_id: whose it is; ``None`` is the formation's own, stored without a user.
        text: what is remembered.
        kind: `SAID`, `NOTE` or `FOUND`.
        importance: 0 to 1; 0.5 unless told.
        channel: where it came from (the identifier's type, or ``"api"``).
        agent_id: the agent it was said to; empty if none.
        session_id: the conversation it belongs to: neighbours in it are its context. May be empty.
        seq: its place in that conversation; memories of one session are ordered by (seq, id).
        said_at: when it was said, in UTC.
        created_at: when it was stored, in UTC.
        metadata: the application's own, found again by `filter_metadata`.
        vector: its embedding, L2-normalised float32; ``None`` until it is embedded, and in a hit.
        times: how often it was said.
        superseded: whether something else took its place, or what it says does not hold any more: it is not recalled.
        expires_at: from then on it is not recalled, in UTC; ``None``: it stays.
        window: the embedding of its window: the memory and up to `WINDOW` - 1 before it in its session as one text;
            ``None`` until it is embedded, and in a hit.
        traits: what `muxi.core.memory.traits.traits_of` says of it; ``None`` until that is stored, and in a hit.
        author_id: who shared it with a team; ``None``: it is nobody's but its owner's, or the author was erased.
    """

    id: MemoryId
    user_id: UserId | None
    text: str
    kind: str
    importance: float
    channel: str
    agent_id: str
    session_id: str
    seq: int
    said_at: datetime
    created_at: datetime
    metadata: Mapping[str, Any] = field(default_factory=dict)
    vector: NDArray[np.float32] | None = None
    times: int = 1
    superseded: bool = False
    expires_at: datetime | None = None
    window: NDArray[np.float32] | None = None
    traits: NDArray[np.int32] | None = None
    author_id: UserId | None = None

    def has_expired(self, now: datetime) -> bool:
        """Whether it is not recalled any more, though it may not be swept away yet."""
        return self.expires_at is not None and self.expires_at <= now


def bare(memory: Memory) -> Memory:
    """A memory without what recall knows of it: its vectors and traits."""
    if memory.vector is None and memory.window is None and memory.traits is None:
        return memory
    return replace(memory, vector=None, window=None, traits=None)


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose a found memory is, as whoever searched sees it.

    Attributes:
        kind: ``user``: their own; ``team``: of a team that they are in; ``formation``: shared with everybody.
        team_id, team_name: of the team; ``None`` and empty if it is none.
    """

    kind: Literal["user", "team", "formation"] = "user"
    team_id: UserId | None = None
    team_name: str = ""


OWN, OF_FORMATION = Owner(), Owner("formation")


@dataclass(frozen=True, slots=True)
class Hit:
    """A found memory.

    Attributes:
        memory: what was found.
        score: a higher one is a better match; scores compare within one search only.
        features: what speaks for it, by the names of `muxi.core.memory.features`; ``None`` if nobody asked.
        owner: whose it is.
    """

    memory: Memory
    score: float
    features: Mapping[str, float] | None = None
    owner: Owner = OWN

    @property
    def text(self) -> str:
        """The memory's text."""
        return self.memory.text
