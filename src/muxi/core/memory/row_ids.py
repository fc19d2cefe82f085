"""Which memory each row is of, and in which row each memory is."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from muxi.core.memory.bm25 import Places
from muxi.core.memory.packed import ID_LENGTH, ids_as_text
from muxi.ids import MemoryId

# An id in numbers that overlap.
_WORDS = np.dtype(
    {"names": ["a", "b", "c", "d"], "formats": ["<u8"] * 4, "offsets": [0, 8, 16, ID_LENGTH - 8], "itemsize": ID_LENGTH}
)
_ODD = np.uint64(0x9E3779B97F4A7C15)


class RowIds:
    """The id of each row, and of each id the row that counts: the last one, unless it was taken out. Not thread-safe.

    What is loaded first stays bytes until somebody asks for the row of an id, which a search does not.

    Args:
        ids: of the first rows, no two the same.
    """

    def __init__(self, ids: Iterable[MemoryId] = ()) -> None:
        self._ids = list(ids)
        self._rows = {id: row for row, id in enumerate(self._ids)}
        # Instead of the two: the ids of all rows, and the rows that count.
        self._packed: NDArray[np.bytes_] | None = None
        self._counting: Places = np.zeros(0, np.int64)

    def __len__(self) -> int:
        """How many rows there are."""
        return len(self._ids if self._packed is None else self._packed)

    def __getitem__(self, row: int) -> MemoryId:
        return self._ids[row] if self._packed is None else MemoryId(self._packed[row].decode("ascii"))

    @property
    def count(self) -> int:
        """How many rows count."""
        return len(self._rows if self._packed is None else self._counting)

    @property
    def counting(self) -> Places:
        """The rows that count, in any order."""
        return np.fromiter(self._rows.values(), np.int64, len(self._rows)) if self._packed is None else self._counting

    @property
    def row_of(self) -> dict[MemoryId, int]:
        """Of each id the row that counts; whoever takes an id out makes its row count for nothing."""
        if self._packed is not None:
            self._ids, self._packed = ids_as_text(self._packed), None
            ids = self._ids
            self._rows = {ids[row]: row for row in self._counting.tolist()}
        return self._rows

    def extend(self, ids: list[MemoryId]) -> None:
        """Adds rows at the end."""
        first = len(self)
        self.row_of.update(zip(ids, range(first, first + len(ids)), strict=True))
        self._ids += ids

    def load(self, ids: NDArray[np.bytes_], gone: NDArray[np.bool_]) -> None:
        """Adds rows at the end, some of which count for nothing, as `muxi.core.memory.packed.Packed` has them."""
        first = len(self)
        if not first and _all_differ(ids):
            self._packed, self._counting = ids, np.flatnonzero(~gone)
            return
        self.extend(ids_as_text(ids))
        for row in np.flatnonzero(gone).tolist():
            last = self._rows.get(self._ids[first + row])
            if last is not None and gone[last - first]:
                del self._rows[self._ids[first + row]]


def _all_differ(ids: NDArray[np.bytes_]) -> bool:
    """Whether no two are the same. False, too, if their checksums of 64 bits are."""
    words, sums = ids.view(_WORDS), np.zeros(len(ids), np.uint64)
    for name in "abcd":
        sums = sums * _ODD + words[name]
    sums.sort()
    return not (sums[1:] == sums[:-1]).any()
