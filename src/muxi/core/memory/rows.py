"""One owner's memories in arrays, and the order they stand in."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from muxi.core.memory.bm25 import Entries, Floats, Places, WordIndex, edges_of, entries_of, entries_on
from muxi.core.memory.columns import Column, Table
from muxi.core.memory.layout import (
    CHANGING,
    COLUMNS,
    DAY,
    FLAGGED,
    IMPORTANCE,
    LENGTH,
    PACKED,
    SAID_AT,
    SAID_BY,
    SEQ,
    SESSION,
    Layout,
    Shown,
)
from muxi.core.memory.packed import Packed, current_traits, name_number
from muxi.core.memory.row_ids import RowIds
from muxi.core.memory.sizes import object_bytes
from muxi.core.memory.traits import FLAGS, TraitColumns, in_columns, term_numbers
from muxi.core.memory.types import SPEAKER, WINDOW, Memory, bare
from muxi.core.memory.vectors import VectorColumn
from muxi.core.memory.words import words
from muxi.ids import MemoryId

Keep = Callable[[Memory], bool]

#: Fewer new memories than this find their places one by one.
_FEW = 64
# Of an id with its entries in the list and the dictionary.
_ID_BYTES = 200
# Numbers of speakers are cut to so many bits, which a float holds.
_SPEAKER_BITS = (1 << 52) - 1
_FLAGS = np.array(FLAGS, np.int32)[:, None]


class Rows:
    """Memories in columns; not thread-safe.

    A memory whose text or place changes gets a new row, and its old one counts for nothing until all are written anew.
    """

    def __init__(self) -> None:
        self.memories: list[Memory | None] = []  # by row, without vectors; ``None`` until somebody has to see it
        self.ids = RowIds()
        self.words = WordIndex()
        self.vectors: VectorColumn | None = None  # made when the first vector tells its dimension
        self.windows: VectorColumn | None = None
        self.table = Table(COLUMNS)
        self.date_rows, self.first_days, self.last_days = Column(np.int64), Column(np.int64), Column(np.int64)
        self._order = Column(np.int64)
        self._is_in_order = True  # whether each row's place is its number
        self._sessions: dict[int, int] = {}
        self._sessions_seen = 0
        self._speakers_by_term: dict[int, set[int]] = {}
        self._layout: Layout | None = None
        self._object_bytes = 0

    def __len__(self) -> int:
        return self.ids.count

    @property
    def nbytes(self) -> int:
        """Bytes held, estimated: vectors, columns, words and the memories themselves."""
        held = (self.date_rows, self.first_days, self.last_days, self._order, self.table, self.words)
        held_bytes = self._object_bytes + sum(one.nbytes for one in held)
        for vectors in (self.vectors, self.windows):
            held_bytes += 0 if vectors is None else vectors.nbytes
        return held_bytes

    @property
    def embedded(self) -> int:
        """How many memories have their vector."""
        return 0 if self.vectors is None else int(self.vectors.known[self._order.values].sum())

    @property
    def is_stale(self) -> bool:
        """Whether more rows count for nothing than for something."""
        return len(self.ids) > 2 * self.ids.count + _FEW

    @property
    def dimension(self) -> int | None:
        """Of the vectors; ``None`` if there are none."""
        return None if self.vectors is None else self.vectors.dimension

    def named_speaker(self, terms: Iterable[int]) -> int | None:
        """The number of the one speaker whom a question names; ``None`` if it names none or several."""
        named = set().union(*(self._speakers_by_term.get(term, ()) for term in terms))
        return named.pop() if len(named) == 1 else None

    def unseen(self, rows: Iterable[int]) -> dict[MemoryId, int]:
        """Those of some rows that count whose memories nobody has read yet, with their rows."""
        return {self.ids[row]: row for row in rows if self.memories[row] is None}

    def show(self, memories: Iterable[Memory], rows: Mapping[MemoryId, int]) -> None:
        """Memories that `unseen` named; what they say may be newer than the columns are."""
        for memory in memories:
            self.memories[rows[memory.id]] = bare(memory)
            self._object_bytes += object_bytes(memory)

    def written_anew(self) -> Rows:
        """The same memories in their order, without the rows that count for nothing."""
        rows = self._order.values
        place = np.full(len(self.ids), -1, np.int64)
        place[rows] = np.arange(len(rows))
        anew = Rows()
        anew.memories = [self.memories[row] for row in rows]
        anew.ids = RowIds(self.ids[row] for row in rows)
        anew.words = self.words.taken(place)
        anew.table.extend(len(rows))
        anew.table.values[:] = self.table.values[:, rows]
        if self.vectors is not None and self.windows is not None:
            anew.vectors, anew.windows = self.vectors.taken(rows), self.windows.taken(rows)
        dated = place[self.date_rows.values] >= 0
        anew.date_rows.append_all(place[self.date_rows.values[dated]])
        anew.first_days.append_all(self.first_days.values[dated])
        anew.last_days.append_all(self.last_days.values[dated])
        anew._order.append_all(np.arange(len(rows)))
        anew._sessions, anew._sessions_seen = self._sessions, self._sessions_seen
        anew._speakers_by_term, anew._object_bytes = self._speakers_by_term, self._object_bytes
        return anew

    def update(self, memory: Memory) -> bool:
        """Replaces in place what has the same words at the same place; False if it is not here so."""
        row = self.ids.row_of.get(memory.id)
        old = None if row is None else self.memories[row]
        if row is None or old is None or self.table.values[PACKED, row]:
            return False
        if _place(old) != _place(memory) or (old.text, old.said_at) != (memory.text, memory.said_at):
            return False
        self._make_vectors([memory])
        self._object_bytes += object_bytes(memory) - object_bytes(old)
        self._write(row, [memory])
        return True

    def drop(self, ids: Iterable[MemoryId]) -> None:
        """Makes the rows of these memories count for nothing; ids that are not here are passed over."""
        gone = [id for id in dict.fromkeys(ids) if id in self.ids.row_of]
        for id in gone:
            row = self.ids.row_of[id]
            if len(gone) <= _FEW:
                self._order.delete(self._position(row))
                self._is_in_order = False
            del self.ids.row_of[id]
            memory = self.memories[row]
            self._object_bytes -= _ID_BYTES + (object_bytes(memory) if memory else 0)
            self._layout = None
        if len(gone) > _FEW:
            self._sort()

    def add(self, memories: list[Memory]) -> None:
        """Adds memories that are not here."""
        if not memories:
            return
        first, count = len(self.ids), self.ids.count
        self.ids.extend([memory.id for memory in memories])
        self._make_room(count)
        self._make_vectors(memories)
        self._object_bytes += sum(map(object_bytes, memories))
        self._write(first, memories)
        traits = in_columns([current_traits(memory) for memory in memories])
        rows = np.arange(first, len(self.ids)).repeat(traits.lengths)
        self._write_traits(first, traits, entries_of(traits.terms, rows))
        self.table.values[SEQ, first:] = [memory.seq for memory in memories]
        self.table.values[SESSION, first:] = [self._session_number(name_number(one.session_id)) for one in memories]
        self._sort_in(first)

    def load(self, packed: Packed) -> None:
        """Adds packed memories, none of which is here. What they say is read when somebody has to see it."""
        first, count = len(self.ids), self.ids.count
        self.ids.load(packed.ids, packed.gone)
        self._make_room(count)
        rows = slice(first, len(self.ids))
        if packed.dimension and self.vectors is None and not first:
            self.vectors = VectorColumn.over(packed.vectors, packed.vector_sizes)
            self.windows = VectorColumn.over(packed.windows, packed.window_sizes)
        elif packed.dimension:
            vectors, windows = self._columns_of_vectors(packed.dimension)
            vectors.put_steps(rows, packed.vectors, packed.vector_sizes)
            windows.put_steps(rows, packed.windows, packed.window_sizes)
        table = self.table.values
        for column, values in (
            (SAID_AT, packed.said_at),
            (DAY, packed.day),
            (IMPORTANCE, np.where(np.isnan(packed.importance), 0.5, packed.importance.clip(0, 1))),
            (SAID_BY, packed.speaker & _SPEAKER_BITS),
            (SEQ, packed.seq),
            (PACKED, 1.0),
        ):
            table[column, rows] = values
        for speaker, term in zip(packed.speakers.tolist(), packed.speaker_terms.tolist(), strict=True):
            self._speakers_by_term.setdefault(term, set()).add(speaker & _SPEAKER_BITS)
        self._write_traits(first, packed, packed.entries + entries_on(first) if first else packed.entries)
        table[SESSION, rows] = self._session_numbers(packed.session)
        self._sort()

    def layout(self, keep: Keep | None, shown: Shown | None = None) -> Layout:
        """The order of what may be returned. What is refused or `shown` is as if it were not here."""
        if self._layout is None:
            count, order = len(self.ids), self._order.values
            if self._is_in_order:
                self._layout = Layout(slice(0, count), self.table.values, count)
            else:
                self._layout = Layout(order.copy(), self.table.values.take(order, axis=1), count)
        layout = self._layout
        session = self._sessions.get(name_number(shown.session_id)) if shown is not None else None
        if shown is not None and session is not None:
            layout = layout.without(session, shown.after)
        return layout if keep is None else self._kept(layout, keep)

    def _kept(self, whole: Layout, keep: Keep) -> Layout:
        here = np.arange(len(whole))
        seen = [self.memories[row] for row in whole.rows(here).tolist()]
        kept = np.fromiter((one is not None and keep(one) for one in seen), np.bool_, len(here))
        # A window holds the texts before it: it may not speak for them if one of them is refused.
        clean = np.ones(len(kept), np.bool_)
        for distance in range(1, WINDOW):
            before = here - distance
            clean &= (before < whole.texts.first) | kept[np.maximum(before, 0)]
        return whole.taken(np.flatnonzero(kept), clean[kept])

    def _make_room(self, counted: int) -> None:
        """Makes room for the rows that `ids` has more than the rest; so many counted before."""
        added = len(self.ids) - len(self.memories)
        for columns in (self.table, self.vectors, self.windows):
            if columns is not None:
                columns.extend(added)
        self.memories += [None] * added
        self._object_bytes += _ID_BYTES * (self.ids.count - counted)
        self._layout = None

    def _write(self, first: int, memories: list[Memory]) -> None:
        """Fills the columns of the rows from here on with what may change while words and place stay."""
        if self.vectors is not None and self.windows is not None:
            self.vectors.put(first, [memory.vector for memory in memories])
            self.windows.put(first, [memory.window for memory in memories])
        rows = slice(first, first + len(memories))
        self.table.values[CHANGING, rows] = np.array([self._changing(memory) for memory in memories]).T
        self.memories[rows] = [bare(memory) for memory in memories]
        if not self._is_in_order:
            self._layout = None  # it holds copies

    def _changing(self, memory: Memory) -> tuple[float, float, float, float]:
        at, importance = memory.said_at, memory.importance
        # Not a number is as if not told.
        usable = min(1.0, max(0.0, importance)) if importance == importance else 0.5
        return at.timestamp(), at.toordinal(), self._speaker_number(memory.metadata.get(SPEAKER)), usable

    def _write_traits(self, first: int, traits: TraitColumns | Packed, entries: Entries) -> None:
        table = self.table.values
        table[FLAGGED, first:] = traits.flags & _FLAGS > 0
        table[LENGTH, first:] = traits.lengths
        self.words.add(entries)
        if len(traits.date_rows):
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

    def _session_numbers(self, names: NDArray[np.int64]) -> Floats:
        """As `_session_number`, of many."""
        alone = names == 0
        given, named = np.empty(len(names)), names[~alone]
        # Those of a session mostly stand side by side.
        edges = edges_of(named)
        numbers = [self._session_number(name) for name in named[edges[:-1]].tolist()]
        given[~alone] = np.array(numbers, np.float64).repeat(np.diff(edges))
        given[alone] = self._sessions_seen + 1 + np.arange(alone.sum())
        self._sessions_seen += int(alone.sum())
        return given

    def _session_number(self, name: int) -> int:
        """Sessions are numbered as they come; each memory without one is a session of its own."""
        number = self._sessions.get(name)
        if number is None:
            number = self._sessions_seen = self._sessions_seen + 1
            if name:
                self._sessions[name] = number
        return number

    def _sort_in(self, first: int) -> None:
        """Gives the rows from here on their places in the order."""
        if len(self.ids) - first > _FEW:
            self._sort()
            return
        for row in range(first, len(self.ids)):
            order = self._order.values
            place = len(order) if not len(order) or self._key(int(order[-1])) < self._key(row) else self._position(row)
            self._is_in_order = self._is_in_order and row == place == len(order)
            self._order.insert(place, row)

    def _sort(self) -> None:
        """Puts all rows that count into their order."""
        rows = self.ids.counting
        session, seq = self.table.values[SESSION, rows], self.table.values[SEQ, rows]
        order = np.lexsort((seq, session))
        session, seq = session[order], seq[order]
        sorted_rows: Places = rows[order]
        if ((session[1:] == session[:-1]) & (seq[1:] == seq[:-1])).any():  # then the ids decide
            sorted_rows = np.array(sorted(sorted_rows.tolist(), key=self._key), np.int64)
        self._order = Column(np.int64)
        self._order.append_all(sorted_rows)
        self._is_in_order = np.array_equal(sorted_rows, np.arange(len(self.ids)))
        self._layout = None

    def _position(self, row: int) -> int:
        sessions, session = self.table.values[SESSION, self._order.values], self.table.values[SESSION, row]
        begin, end = np.searchsorted(sessions, [session, session + 1]).tolist()
        return bisect_left(self._order.values, self._key(row), begin, end, key=self._key)

    def _key(self, row: int) -> tuple[float, float, str]:
        return float(self.table.values[SESSION, row]), float(self.table.values[SEQ, row]), self.ids[row]

    def _speaker_number(self, name: object) -> int:
        number = name_number(name) & _SPEAKER_BITS
        if number and isinstance(name, str):
            for term in _name_terms(name):
                self._speakers_by_term.setdefault(term, set()).add(number)
        return number


@lru_cache(1024)
def _name_terms(name: str) -> tuple[int, ...]:
    return tuple(term_numbers(words(name)))


def _place(memory: Memory) -> tuple[str, int, str]:
    return memory.session_id, memory.seq, memory.id
