"""One owner's memories in arrays, and the order they stand in."""

from __future__ import annotations

import math
import sys
from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from muxi.core.memory.bm25 import Places, Texts, WordIndex
from muxi.core.memory.columns import Column
from muxi.core.memory.traits import TraitColumns, are_current, in_columns, term_numbers, traits_of
from muxi.core.memory.types import WINDOW, Memory
from muxi.core.memory.words import words
from muxi.ids import MemoryId

Keep = Callable[[Memory], bool]

#: Fewer new memories than this find their places one by one.
_FEW = 64
# Without a vector and the text: the object with its two times, id, session id and numbers, the dictionary's entry.
_MEMORY_BYTES = 800


@dataclass(frozen=True, slots=True)
class Layout:
    """Memories that may be returned, in their order: those of a session side by side.

    Attributes:
        order: of each place its row.
        texts: what BM25 needs of them.
        windowed: of each place whether the vector of its window may be used.
    """

    order: Places
    texts: Texts
    windowed: NDArray[np.bool_]


class Rows:
    """Memories in columns; not thread-safe.

    A memory whose text or place changes gets a new row, and its old one counts for nothing until all are written anew.
    """

    def __init__(self) -> None:
        self.memories: list[Memory] = []  # by row, without their vectors
        self.row_of: dict[MemoryId, int] = {}
        self.words = WordIndex()
        self.vectors: Column | None = None  # made when the first vector tells its dimension
        self.windows: Column | None = None
        self.embedded = Column(np.bool_)
        self.windowed = Column(np.bool_)
        self.said_at = Column(np.float64)
        self.day = Column(np.int64)
        self.importance = Column(np.float64)
        self.length = Column(np.float64)
        self.flags = Column(np.int32)
        self.speaker = Column(np.int64)
        self.date_rows, self.first_days, self.last_days = Column(np.int64), Column(np.int64), Column(np.int64)
        self._signs = np.zeros((0, 0), np.uint64)  # made when they are asked for
        self._session = Column(np.int64)
        self._order = Column(np.int64)
        self._sessions: dict[str, int] = {}
        self._sessions_seen = 0
        self._speakers: dict[str, int] = {}
        self._speakers_by_term: dict[int, set[int]] = {}
        self._layout: Layout | None = None
        self._object_bytes = 0

    def __len__(self) -> int:
        return len(self.row_of)

    @property
    def nbytes(self) -> int:
        """Bytes held, estimated: vectors, columns, words and the memories themselves."""
        columns = [column for column in vars(self).values() if isinstance(column, Column)]
        return self.words.nbytes + self._object_bytes + self._signs.nbytes + sum(column.nbytes for column in columns)

    @property
    def is_stale(self) -> bool:
        """Whether more rows count for nothing than for something."""
        return len(self.memories) > 2 * len(self.row_of) + _FEW

    def signs(self) -> NDArray[np.uint64] | None:
        """Of each row the `signs` of its vector; ``None`` if nothing is embedded."""
        if self.vectors is None:
            return None
        made = len(self._signs)
        if made < len(self.memories):
            new = signs(self.vectors.values[made:])
            self._signs = np.concatenate([self._signs, new]) if made else new
        return self._signs

    def named_speaker(self, terms: Iterable[int]) -> int | None:
        """The number of the one speaker whom a question names; ``None`` if it names none or several."""
        named = set().union(*(self._speakers_by_term.get(term, ()) for term in terms))
        return named.pop() if len(named) == 1 else None

    def written_anew(self) -> Rows:
        """The same memories without the rows that count for nothing."""
        anew = Rows()
        anew.add([self._whole(row) for row in self.row_of.values()])
        return anew

    def _whole(self, row: int) -> Memory:
        vector = self.vectors.values[row].copy() if self.vectors is not None and self.embedded.values[row] else None
        window = self.windows.values[row].copy() if self.windows is not None and self.windowed.values[row] else None
        return replace(self.memories[row], vector=vector, window=window)

    def update(self, memory: Memory) -> bool:
        """Replaces in place what has the same words at the same place; False if it is not here so."""
        row = self.row_of.get(memory.id)
        if row is None:
            return False
        old = self.memories[row]
        if _place(old) != _place(memory) or (old.text, old.said_at) != (memory.text, memory.said_at):
            return False
        self._make_vectors([memory])
        self._object_bytes += _object_bytes(memory) - _object_bytes(old)
        self._write(row, [memory])
        return True

    def drop(self, ids: Iterable[MemoryId]) -> None:
        """Makes the rows of these memories count for nothing; ids that are not here are passed over."""
        for id in [id for id in dict.fromkeys(ids) if id in self.row_of]:
            row = self.row_of.pop(id)
            self._order.delete(self._position(row))
            self._object_bytes -= _object_bytes(self.memories[row])
            self._layout = None

    def add(self, memories: list[Memory]) -> None:
        """Adds memories that are not here."""
        if not memories:
            return
        first = len(self.memories)
        self._make_vectors(memories)
        for column in self._columns():
            column.extend(len(memories))
        self.row_of.update((memory.id, row) for row, memory in enumerate(memories, start=first))
        self._object_bytes += sum(map(_object_bytes, memories))
        self._write(first, memories)
        self._write_traits(first, memories)
        self._sort_in(first)
        self._layout = None

    def layout(self, keep: Keep | None) -> Layout:
        """The order of what may be returned. What `keep` refuses is as if it were not here."""
        if self._layout is None:
            order = self._order.values.copy()
            self._layout = self._laid_out(order, np.ones(len(order), np.bool_))
        if keep is None:
            return self._layout
        whole = self._layout
        kept = np.fromiter((keep(self.memories[row]) for row in whole.order), np.bool_, len(whole.order))
        # A window holds the texts before it: it may not speak for them if one of them is refused.
        here, clean = np.arange(len(kept)), np.ones(len(kept), np.bool_)
        for distance in range(1, WINDOW):
            before = here - distance
            clean &= (before < whole.texts.first) | kept[np.maximum(before, 0)]
        return self._laid_out(whole.order[kept], clean[kept])

    def _laid_out(self, order: Places, windowed: NDArray[np.bool_]) -> Layout:
        here, session = np.arange(len(order)), self._session.values[order]
        begins = np.concatenate([[True], session[1:] != session[:-1]])[: len(order)]
        first = np.maximum.accumulate(np.where(begins, here, 0)) if len(order) else here
        ends = np.concatenate([begins[1:], [True]])[: len(order)]
        last = np.minimum.accumulate(np.where(ends, here, len(order))[::-1])[::-1] if len(order) else here
        place = np.full(len(self.memories), -1, np.int64)
        place[order] = here
        return Layout(order, Texts.of(place, first, last, self.length.values[order]), windowed)

    def _write(self, first: int, memories: list[Memory]) -> None:
        """Fills the columns of the rows from here on with what may change while words and place stay."""
        rows = slice(first, first + len(memories))
        self.embedded.values[rows] = _put_vectors(self.vectors, first, [memory.vector for memory in memories])
        self.windowed.values[rows] = _put_vectors(self.windows, first, [memory.window for memory in memories])
        self.said_at.values[rows] = [memory.said_at.timestamp() for memory in memories]
        self.day.values[rows] = [memory.said_at.toordinal() for memory in memories]
        self.importance.values[rows] = [_within_0_and_1(memory.importance) for memory in memories]
        self.speaker.values[rows] = [self._speaker_number(memory.metadata.get(SPEAKER)) for memory in memories]
        self.memories[rows] = [_bare(memory) for memory in memories]
        if first < len(self._signs):
            self._signs = self._signs[:0]

    def _write_traits(self, first: int, memories: list[Memory]) -> None:
        traits: TraitColumns = in_columns([_traits(memory) for memory in memories])
        self.flags.values[first:] = traits.flags
        self.length.values[first:] = traits.lengths
        self.words.add(traits.terms, first + np.repeat(np.arange(len(memories)), traits.lengths))
        self.date_rows.append_all(first + traits.date_rows)
        self.first_days.append_all(traits.first_days)
        self.last_days.append_all(traits.last_days)

    def _make_vectors(self, memories: Iterable[Memory]) -> None:
        """Makes the columns of vectors when the first one tells the dimension."""
        vector = next((one for memory in memories for one in (memory.vector, memory.window) if one is not None), None)
        if self.vectors is None and vector is not None:
            self.vectors, self.windows = Column(np.float32, len(vector)), Column(np.float32, len(vector))
            self.vectors.extend(len(self.memories))
            self.windows.extend(len(self.memories))

    def _sort_in(self, first: int) -> None:
        """Gives the rows from here on their sessions and their places in the order."""
        new = range(first, len(self.memories))
        for row in new:
            self._session.values[row] = self._session_number(self.memories[row].session_id)
        if len(new) > _FEW:
            rows = [*self._order.values.tolist(), *new]
            self._order = Column(np.int64)
            self._order.append_all(np.array(sorted(rows, key=self._key), np.int64))
        else:
            for row in new:
                self._order.insert(self._position(row), row)

    def _position(self, row: int) -> int:
        sessions = self._session.values[self._order.values]
        begin, end = np.searchsorted(sessions, [self._session.values[row], self._session.values[row] + 1])
        return bisect_left(self._order.values, self._key(row), int(begin), int(end), key=self._key)

    def _key(self, row: int) -> tuple[int, int, str]:
        memory = self.memories[row]
        return int(self._session.values[row]), memory.seq, memory.id

    def _session_number(self, session_id: str) -> int:
        """Sessions are numbered as they come; each memory without one is a session of its own."""
        self._sessions_seen += 1
        return self._sessions.setdefault(session_id, self._sessions_seen) if session_id else self._sessions_seen

    def _speaker_number(self, name: object) -> int:
        """-1 for nobody."""
        if not isinstance(name, str) or not name:
            return -1
        number = self._speakers.get(name)
        if number is None:
            number = self._speakers[name] = len(self._speakers)
            for term in term_numbers(words(name)):
                self._speakers_by_term.setdefault(term, set()).add(number)
        return number

    def _columns(self) -> list[Column]:
        """Those with a value for each row."""
        columns = [self.embedded, self.windowed, self.said_at, self.day, self.importance, self.length, self.flags]
        columns += [self.speaker, self._session]
        return columns + [column for column in (self.vectors, self.windows) if column is not None]


