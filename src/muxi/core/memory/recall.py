"""The recall of one owner's memories: all of them in arrays, all of them ranked, exactly."""

from __future__ import annotations

import math
import sys
from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from muxi.core.memory.bm25 import WordIndex
from muxi.core.memory.columns import Column
from muxi.core.memory.types import Hit, Memory
from muxi.core.memory.weights import Candidates, total
from muxi.core.memory.words import words
from muxi.errors import EmbeddingMismatchError
from muxi.ids import MemoryId

# Putting or removing one costs some 100 us, starting afresh some 40 us for each memory.
_FEW = 64
_AFRESH_SHARE = 4

# A question says what it asks at its start; a longer text would only cost time.
_QUESTION_LENGTH = 20_000

# Scores are compared to this many decimals, so that the last bits of a sum decide nothing.
_DECIMALS = 6

# Without a vector and the text: the object with its two times, id, session id and numbers, the dictionary's entry.
_MEMORY_BYTES = 800


class MemoryIndex:
    """One owner's memories in arrays, ready to be ranked exactly. Thread-safe (one lock).

    Rows are dense: what is removed gives its row to the last one. ``_order`` lists the rows with the memories of a
    session side by side, ordered by (session id, seq, id).
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._reset()

    def _reset(self) -> None:
        self._memories: list[Memory] = []  # without their vectors: these are in _vectors
        self._rows: dict[MemoryId, int] = {}
        self._words = WordIndex()
        self._vectors: Column | None = None  # made when the first vector tells its dimension
        self._embedded = Column(np.bool_)
        self._said_at = Column(np.float64)
        self._importance = Column(np.float64)
        self._session = Column(np.int64)
        self._order = Column(np.int64)
        self._sessions_seen = 0
        self._object_bytes = 0

    def __len__(self) -> int:
        return len(self._memories)

    @property
    def embedded(self) -> int:
        """How many memories have their vector."""
        with self._lock:
            return int(self._embedded.values.sum())

    @property
    def nbytes(self) -> int:
        """Bytes held, estimated: vectors, columns, words and the memories themselves."""
        with self._lock:
            return self._words.nbytes + self._object_bytes + sum(column.nbytes for column in self._columns())

    def put(self, memories: Iterable[Memory]) -> None:
        """Add memories, or replace the ones of the same id. All or nothing.

        Raises:
            EmbeddingMismatchError: a vector has another dimension than the vectors here.
        """
        given = {memory.id: memory for memory in memories}
        with self._lock:
            self._check_dimensions([memory.vector for memory in given.values() if memory.vector is not None])
            moved = [memory for memory in given.values() if not self._updated(memory)]
            self._discard([memory.id for memory in moved if memory.id in self._rows])
            self._add(moved)

    def remove(self, ids: Iterable[MemoryId]) -> None:
        """Take memories out; ids that are not here are passed over."""
        with self._lock:
            self._discard([id for id in dict.fromkeys(ids) if id in self._rows])

    def search(
        self,
        query: str,
        vector: NDArray[np.float32] | None,
        *,
        limit: int,
        now: datetime,
        keep: Callable[[Memory], bool] | None = None,
    ) -> list[Hit]:
        """The memories that answer a question best, by the weighted sum of `muxi.core.memory.weights`.

        Args:
            query: the question's text.
            vector: the question's embedding, L2-normalised, shape (dimension,); ``None`` ranks without it.
            limit: how many at most.
            now: the time to which ages are measured.
            keep: what may be returned. It is shown each memory without its vector and must not use this index.
                What it refuses has no influence on the others, as if it were not stored.

        Returns:
            Best first; of equal scores the one said later first. Empty if there is nothing to return.

        Raises:
            EmbeddingMismatchError: the question's vector has another dimension than the vectors here.
        """
        if limit <= 0:
            return []
        asked = words(query[:_QUESTION_LENGTH])
        with self._lock:
            if vector is not None and self._vectors is not None:
                self._check_dimensions([vector])
            kept = None if keep is None else np.fromiter(map(keep, self._memories), np.bool_, len(self._memories))
            order = self._order.values if kept is None else self._order.values[kept[self._order.values]]
            if not len(order):
                return []
            scores = total(
                Candidates(
                    cosine=self._cosines(vector)[order],
                    bm25=self._words.scores(asked, kept)[order],
                    session=self._session.values[order],
                    age=np.maximum(now.timestamp() - self._said_at.values[order], 0.0),
                    importance=self._importance.values[order],
                )
            )
            return self._best(order, scores.round(_DECIMALS), limit)

    def _cosines(self, vector: NDArray[np.float32] | None) -> NDArray[np.float64]:
        if vector is None or self._vectors is None or not np.isfinite(vector).all():
            return np.full(len(self._memories), np.nan)
        # One dot product a row, not a matrix product: it gives a row the same bits wherever the row stands, and wakes
        # no threads of BLAS, which wait for each other when the machine is busy.
        cosines = np.vecdot(self._vectors.values, vector.astype(np.float32, copy=False)).astype(np.float64)
        cosines[~self._embedded.values] = np.nan
        clipped: NDArray[np.float64] = np.clip(cosines, -1.0, 1.0)  # NaN stays NaN, which is: unknown
        return clipped

    def _best(self, order: NDArray[np.int64], scores: NDArray[np.float64], limit: int) -> list[Hit]:
        if limit < len(order):
            worst = np.partition(scores, -limit)[-limit]
            order, scores = order[scores >= worst], scores[scores >= worst]
        ids = [self._memories[row].id for row in order]
        newer = self._said_at.values[order].tolist()
        ranked = sorted(zip(scores.tolist(), newer, ids, strict=True), reverse=True)
        return [Hit(self._memories[self._rows[id]], score) for score, _, id in ranked[:limit]]

    def _whole(self, row: int) -> Memory:
        if self._vectors is None or not self._embedded.values[row]:
            return self._memories[row]
        return replace(self._memories[row], vector=self._vectors.values[row].copy())

    def _check_dimensions(self, vectors: list[NDArray[np.float32]]) -> None:
        if not vectors:
            return
        dimension = vectors[0].size if self._vectors is None else self._vectors.values.shape[1]
        for vector in vectors:
            if vector.shape != (dimension,):
                raise _mismatch(vector, dimension)

    def _updated(self, memory: Memory) -> bool:
        """Replace in place what has the same words at the same place; False if it is not here so."""
        row = self._rows.get(memory.id)
        if row is None:
            return False
        old = self._memories[row]
        if old.text != memory.text or _place(old) != _place(memory):
            return False
        self._make_vectors([memory])
        self._object_bytes += _object_bytes(memory) - _object_bytes(old)
        self._write(row, memory)
        return True

    def _add(self, memories: list[Memory]) -> None:
        first = len(self._memories)
        self._make_vectors(memories)
        for column in self._value_columns():
            column.extend(len(memories))
        for row, memory in enumerate(memories, start=first):
            self._memories.append(memory)
            self._rows[memory.id] = row
            self._words.append(words(memory.text))
            self._object_bytes += _object_bytes(memory)
            self._write(row, memory)
        if len(memories) > _FEW:
            self._order_afresh()
        else:
            for row in range(first, len(self._memories)):
                self._order_one(row)

    def _write(self, row: int, memory: Memory) -> None:
        vector = memory.vector
        embedded = vector is not None and self._vectors is not None and bool(np.isfinite(vector).all())
        if self._vectors is not None and embedded:
            self._vectors.values[row] = vector
        self._embedded.values[row] = embedded
        self._said_at.values[row] = memory.said_at.timestamp()
        self._importance.values[row] = _within_0_and_1(memory.importance)
        self._memories[row] = memory if vector is None else replace(memory, vector=None)

    def _make_vectors(self, memories: Iterable[Memory]) -> None:
        """Make the column of vectors when the first one tells the dimension."""
        vector = next((memory.vector for memory in memories if memory.vector is not None), None)
        if self._vectors is None and vector is not None:
            self._vectors = Column(np.float32, len(vector))
            self._vectors.extend(len(self._memories))

    def _order_afresh(self) -> None:
        self._order = Column(np.int64)
        for row in sorted(range(len(self._memories)), key=lambda row: _place(self._memories[row])):
            self._session.values[row] = self._session_beside(row, len(self._order.values))
            self._order.append(row)

    def _order_one(self, row: int) -> None:
        position = self._position(self._memories[row])
        self._session.values[row] = self._session_beside(row, position)
        self._order.insert(position, row)

    def _session_beside(self, row: int, position: int) -> int:
        """The number of the session of a row that comes to this position: its neighbour's, or a new one."""
        session = self._memories[row].session_id
        for beside in self._order.values[max(position - 1, 0) : position + 1]:
            if session and self._memories[beside].session_id == session:
                return int(self._session.values[beside])
        self._sessions_seen += 1
        return self._sessions_seen

    def _position(self, memory: Memory) -> int:
        return bisect_left(self._order.values, _place(memory), key=lambda row: _place(self._memories[row]))

    def _discard(self, ids: list[MemoryId]) -> None:
        if len(ids) * _AFRESH_SHARE <= len(self._memories):
            for id in ids:
                self._discard_one(self._rows[id])
            return
        gone = set(ids)
        stay = [self._whole(row) for id, row in self._rows.items() if id not in gone]
        self._reset()
        self._add(stay)

    def _discard_one(self, row: int) -> None:
        memory, last = self._memories[row], self._memories[-1]
        self._order.delete(self._position(memory))
        if memory is not last:
            self._order.values[self._position(last)] = row
        self._words.move_last_to(row, words(memory.text), words(last.text))
        for column in self._value_columns():
            column.move_last_to(row)
        self._memories[row] = last
        self._rows[last.id] = row
        self._memories.pop()
        del self._rows[memory.id]
        self._object_bytes -= _object_bytes(memory)

    def _value_columns(self) -> list[Column]:
        """The columns in row order."""
        columns = [self._embedded, self._said_at, self._importance, self._session]
        return columns if self._vectors is None else [*columns, self._vectors]

    def _columns(self) -> list[Column]:
        return [*self._value_columns(), self._order]


def _place(memory: Memory) -> tuple[str, int, str]:
    return memory.session_id, memory.seq, memory.id


def _within_0_and_1(importance: float) -> float:
    return 0.5 if math.isnan(importance) else min(1.0, max(0.0, importance))


def _mismatch(vector: NDArray[np.float32], dimension: int) -> EmbeddingMismatchError:
    return EmbeddingMismatchError(
        f"A vector of shape {vector.shape} does not fit memories embedded with {dimension} dimensions: "
        "they were made by different embedding models. Embed the memories again.",
        dimension=dimension,
    )


def _object_bytes(memory: Memory) -> int:
    """What a memory without its vector takes, estimated."""
    return _MEMORY_BYTES + sys.getsizeof(memory.text) + _size(memory.metadata)


def _size(value: Any) -> int:
    """Bytes of a JSON-like value with everything in it."""
    size, left = 0, [value]
    while left:
        part = left.pop()
        size += sys.getsizeof(part)
        if isinstance(part, Mapping):
            left += [*part.keys(), *part.values()]
        elif isinstance(part, (list, tuple)):
            left += part
    return size
