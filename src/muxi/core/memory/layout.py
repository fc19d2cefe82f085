"""The order in which memories are ranked, and what is known of each of them."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from muxi.core.memory.bm25 import Floats, Places, Texts

#: What the table holds of a memory. The first may change while its words and its place stay.
SAID_AT, DAY, SAID_BY, IMPORTANCE, SESSION, SEQ, LENGTH, ASKS, ENDS_ASKING, TIMED, PACKED = range(11)
CHANGING = slice(SAID_AT, IMPORTANCE + 1)
#: In the order of `muxi.core.memory.traits.FLAGS`.
FLAGGED = slice(ASKS, TIMED + 1)
COLUMNS = 11


@dataclass(frozen=True, slots=True)
class Shown:
    """What is before the reader's eyes already: the end of one conversation. It need not be found.

    Attributes:
        session_id: the conversation.
        after: the place in it (`Memory.seq`) after which all is shown.
    """

    session_id: str
    after: int


@dataclass(frozen=True)
class Layout:
    """Memories that may be returned, in their order: those of a session side by side.

    Attributes:
        order: of each place its row; a slice from 0 if the rows stand in their order.
        table: of each place the columns that `COLUMNS` counts.
        row_count: how many rows there are.
        windowed: of each place whether the vector of its window may be used; ``None``: of all.
    """

    order: Places | slice
    table: Floats
    row_count: int
    windowed: NDArray[np.bool_] | None = None

    def __len__(self) -> int:
        return len(self.table[SESSION])

    @cached_property
    def texts(self) -> Texts:
        """What BM25 needs of them."""
        place = np.empty(self.row_count, np.int64)
        place.fill(-1)
        place[self.order] = np.arange(len(self))
        return Texts.of(place, self.table[SESSION], self.table[LENGTH])

    def rows(self, places: Places) -> Places:
        """The rows at some places."""
        return places if isinstance(self.order, slice) else self.order[places]

    def taken(self, places: Places, windowed: NDArray[np.bool_] | None = None) -> Layout:
        """The layout of some places, in their order."""
        return Layout(self.rows(places), self.table.take(places, axis=1), self.row_count, windowed)

    def without(self, session: int, after: int) -> Layout:
        """The layout without what comes in a session after a place in it."""
        sessions = self.table[SESSION]
        begin, end = bisect_left(sessions, session), bisect_right(sessions, session)
        cut = bisect_right(self.table[SEQ], after, begin, end)
        if cut == end:
            return self
        if end < len(self):
            return self.taken(np.concatenate([np.arange(cut), np.arange(end, len(self))]))
        order = slice(0, cut) if isinstance(self.order, slice) else self.order[:cut]
        return Layout(order, self.table[:, :cut], self.row_count, None)
