"""Memories as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, StrictBool, StrictInt, StrictStr, Tag

from muxi.core.memory.service import Draft
from muxi.core.memory.types import Hit, Memory
from muxi.core.memory.weights import adds_of
from muxi.server.schemas.base import Metadata, Moment, Name, Request, Response
from muxi.server.schemas.identifiers import IdentifierIn

#: A hundred years.
LONGEST_S = 3_153_600_000


class MemoryDraft(Request):
    """A text to remember."""

    text: StrictStr
    metadata: Metadata | None = None
    importance: float = Field(0.5, description="0 to 1")
    session_id: Name | None = None
    agent: Name | None = None
    said_at: Moment | None = None
    expires_in: Annotated[StrictInt | None, Field(ge=1, le=LONGEST_S)] = Field(
        None, description="How long it is recalled, in seconds; for ever if not told."
    )

    def draft(self) -> Draft:
        """As the core takes it."""
        return Draft(
            text=self.text,
            metadata=self.metadata or {},
            importance=self.importance,
            session_id=self.session_id or "",
            agent_id=self.agent or "",
            said_at=self.said_at,
            expires_in=None if self.expires_in is None else timedelta(seconds=self.expires_in),
        )


class NewMemory(MemoryDraft):
    """A text to remember of a user."""

    user_id: IdentifierIn | None = None


class NewMemories(Request):
    """Texts to remember of a user: all or none."""

    memories: list[MemoryDraft]
    user_id: IdentifierIn | None = None


def _form(body: Any) -> str:
    many = "memories" in body if isinstance(body, Mapping) else isinstance(body, NewMemories)
    return "many memories" if many else "one memory"


AddMemories = Annotated[
    Annotated[NewMemory, Tag("one memory")] | Annotated[NewMemories, Tag("many memories")], Discriminator(_form)
]


class MemoryOut(Response):
    """One remembered text."""

    memory_id: str
    text: str
    kind: str
    importance: float
    channel: str
    agent: str
    session_id: str
    said_at: datetime
    created_at: datetime
    metadata: Metadata
    expires_at: datetime | None = Field(description="From then on it is not recalled; null: it stays.")

    @classmethod
    def of(cls, memory: Memory) -> MemoryOut:
        return cls(
            memory_id=memory.id,
            text=memory.text,
            kind=memory.kind,
            importance=memory.importance,
            channel=memory.channel,
            agent=memory.agent_id,
            session_id=memory.session_id,
            said_at=memory.said_at,
            created_at=memory.created_at,
            metadata=dict(memory.metadata),
            expires_at=memory.expires_at,
        )


class MemoryList(Response):
    """Remembered texts."""

    memories: list[MemoryOut]


class MemoryPage(MemoryList):
    """A page of a user's memories, newest first."""

    next_cursor: str | None


class SearchRequest(Request):
    """What to look for."""

    query: StrictStr
    user_id: IdentifierIn | None = None
    limit: int = 10
    agent: Name | None = None
    filter_metadata: Metadata | None = None
    scope: Literal["long_term", "buffer"] = "long_term"
    explain: StrictBool = Field(False, description="Say why each hit was found.")


class HitOut(Response):
    """A found memory; a higher score is a better match, within one search."""

    memory: MemoryOut
    score: float
    features: dict[str, float] | None = Field(description="What speaks for it, by name; null unless asked for.")
    adds: dict[str, float] | None = Field(description="What each feature adds to the score; null unless asked for.")
    owner: Literal["user", "team", "formation"] = Field(description="Who shares it with the user, or their own.")
    team_id: str | None = Field(description="The team that shares it.")
    team_name: str | None
    author: str | None = Field(description="Who shared it with the team: usr_...")

    @classmethod
    def of(cls, hit: Hit) -> HitOut:
        told = hit.features
        return cls(
            memory=MemoryOut.of(hit.memory),
            score=hit.score,
            features=None if told is None else dict(told),
            adds=adds_of(hit),
            owner=hit.owner.kind,
            team_id=hit.owner.team_id,
            team_name=hit.owner.team_name or None,
            author=hit.memory.author_id,
        )


class Hits(Response):
    """What was found, the best first."""

    hits: list[HitOut]