#: The key of metadata that says who said it.
SPEAKER = "speaker"


def signs(vectors: NDArray[np.float32]) -> NDArray[np.uint64]:
    """Of each number of a vector whether it is positive, 64 to a word: the sharper the angle, the more agree."""
    packed = np.packbits(vectors > 0, axis=-1)
    spare = -packed.shape[-1] % 8
    wide = np.pad(packed, [(0, 0)] * (packed.ndim - 1) + [(0, spare)])
    words: NDArray[np.uint64] = np.ascontiguousarray(wide).view(np.uint64)
    return words


def _put_vectors(column: Column | None, first: int, vectors: Sequence[NDArray[np.float32] | None]) -> NDArray[np.bool_]:
    """Writes vectors into the rows from ``first`` on, but for those that are not numbers; which ones were written."""
    written = np.array([vector is not None for vector in vectors])
    if column is None or not written.any():
        return np.zeros(len(vectors), np.bool_)
    block = np.stack([vector for vector in vectors if vector is not None])
    finite = np.isfinite(block).all(axis=1)
    written[written] = finite
    column.values[first + np.flatnonzero(written)] = block[finite]
    return written


def _bare(memory: Memory) -> Memory:
    """Without what the columns hold."""
    if memory.vector is None and memory.window is None and memory.traits is None:
        return memory
    return replace(memory, vector=None, window=None, traits=None)


def _traits(memory: Memory) -> NDArray[np.int32]:
    stored = memory.traits
    return stored if stored is not None and are_current(stored) else traits_of(memory.text, memory.said_at)


def _place(memory: Memory) -> tuple[str, int, str]:
    return memory.session_id, memory.seq, memory.id


def _within_0_and_1(importance: float) -> float:
    return 0.5 if math.isnan(importance) else min(1.0, max(0.0, importance))


def _object_bytes(memory: Memory) -> int:
    """What a memory without its vectors takes, estimated."""
    return _MEMORY_BYTES + sys.getsizeof(memory.text) + (_size(memory.metadata) if memory.metadata else 64)


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
