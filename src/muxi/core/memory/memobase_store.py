"""What Memobase needs of a store, and the services that stand on one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from muxi.core.clock import Clock
from muxi.core.memory.context import Context, Schema
from muxi.core.memory.edit_store import EditStore
from muxi.core.memory.edits import Edits
from muxi.core.memory.extraction.types import Operation
from muxi.core.memory.extraction.work import Extractor
from muxi.core.memory.fact_store import FactStore
from muxi.core.memory.service import Memories
from muxi.core.memory.store import MemoryStore
from muxi.core.models.base import EmbeddingModel
from muxi.ids import UserId


class MemobaseStore(Protocol):
    """The stores of one formation that Memobase works on: whoever has these three has a Memobase."""

    @property
    def memory(self) -> MemoryStore:
        """Memories and their vectors."""

    @property
    def edits(self) -> EditStore:
        """Single memories, and what they said before."""

    @property
    def facts(self) -> FactStore:
        """What contexts are made of."""


class Known(Protocol):
    """Somebody who was found."""

    @property
    def id(self) -> UserId: ...


class Users(Protocol):
    """Says whom an identifier means; as `muxi.core.identity.service.Identities`."""

    def resolve(self, raw: Any) -> Known:
        """The canonical user this identifier means; one that nobody has is a new user's."""

    def find(self, raw: Any) -> Known | None:
        """The canonical user this identifier means, or ``None``: looking makes nobody."""


class Extract(Protocol):
    """Finds what somebody says about themself; as `muxi.core.memory.extraction`."""

    def __call__(self, text: str, *, said_at: datetime) -> Sequence[Operation]:
        """Operations on the context of whoever said the text, in order."""


@dataclass(frozen=True, slots=True)
class MemobaseParts:
    """What the documented names stand on, all of one formation."""

    users: Users
    memories: Memories
    edits: Edits
    context: Context
    extract: Extract
    clock: Clock
    #: Finds the same with a model, where there is one.
    extractor: Extractor | None = None


def parts_on(
    store: MemobaseStore,
    users: Users,
    model: EmbeddingModel,
    clock: Clock,
    extract: Extract,
    schema: Schema | None = None,
) -> MemobaseParts:
    """The services of a store of its own.

    Args:
        store: bound to a formation.
        users: of the same formation.
        model: embeds texts.
        clock: the time, in UTC.
        extract: finds what somebody says about themself.
        schema: what contexts have to fit.
    """
    memories = Memories(store.memory, model, clock)
    edits = Edits(store.edits, memories.embedder, clock)
    return MemobaseParts(users, memories, edits, Context(store.facts, clock, schema), extract, clock)
