"""The words of context: a fact, a change, and where a change comes from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, NamedTuple

from muxi.ids import FactId, UserId

#: ``set`` gives a path its value, ``add`` puts a value into the path's list, ``remove`` takes a value from it (or the
#: path's value, if it is this one), ``delete`` says that there is nothing at the path and below it.
Op = Literal["set", "add", "remove", "delete"]

#: One context, as a plain document.
Document = dict[str, Any]


class Entry(NamedTuple):
    """As much of a fact as the document needs."""

    path: str
    op: Op
    value: Any


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a change comes from, and how much it is worth.

    Attributes:
        source: who or what says so: ``"manual_input"``, ``"crm"``, ``"extraction"``; may be empty.
        importance: 0 to 1, how much it matters later.
        confidence: 0 to 1, how sure it is.
        observed_at: when it was said or seen; now, if not told. What is older than the value that is there goes to the
            history; without a time it is newer than everything.
        evidence: ids of the messages it rests on.
    """

    source: str = ""
    importance: float = 0.5
    confidence: float = 1.0
    observed_at: datetime | None = None
    evidence: tuple[str, ...] = ()


#: Said now, by nobody in particular.
UNTOLD = Origin()


@dataclass(frozen=True, slots=True)
class Change:
    """A change to one path."""

    op: Op
    path: str
    value: Any = None
    origin: Origin = UNTOLD


@dataclass(frozen=True, slots=True)
class Fact:
    """What was said about one path, at one time.

    Attributes:
        id: ``fct_...``
        user_id: whose it is; of merged users each keeps its own.
        path: dotted, as `muxi.core.memory.paths` writes it.
        op: what it does to the path.
        value: any JSON; ``None`` for ``delete``.
        source: as `Origin`.
        importance: as `Origin`; the highest of those who said the same.
        confidence: as `Origin`; the highest of those who said the same.
        observed_at: when it was first said, in UTC.
        last_at: when it was last said.
        times: how often it was said.
        written_at: when it was stored.
        evidence: as `Origin`; the newest.
        superseded_at: until when it held; ``None`` while it does.
        superseded_by: the fact that ended it; ``None`` if nothing did.
    """

    id: FactId
    user_id: UserId
    path: str
    op: Op
    value: Any
    source: str
    importance: float
    confidence: float
    observed_at: datetime
    last_at: datetime
    times: int
    written_at: datetime
    evidence: tuple[str, ...] = ()
    superseded_at: datetime | None = None
    superseded_by: FactId | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """What one write does, all or nothing.

    Attributes:
        added: new facts, in the order of their changes; those that come too late are superseded already.
        ended: facts that do not hold any more: by id, since when and by which.
        repeated: facts that were said again, as they are now.
    """

    added: tuple[Fact, ...]
    ended: Mapping[FactId, tuple[datetime, FactId]]
    repeated: tuple[Fact, ...]

    @property
    def facts(self) -> list[Fact]:
        """What was said: new, and said again."""
        return [*self.added, *self.repeated]

    @property
    def empty(self) -> bool:
        """Whether nothing is to be written."""
        return not (self.added or self.ended or self.repeated)
