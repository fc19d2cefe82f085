"""What memory needs of a store. A store is bound to one formation: nothing it returns is another's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from muxi.core.memory.traits import Numbers
from muxi.core.memory.types import Memory
from muxi.ids import MemoryId, UserId

#: The owner of what is shared with everybody in the formation: the notes among what is stored without a user. What was
#: said without naming one is not.
SHARED = UserId("formation")


@dataclass(frozen=True, slots=True)
class Version:
    """How far an owner's memories are.

    Attributes:
        version: counts writes.
        floor: the count at the last deletion; what was read before it must be read anew.
    """

    version: int
    floor: int


@dataclass(frozen=True, slots=True)
class Unembedded:
    """A memory that waits for its vector."""

    id: MemoryId
    user_id: UserId | None
    text: str


@dataclass(frozen=True, slots=True)
class ToEmbed:
    """What waits for vectors: how many memories, and since when the first of them."""

    count: int
    since: datetime | None


@dataclass(frozen=True, slots=True)
class Unplaced:
    """A memory that waits for the vector of its window.

    Attributes:
        before: the texts of the memories just before it in its session, in order; at most `WINDOW` - 1.
    """

    id: MemoryId
    user_id: UserId | None
    text: str
    said_at: datetime
    before: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class EmbeddingSpace:
    """The model whose vectors a formation holds, and their dimension."""

    model: str
    dimension: int


class MemoryStore(Protocol):
    """Memories and their vectors. ``user_id=None`` means the formation's own, never everybody's."""

    def versions(self, user_id: UserId | None) -> Mapping[UserId | None, Version]:
        """Of each user that a canonical user is made of (more than one after a merge); or of `SHARED`."""

    def since(self, owner: UserId | None, version: int) -> list[Memory]:
        """What was written for exactly this owner after a version, vectors and traits included. It may be `SHARED`."""

    def add(self, memories: Sequence[Memory], request_key: str | None, model: str) -> list[Memory]:
        """Stores memories of one owner, all or none, and returns them with their ``seq``.

        A ``request_key`` that has stored already returns what it stored then. ``seq`` 0 is replaced by the
        owner's version at the write, so that later ones come later. ``model`` is the name of what made the vectors.
        """

    def newest(self, user_id: UserId | None, before: MemoryId, limit: int) -> list[Memory]:
        """An owner's memories below an id, newest first."""

    def delete(self, user_id: UserId | None, memory_id: MemoryId) -> bool:
        """Deletes an owner's memory, and the windows that hold its text. False: this owner has none of that id."""

    def unembedded(self, limit: int) -> list[Unembedded]:
        """The oldest memories without a vector, of all owners."""

    def waiting(self) -> ToEmbed:
        """What waits for a vector, of all owners."""

    def of_other_models(self, model: str, after: MemoryId, limit: int) -> list[Unembedded]:
        """Memories above an id without a vector of this model, of all owners, by id."""

    def count_of_other_models(self, model: str) -> int:
        """How many memories have no vector of this model."""

    def set_vectors(self, of: Sequence[Unembedded], vectors: NDArray[np.float32], model: str) -> None:
        """Gives memories their vectors, all or none; deleted ones stay deleted. Their windows' have to be made anew."""

    def unplaced(self, limit: int) -> list[Unplaced]:
        """The oldest memories that have a vector but none of their window, of all owners."""

    def set_windows(self, of: Sequence[Unplaced], vectors: NDArray[np.float32], traits: Sequence[Numbers]) -> None:
        """Gives memories their windows' vectors and their traits, all or none.

        One whose text, or one of the texts before it, is not what it was any more, is passed over: it still waits.
        """

    def embedding_space(self) -> EmbeddingSpace | None:
        """The formation's, or ``None`` before its first vector."""

    def claim_embedding_space(self, space: EmbeddingSpace) -> EmbeddingSpace:
        """Sets it if there is none, and returns what holds now."""

    def change_embedding_space(self, space: EmbeddingSpace) -> None:
        """Sets it, whatever it was."""
