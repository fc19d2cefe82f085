"""Vectors in rows: their numbers in 255 steps, a byte each, and the dot products of all of them with one."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from muxi.core.memory.columns import Column

_STEPS = 127
# So many rows are multiplied at once: few enough that BLAS wakes no threads, which wait for each other when the machine
# is busy; a multiple of four, so that a row gets the same bits wherever it stands.
_TILE = 16
_BLOCK = 16 * _TILE  # as float32, few enough to stay in the processor's cache

_rooms = threading.local()

Vector = NDArray[np.float32]
Steps = NDArray[np.int8]
Rows = NDArray[np.int64]


def in_steps(vectors: Vector) -> tuple[Steps, Vector]:
    """Vectors as whole numbers of -127 to 127 and the size of one step, each its own.

    The error of a number is at most half a step; that of a cosine of 384 numbers is 0.0004 (its deviation). A quarter
    of the bytes is a quarter of the time to read them, where there are more than the processor's cache holds.
    """
    sizes = np.abs(vectors).max(axis=1, initial=0.0)
    sizes /= _STEPS
    sizes[sizes == 0] = 1
    steps = vectors / sizes[:, None]
    return np.rint(steps, out=steps).astype(np.int8), sizes


class VectorColumn:
    """One vector a row; until one is put, its dot products are not a number."""

    def __init__(self, dimension: int) -> None:
        self.dimension = dimension
        self._steps = Column(np.int8, dimension)
        self._sizes = Column(np.float32)

    def __len__(self) -> int:
        return len(self._sizes.values)

    @classmethod
    def over(cls, steps: Steps, sizes: Vector) -> VectorColumn:
        """A column of vectors that are in steps already, with a size of 0 where there is none; it copies them when it
        changes."""
        made = cls(steps.shape[1])
        made._steps = Column.over(steps)
        made._sizes.append_all(_known(sizes))
        return made

    @property
    def nbytes(self) -> int:
        """Bytes held, with the spare room."""
        return self._steps.nbytes + self._sizes.nbytes

    @property
    def known(self) -> NDArray[np.bool_]:
        """Of each row whether it has a vector."""
        known: NDArray[np.bool_] = ~np.isnan(self._sizes.values)
        return known

    def extend(self, count: int) -> None:
        """Adds rows without a vector at the end."""
        self._steps.extend(count)
        self._sizes.extend(count, np.nan)

    def put(self, first: int, vectors: Sequence[Vector | None]) -> None:
        """Writes vectors into the rows from ``first`` on; a row has none where there is none, or not of numbers."""
        rows: Rows | slice = slice(first, first + len(vectors))
        usable = {
            first + place: vector
            for place, vector in enumerate(vectors)
            if vector is not None and np.isfinite(vector).all()
        }
        if len(usable) < len(vectors):
            self._sizes.values[rows] = np.nan
            rows = np.array(list(usable), np.int64)
        if usable:
            block = np.array(list(usable.values()), np.float32)
            self._steps.values[rows], self._sizes.values[rows] = in_steps(block)

    def put_steps(self, rows: slice, steps: Steps, sizes: Vector) -> None:
        """Writes vectors that are in steps already, with a size of 0 where there is none."""
        self._steps.values[rows] = steps
        self._sizes.values[rows] = _known(sizes)

    def taken(self, rows: Rows) -> VectorColumn:
        """A column of some rows."""
        made = VectorColumn(self.dimension)
        made._steps.append_all(self._steps.values[rows])
        made._sizes.append_all(self._sizes.values[rows])
        return made

    def positive(self, first: int) -> NDArray[np.bool_]:
        """Of each number whether it is positive, from a row on."""
        above: NDArray[np.bool_] = self._steps.values[first:] > 0
        return above

    def steps_of(self, rows: Rows | slice, part: slice) -> Steps:
        """The vectors of a part of some rows; a slice of rows begins with the first."""
        steps = self._steps.values
        taken: Steps = steps[part] if isinstance(rows, slice) else steps.take(rows[part], axis=0, mode="clip")
        return taken

    def sizes_of(self, rows: Rows | slice) -> Vector:
        """What the dot products of the vectors in some rows are multiplied by."""
        sizes: Vector = self._sizes.values[rows]
        return sizes


def dots(columns: Sequence[VectorColumn], vector: Vector, rows: Rows | slice) -> NDArray[np.float64]:
    """The dot products of the vectors in some rows of columns with one; shape (columns, rows), NaN where there is none.

    Args:
        columns: of the same rows.
        vector: shape (dimension,).
        rows: a slice begins with the first.
    """
    vector, whole = np.ascontiguousarray(vector, np.float32), len(columns[0])
    if not isinstance(rows, slice) and 2 * len(rows) > whole:
        return dots(columns, vector, slice(0, whole))[:, rows]
    sizes = [column.sizes_of(rows) for column in columns]
    count, step, numbers = len(sizes[0]), _BLOCK // len(columns), _room(len(vector))
    tiles = numbers.reshape(-1, _TILE, len(vector))
    found = np.empty((len(columns), count))
    for first in range(0, count, step):
        part = slice(first, min(first + step, count))
        used = 0
        for column in columns:
            steps = column.steps_of(rows, part)
            numbers[used : used + len(steps)] = steps
            used += len(steps)
        made = np.matmul(tiles[: -(-used // _TILE)], vector).reshape(-1)
        found[:, part] = made[:used].reshape(len(columns), -1)
    for of_column, size in zip(found, sizes, strict=True):
        of_column *= size
    return found


def _known(sizes: Vector) -> Vector:
    return np.where(sizes > 0, sizes, np.float32(np.nan))


def _room(dimension: int) -> Vector:
    """A block of this thread's to work in: to get one from the system each time would take as long as the work."""
    room: Vector | None = getattr(_rooms, "numbers", None)
    if room is None or room.shape[1] != dimension:
        room = _rooms.numbers = np.zeros((_BLOCK, dimension), np.float32)
    return room
