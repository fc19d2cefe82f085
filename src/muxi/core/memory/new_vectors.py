"""What changing the embedding model of a formation that serves needs of a store."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from muxi.core.memory.store import EmbeddingSpace, Unembedded
from muxi.ids import MemoryId


class NewVectorStore(Protocol):
    """Vectors of another model, beside those that searches use. A store is bound to one formation.

    Whatever deletes a memory deletes its new vector in the same transaction.
    """

    def missing(self, model: str, after: MemoryId, limit: int) -> list[Unembedded]:
        """Memories above an id with no vector of this model, in their place or beside it, of all owners, by id."""

    def count(self, model: str) -> int:
        """How many vectors of this model are beside."""

    def keep(self, of: Sequence[Unembedded], vectors: NDArray[np.float32], model: str) -> None:
        """Keeps vectors beside the old ones. Those of deleted memories are passed over."""

    def switch(self, space: EmbeddingSpace) -> None:
        """Makes a space the formation's. When it returns, nobody writes a vector of another model any more."""

    def put_in_place(self, model: str, after: MemoryId, limit: int) -> MemoryId | None:
        """Gives memories above an id the vectors that are beside, if their texts are what they were.

        Returns:
            The last of these memories; ``None``: there were none.
        """

    def clear(self, model: str) -> None:
        """Deletes what is beside, and what is packed with vectors of other models than this one."""
