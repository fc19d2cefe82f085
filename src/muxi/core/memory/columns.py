"""Growable numpy arrays: appending a row costs the same at any length."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

_SPARE = 8


class Column:
    """Values of one kind, one per row, in one block of memory.

    Args:
        dtype: numpy type of one number.
        width: numbers per row; ``None`` for a plain column.
    """

    def __init__(self, dtype: DTypeLike, width: int | None = None) -> None:
        self._block: NDArray[Any] = np.zeros((0,) if width is None else (0, width), dtype)
        self._length = 0

    @classmethod
    def over(cls, values: NDArray[Any]) -> Column:
        """A column of values that it does not copy before it grows; until then they must not be written to."""
        made = cls(values.dtype)
        made._block, made._length = values, len(values)
        return made

    @property
    def values(self) -> NDArray[Any]:
        """The rows as an array that shares our memory: valid until the column changes."""
        return self._block[: self._length]

    @property
    def nbytes(self) -> int:
        """Bytes held, with the spare room."""
        return self._block.nbytes

    def extend(self, count: int, value: float = 0) -> None:
        """Add rows of one value at the end."""
        self._make_room(count)
        self._block[self._length - count : self._length] = value

    def append(self, value: object) -> None:
        """Add a row at the end."""
        self._make_room(1)
        self._block[self._length - 1] = value

    def append_all(self, values: NDArray[Any]) -> None:
        """Add rows at the end."""
        self._make_room(len(values))
        self._block[self._length - len(values) : self._length] = values

    def insert(self, position: int, value: object) -> None:
        """Add a row before ``position``; those behind it move up (one memory move)."""
        self.append(value)
        if position == self._length - 1:
            return
        self._block[position + 1 : self._length] = self._block[position : self._length - 1]
        self._block[position] = value

    def delete(self, position: int) -> None:
        """Take the row out; those behind it move down (one memory move)."""
        self._block[position : self._length - 1] = self._block[position + 1 : self._length]
        self._length -= 1

    def _make_room(self, count: int) -> None:
        """Adds rows that hold anything. The first ones take just the room they need."""
        needed = self._length + count
        if needed > len(self._block):
            self._resize(max(needed, self._length + self._length // 2 + _SPARE))
        self._length = needed

    def _resize(self, rows: int) -> None:
        block = np.empty((rows, *self._block.shape[1:]), self._block.dtype)
        block[: self._length] = self._block[: self._length]
        self._block = block


class Table:
    """Numbers in columns of one length, which grow together.

    Args:
        width: how many columns.
    """

    def __init__(self, width: int) -> None:
        self._block = np.zeros((width, 0))
        self._length = 0

    @property
    def values(self) -> NDArray[np.float64]:
        """The numbers, shape (columns, rows), in an array that shares our memory: valid until rows are added."""
        return self._block[:, : self._length]

    @property
    def nbytes(self) -> int:
        """Bytes held, with the spare room."""
        return self._block.nbytes

    def extend(self, count: int) -> None:
        """Add rows of zeros at the end."""
        needed = self._length + count
        if needed > self._block.shape[1]:
            block = np.zeros((len(self._block), max(needed, self._length + self._length // 2 + _SPARE)))
            block[:, : self._length] = self.values
            self._block = block
        self._length = needed
