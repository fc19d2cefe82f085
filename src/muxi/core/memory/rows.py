"""One owner's memories in arrays, and the order they stand in."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from muxi.core.memory.bm25 import Entries, Places, Texts, WordIndex, entries_after, entries_of
from muxi.core.memory.columns import Column
from muxi.core.memory.layout import Layout
from muxi.core.memory.packed import Packed, current_traits, name_number
from muxi.core.memory.sizes import object_bytes
from muxi.core.memory.traits import TraitColumns, in_columns, term_numbers
from muxi.core.memory.types import SPEAKER, WINDOW, Memory, bare
from muxi.core.memory.vectors import VectorColumn
from muxi.core.memory.words import words
from muxi.ids import MemoryId

Keep = Callable[[Memory], bool]

#: Fewer new memories than this find their places one by one.
_FEW = 64
# Of an id with its entries in the list and the dictionary.
_ID_BYTES = 200


class Rows:
    """Memories in columns; not thread-safe.

    A memory whose text or place changes gets a new row, and its old one counts for nothing until all are written anew.
    """

    def __init__(self) -> None:
        self.memories: list[Memory | None] = []  # by row, without vectors; ``None`` until somebody has to see it
        self.ids: list[MemoryId] = []  # by row
        self.row_of: dict[MemoryId, int] = {}
        self.words = WordIndex()
        self.vectors: VectorColumn | None = None  # made when the first vector tells its dimension
        self.windows: VectorColumn | None = None
        self.embedded = Column(np.bool_)
        self.windowed = Column(np.bool_)
        self.said_at = Column(np.float64)
        self.day = Column(np.int64)
        self.importance = Column(np.float64)
        self.length = Column(np.float64)
        self.flags = Column(np.int32)
        self.speaker = Column(np.int64)  # 0: nobody
        self.date_rows, self.first_days, self.last_days = Column(np.int64), Column(np.int64), Column(np.int64)
        self._packed = Column(np.bool_)  # whether its text was never seen here: it is then not known what it was
        self._signs = np.zeros((0, 0), np.uint64)  # made when they are asked for
        self._session = Column(np.int64)
        self._seq = Column(np.int64)
        self._order = Column(np.int64)
        self._sessions: dict[int, int] = {}
        self._sessions_seen = 0
        self._speakers_by_term: dict[int, set[int]] = {}
        self._layout: Layout | None = None
        self._object_bytes = 0

    def __len__(self) -> int:
        return len(self.row_of)

    @property
    def nbytes(self) -> int:
        """Bytes held, estimated: vectors, columns, words and the memories themselves."""
        held = [column for column in vars(self).values() if isinstance(column, Column | VectorColumn)]
        return self.words.nbytes + self._object_bytes + self._signs.nbytes + sum(column.nbytes for column in held)

    @property
    def is_stale(self) -> bool:
        """Whether more rows count for nothing than for something."""
        return len(self.ids) > 2 * len(self.row_of) + _FEW

    @property
    def dimension(self) -> int | None:
        """Of the vectors; ``None`` if there are none."""
        return None if self.vectors is None else self.vectors.dimension

    def signs(self) -> NDArray[np.uint64] | None:
        """Of each row the `signs` of its vector; ``None`` if nothing is embedded."""
        if self.vectors is None:
            return None
        made = len(self._signs)
        if made < len(self.ids):
            new = signs(self.vectors.positive(made))
            self._signs = np.concatenate([self._signs, new]) if made else new
        return self._signs

    def named_speaker(self, terms: Iterable[int]) -> int | None:
        """The number of the one speaker whom a question names; ``None`` if it names none or several."""
        named = set().union(*(self._speakers_by_term.get(term, ()) for term in terms))
        return named.pop() if len(named) == 1 else None

    def unseen(self, rows: Iterable[int]) -> list[MemoryId]:
        """Those of some rows whose memories nobody has read yet."""
        return [self.ids[row] for row in rows if self.memories[row] is None]

    def show(self, memories: Iterable[Memory]) -> None:
        """Memories that `unseen` named; what they say may be newer than the columns are."""
        for memory in memories:
            row = self.row_of.get(memory.id)
            if row is not None and self.memories[row] is None:
                self.memories[row] = bare(memory)
                self._object_bytes += object_bytes(memory)

    def written_anew(self) -> Rows:
        """The same memories without the rows that count for nothing."""
        rows = np.fromiter(self.row_of.values(), np.int64, len(self.row_of))
        rows.sort()
        place = np.full(len(self.ids), -1, np.int64)
        place[rows] = np.arange(len(rows))
        anew = Rows()
        anew.memories = [self.memories[row] for row in rows]
        anew.ids = [self.ids[row] for row in rows]
        anew.row_of = {id: row for row, id in enumerate(anew.ids)}
        anew.words = self.words.taken(place)
        for mine, its in zip(self._columns(), anew._columns(), strict=True):
            its.append_all(mine.values[rows])
        if self.vectors is not None and self.windows is not None:
            anew.vectors, anew.windows = self.vectors.taken(rows), self.windows.taken(rows)
        dated = place[self.date_rows.values] >= 0
        anew.date_rows.append_all(place[self.date_rows.values[dated]])
        anew.first_days.append_all(self.first_days.values[dated])
        anew.last_days.append_all(self.last_days.values[dated])
        anew._order.append_all(place[self._order.values])
        anew._sessions, anew._sessions_seen = self._sessions, self._sessions_seen
        anew._speakers_by_term, anew._object_bytes = self._speakers_by_term, self._object_bytes
        return anew

    def update(self, memory: Memory) -> bool:
        """Replaces in place what has the same words at the same place; False if it is not here so."""
        row = self.row_of.get(memory.id)
        old = None if row is None else self.memories[row]
        if row is None or old is None or self._packed.values[row]:
            return False
        if _place(old) != _place(memory) or (old.text, old.said_at) != (memory.text, memory.said_at):
            return False
        self._make_vectors([memory])
        self._object_bytes += object_bytes(memory) - object_bytes(old)
        self._write(row, [memory])
        return True

    def drop(self, ids: Iterable[MemoryId]) -> None:
        """Makes the rows of these memories count for nothing; ids that are not here are passed over."""
        gone = [id for id in dict.fromkeys(ids) if id in self.row_of]
        for id in gone:
            row = self.row_of[id]
            if len(gone) <= _FEW:
                self._order.delete(self._position(row))
            del self.row_of[id]
            memory = self.memories[row]
            self._object_bytes -= _ID_BYTES + (object_bytes(memory) if memory else 0)
            self._layout = None
        if len(gone) > _FEW:
            self._sort()

    def add(self, memories: list[Memory]) -> None:
        """Adds memories that are not here."""
        if not memories:
            return
        first = self._extend([memory.id for memory in memories])
        self._make_vectors(memories)
        self._object_bytes += sum(map(object_bytes, memories))
        self._write(first, memories)
        traits = in_columns([current_traits(memory) for memory in memories])
        rows = first + np.repeat(np.arange(len(memories)), traits.lengths)
        self._write_traits(first, traits, entries_of(traits.terms, rows))
        self._seq.values[first:] = [memory.seq for memory in memories]
        self._give_sessions(first, np.array([name_number(memory.session_id) for memory in memories], np.int64))
        self._sort_in(first)

    def load(self, packed: Packed) -> None:
        """Adds packed memories, none of which is here. What they say is read when somebody has to see it."""
        first = self._extend(packed.ids_as_text())
        for id in [self.ids[first + row] for row in np.flatnonzero(packed.gone)]:
            row = self.row_of.get(id)
            if row is not None and packed.gone[row - first]:
                del self.row_of[id]
                self._object_bytes -= _ID_BYTES
        rows = slice(first, len(self.ids))
        if packed.dimension and self.vectors is None and not first:
            self.vectors = VectorColumn.over(packed.vectors, packed.vector_sizes)
            self.windows = VectorColumn.over(packed.windows, packed.window_sizes)
        elif packed.dimension:
            vectors, windows = self._columns_of_vectors(packed.dimension)
            vectors.put_steps(rows, packed.vectors, packed.vector_sizes)
            windows.put_steps(rows, packed.windows, packed.window_sizes)
        self.embedded.values[rows] = packed.vector_sizes > 0
        self.windowed.values[rows] = packed.window_sizes > 0
        for column, values in (
            (self.said_at, packed.said_at),
            (self.day, packed.day),
            (self.importance, np.where(np.isnan(packed.importance), 0.5, packed.importance.clip(0, 1))),
            (self.speaker, packed.speaker),
            (self._seq, packed.seq),
        ):
            column.values[rows] = values
        self._packed.values[rows] = True
        for speaker, term in zip(packed.speakers.tolist(), packed.speaker_terms.tolist(), strict=True):
            self._speakers_by_term.setdefault(term, set()).add(speaker)
        self._write_traits(first, packed, entries_after(packed.entries, first))
        self._give_sessions(first, packed.session)
        self._sort()

    def layout(self, keep: Keep | None) -> Layout:
        """The order of what may be returned. What `keep` refuses is as if it were not here."""
        if self._layout is None:
            order = self._order.values.copy()
            self._layout = self._laid_out(order, np.ones(len(order), np.bool_))
        if keep is None:
            return self._layout
        whole = self._layout
        seen = [self.memories[row] for row in whole.order]
        kept = np.fromiter((one is not None and keep(one) for one in seen), np.bool_, len(whole.order))
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
        place = np.full(len(self.ids), -1, np.int64)
        place[order] = here
        return Layout(order, Texts.of(place, first, last, self.length.values[order]), windowed)

    def _extend(self, ids: list[MemoryId]) -> int:
        """Makes room for rows at the end; the first of them."""
        first = len(self.ids)
        for column in (*self._columns(), self.vectors, self.windows):
            if column is not None:
                column.extend(len(ids))
        self.ids += ids
        self.memories += [None] * len(ids)
        before = len(self.row_of)
        self.row_of.update(zip(ids, range(first, first + len(ids)), strict=True))
        self._object_bytes += _ID_BYTES * (len(self.row_of) - before)
        self._layout = None
        return first

    def _write(self, first: int, memories: list[Memory]) -> None:
        """Fills the columns of the rows from here on with what may change while words and place stay."""
        rows = slice(first, first + len(memories))
        self.embedded.values[rows] = _put_vectors(self.vectors, first, [memory.vector for memory in memories])
        self.windowed.values[rows] = _put_vectors(self.windows, first, [memory.window for memory in memories])
        self.said_at.values[rows] = [memory.said_at.timestamp() for memory in memories]
        self.day.values[rows] = [memory.said_at.toordinal() for memory in memories]
        self.importance.values[rows] = [_within_0_and_1(memory.importance) for memory in memories]
        self.speaker.values[rows] = [self._speaker_number(memory.metadata.get(SPEAKER)) for memory in memories]
        self.memories[rows] = [bare(memory) for memory in memories]
        self._layout = None
        if first < len(self._signs):
            self._signs = self._signs[:0]

    def _write_traits(self, first: int, traits: TraitColumns | Packed, entries: Entries) -> None:
        self.flags.values[first:] = traits.flags
        self.length.values[first:] = traits.lengths
        self.words.add(entries)
        self.date_rows.append_all(first + traits.date_rows)
        self.first_days.append_all(traits.first_days)
        self.last_days.append_all(traits.last_days)

    def _make_vectors(self, memories: Iterable[Memory]) -> None:
        """Makes the columns of vectors when the first one tells the dimension."""
        vector = next((one for memory in memories for one in (memory.vector, memory.window) if one is not None), None)
        if vector is not None:
            self._columns_of_vectors(len(vector))

    def _columns_of_vectors(self, dimension: int) -> tuple[VectorColumn, VectorColumn]:
        if self.vectors is None or self.windows is None:
            self.vectors, self.windows = VectorColumn(dimension), VectorColumn(dimension)
            self.vectors.extend(len(self.ids))
            self.windows.extend(len(self.ids))
        return self.vectors, self.windows

    def _give_sessions(self, first: int, names: NDArray[np.int64]) -> None:
        """Sessions are numbered as they come; each memory without one is a session of its own."""
        alone = names == 0
        named, begins = np.unique(names[~alone], return_index=True)
        numbers = np.empty(len(named), np.int64)
        for place in np.argsort(begins):
            numbers[place] = self._session_number(int(named[place]))
        given = np.empty(len(names), np.int64)
        given[~alone] = numbers[np.searchsorted(named, names[~alone])]
        given[alone] = self._sessions_seen + 1 + np.arange(alone.sum())
        self._sessions_seen += int(alone.sum())
        self._session.values[first:] = given

    def _session_number(self, name: int) -> int:
        if name not in self._sessions:
            self._sessions_seen += 1
            self._sessions[name] = self._sessions_seen
        return self._sessions[name]

    def _sort_in(self, first: int) -> None:
        """Gives the rows from here on their places in the order."""
        if len(self.ids) - first > _FEW:
            self._sort()
            return
        for row in range(first, len(self.ids)):
            self._order.insert(self._position(row), row)

    def _sort(self) -> None:
        """Puts all rows that count into their order."""
        rows = np.fromiter(self.row_of.values(), np.int64, len(self.row_of))
        session, seq = self._session.values[rows], self._seq.values[rows]
        order = np.lexsort((seq, session))
        session, seq = session[order], seq[order]
        sorted_rows: Places = rows[order]
        if ((session[1:] == session[:-1]) & (seq[1:] == seq[:-1])).any():  # then the ids decide
            sorted_rows = np.array(sorted(sorted_rows.tolist(), key=self._key), np.int64)
        self._order = Column(np.int64)
        self._order.append_all(sorted_rows)
        self._layout = None

    def _position(self, row: int) -> int:
        sessions = self._session.values[self._order.values]
        begin, end = np.searchsorted(sessions, [self._session.values[row], self._session.values[row] + 1])
        return bisect_left(self._order.values, self._key(row), int(begin), int(end), key=self._key)

    def _key(self, row: int) -> tuple[int, int, str]:
        return int(self._session.values[row]), int(self._seq.values[row]), self.ids[row]

    def _speaker_number(self, name: object) -> int:
        number = name_number(name)
        if number and isinstance(name, str):
            for term in _name_terms(name):
                self._speakers_by_term.setdefault(term, set()).add(number)
        return number

    def _columns(self) -> list[Column]:
        """Those with a value for each row."""
        columns = [self.embedded, self.windowed, self.said_at, self.day, self.importance, self.length, self.flags]
        return [*columns, self.speaker, self._session, self._seq, self._packed]


def signs(positive: NDArray[np.bool_]) -> NDArray[np.uint64]:
    """Of each number of a vector whether it is positive, 64 to a word: the sharper the angle, the more agree."""
    packed = np.packbits(positive, axis=-1)
    spare = -packed.shape[-1] % 8
    wide = np.pad(packed, [(0, 0)] * (packed.ndim - 1) + [(0, spare)])
    words: NDArray[np.uint64] = np.ascontiguousarray(wide).view(np.uint64)
    return words


def _put_vectors(
    column: VectorColumn | None, first: int, vectors: Sequence[NDArray[np.float32] | None]
) -> NDArray[np.bool_]:
    """Writes vectors into the rows from ``first`` on, but for those that are not numbers; which ones were written."""
    written = np.array([vector is not None for vector in vectors])
    if column is None or not written.any():
        return np.zeros(len(vectors), np.bool_)
    block = np.stack([vector for vector in vectors if vector is not None])
    finite = np.isfinite(block).all(axis=1)
    written[written] = finite
    column.put(first + np.flatnonzero(written), block[finite])
    return written


@lru_cache(1024)
def _name_terms(name: str) -> tuple[int, ...]:
    return tuple(term_numbers(words(name)))


def _place(memory: Memory) -> tuple[str, int, str]:
    return memory.session_id, memory.seq, memory.id


def _within_0_and_1(importance: float) -> float:
    return 0.5 if math.isnan(importance) else min(1.0, max(0.0, importance))
