"""The order in which memories are ranked."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from muxi.core.memory.bm25 import Places, Texts
from muxi.core.memory.columns import Column


@dataclass(frozen=True, slots=True)
class Layout:
    """Memories that may be returned, in their order: those of a session side by side.

    Attributes:
        order: of each place its row.
        texts: what BM25 needs of them.
        windowed: of each place whether the vector of its window may be used.
        seen: columns in this order, for those who need them again.
    """

    order: Places
    texts: Texts
    windowed: NDArray[np.bool_]
    seen: dict[int, NDArray[Any]] = field(default_factory=dict)

    def values(self, column: Column, places: Places) -> NDArray[Any]:
        """What a column of rows holds at some places, or at all, which are then in order."""
        if len(places) != len(self.order):
            return column.values[self.order[places]]
        found = self.seen.get(id(column))
        if found is None:
            found = self.seen[id(column)] = column.values[self.order]
        return found
