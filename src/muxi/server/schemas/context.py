"""Contexts as JSON."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import Field, StrictStr

from muxi.core.memory.facts import Change, Document, Fact, Origin
from muxi.server.schemas.base import Moment, Name, Request, Response
from muxi.server.schemas.identifiers import IdentifierIn


class _Told(Request):
    """Where something comes from."""

    source: Name = Field("", description="Who or what says so.")
    importance: float = Field(0.5, description="0 to 1")
    confidence: float = Field(1.0, description="0 to 1")
    observed_at: Moment | None = Field(None, description="When it was said; now, if not told.")
    user_id: IdentifierIn | None = None

    def origin(self) -> Origin:
        """As the core takes it."""
        return Origin(self.source, self.importance, self.confidence, self.observed_at)


class Knowledge(_Told):
    """A document to add to what is known of a user."""

    knowledge: Document = Field(description="Each value replaces the one at its path.")


class NewValue(_Told):
    """A value for a path."""

    value: Any
    op: Literal["set", "add", "remove"] = Field("set", description="`add` and `remove` work on lists.")

    def change(self, path: str) -> Change:
        """As the core takes it."""
        return Change(self.op, path, self.value, self.origin())


class ContextOut(Response):
    """What is known of a user."""

    context: Document


class FactOut(Response):
    """What was said about one path."""

    fact_id: str
    muxi_user_id: str = Field(description="Whose it is; of merged users each keeps its own.")
    path: StrictStr
    op: Literal["set", "add", "remove", "delete"]
    value: Any
    source: str
    importance: float
    confidence: float
    observed_at: datetime = Field(description="When it was first said.")
    last_at: datetime = Field(description="When it was last said.")
    times: int = Field(description="How often it was said.")
    messages: list[str] = Field(description="On which it rests.")
    superseded_at: datetime | None = Field(description="Until when it held; null while it does.")
    superseded_by: str | None

    @classmethod
    def of(cls, fact: Fact) -> FactOut:
        return cls(
            fact_id=fact.id,
            muxi_user_id=fact.user_id,
            path=fact.path,
            op=fact.op,
            value=fact.value,
            source=fact.source,
            importance=fact.importance,
            confidence=fact.confidence,
            observed_at=fact.observed_at,
            last_at=fact.last_at,
            times=fact.times,
            messages=list(fact.evidence),
            superseded_at=fact.superseded_at,
            superseded_by=fact.superseded_by,
        )


class FactList(Response):
    """Facts."""

    facts: list[FactOut]


class FactPage(FactList):
    """A page of facts, newest first."""

    next_cursor: str | None


class Deleted(Response):
    """Whether there was something to delete."""

    deleted: bool
