"""Which memory each row of an index is of: asked by id or not, and however the rows came."""

from __future__ import annotations

import numpy as np
import pytest

from muxi.core.memory.row_ids import RowIds
from muxi.ids import MemoryId, new_memory_id

A, B, C, D = (new_memory_id() for _ in range(4))


def loaded(*ids: MemoryId, gone: tuple[int, ...] = ()) -> RowIds:
    rows = RowIds()
    load(rows, *ids, gone=gone)
    return rows


def load(rows: RowIds, *ids: MemoryId, gone: tuple[int, ...] = ()) -> None:
    rows.load(np.array([id.encode() for id in ids], "S30"), np.isin(np.arange(len(ids)), gone))


def counting(rows: RowIds) -> list[int]:
    return sorted(rows.counting.tolist())


def test_asked_by_id_or_not() -> None:
    """What is known of the rows is the same before somebody asks by id, and after."""
    rows = loaded(A, B, C, gone=(1,))
    for _ in range(2):
        assert (len(rows), rows.count, counting(rows)) == (3, 2, [0, 2])
        assert [rows[row] for row in range(3)] == [A, B, C]
        assert rows.row_of == {A: 0, C: 2}


def test_of_two_rows_the_last_counts() -> None:
    """So where an id is loaded twice at once; and if its last row is gone, none of its rows counts."""
    rows = loaded(A, B, A, C, B, gone=(4,))
    assert (len(rows), rows.count, counting(rows)) == (5, 2, [2, 3])
    assert rows.row_of == {A: 2, C: 3}
    assert loaded(A, B, A, gone=(0,)).row_of == {A: 2, B: 1}


@pytest.mark.parametrize("asked", [False, True])
def test_rows_that_come_later(asked: bool) -> None:
    """They are put behind what was loaded first, in whatever way they come."""
    rows = loaded(A, B, gone=(0,))
    assert not asked or rows.row_of == {B: 1}
    load(rows, C, B, gone=(1,))
    rows.extend([D, A])
    assert rows.row_of == {C: 2, D: 4, A: 5}
    assert (len(rows), rows.count, counting(rows)) == (6, 3, [2, 4, 5])
    assert [rows[row] for row in range(6)] == [A, B, C, B, D, A]


def test_taken_out() -> None:
    """An id that is taken out has a row that does not count."""
    rows = loaded(A, B)
    del rows.row_of[A]
    assert (len(rows), rows.count, counting(rows), rows[0]) == (2, 1, [1], A)


def test_none() -> None:
    """No rows, loaded or not."""
    for rows in (RowIds(), loaded()):
        assert (len(rows), rows.count, counting(rows), rows.row_of) == (0, 0, [], {})


def test_given_at_once() -> None:
    """Ids that are given are rows from 0 on."""
    rows = RowIds([A, B])
    assert (rows.row_of, rows[1], len(rows)) == ({A: 0, B: 1}, B, 2)
