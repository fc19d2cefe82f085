"""BM25 over texts in an order, and over each text together with those around it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from muxi.core.memory.columns import Column

#: How soon repeating a word stops counting, and how much long texts are held back. The values that BM25 baselines
#: for short passages use (Lin et al., Anserini; Robertson & Zaragoza 2009 give the formula).
K1, B = 0.9, 0.4

#: How many texts of the same session before a text, and after it, are read with it as one.
BEFORE, AFTER = 4, 2

# Entries that came since the last sorting are looked through one by one.
_MOST_UNSORTED = 2048
_UNSORTED_SHARE = 64

# A word in fewer than one in so many texts is looked at where it is; one in more of them, or in few texts, everywhere.
_RARE, _FEW = 12, 4096

Floats = NDArray[np.float64]
Places = NDArray[np.int64]
Entries = NDArray[np.int64]

# Of an entry: 31 bits the word, 24 the row, 8 how often.
_TERM_BIT, _ROW_BIT = 32, 8
_MOST_ROWS, _MOST_TIMES = (1 << 24) - 1, (1 << 8) - 1


def entries_of(terms: NDArray[np.int32], rows: Places) -> Entries:
    """One entry for each word of each row, sorted: ``word << 32 | row << 8 | how often``, up to 255 times.

    Args:
        terms: words as `muxi.core.memory.traits.term_numbers` gives them.
        rows: for each of them the row that it stands in.
    """
    keys: Entries = np.sort(terms.astype(np.int64) << _TERM_BIT | rows << _ROW_BIT)
    if not len(keys):
        return keys
    starts = np.flatnonzero(np.diff(keys, prepend=-1))
    entries: Entries = keys[starts] | np.minimum(np.diff(starts, append=len(keys)), _MOST_TIMES)
    return entries


def entries_in(entries: Entries, place: Places) -> Entries:
    """The entries of some rows, under their new numbers: of each row its number, -1 for those that are left out."""
    rows = place[entries >> _ROW_BIT & _MOST_ROWS]
    kept = entries & ~(_MOST_ROWS << _ROW_BIT) | rows << _ROW_BIT
    moved: Entries = kept[rows >= 0]
    return moved


def entries_after(entries: Entries, row: int) -> Entries:
    """The same entries of rows that come after so many others."""
    return entries + (row << _ROW_BIT)


class WordIndex:
    """Which rows hold which words, and how often. Rows are only added; not thread-safe.

    It holds entries as `entries_of` makes them, sorted, so that the rows of a word lie together.
    """

    def __init__(self) -> None:
        self._sorted: Entries = np.zeros(0, np.int64)
        self._new = Column(np.int64)

    @property
    def nbytes(self) -> int:
        """Bytes held."""
        return self._sorted.nbytes + self._new.nbytes

    def add(self, entries: Entries) -> None:
        """Adds the entries of rows that had none before."""
        self._new.append_all(entries)
        if len(self._new.values) > max(_MOST_UNSORTED, len(self._sorted) // _UNSORTED_SHARE):
            self._sort()

    def rows_of(self, terms: Sequence[int]) -> Iterator[tuple[Places, Floats]]:
        """For each word the rows that hold it, and how often each does."""
        edges = [edge << _TERM_BIT for term in terms for edge in (term, term + 1)]
        spans = np.searchsorted(self._sorted, np.array(edges, np.int64))
        new = self._new.values >> _TERM_BIT
        is_new = np.isin(new, terms).any() if len(new) else False
        for place, term in enumerate(terms):
            entries = self._sorted[spans[2 * place] : spans[2 * place + 1]]
            if is_new:
                entries = np.concatenate([entries, self._new.values[new == term]])
            yield entries >> _ROW_BIT & _MOST_ROWS, (entries & _MOST_TIMES).astype(np.float64)

    def taken(self, place: Places) -> WordIndex:
        """The index of some rows: of each row its new number, -1 for those that are left out."""
        made = WordIndex()
        made._new.append_all(entries_in(np.concatenate([self._sorted, self._new.values]), place))
        made._sort()
        return made

    def _sort(self) -> None:
        self._sorted = np.sort(np.concatenate([self._sorted, self._new.values]))
        self._new = Column(np.int64)


@dataclass(frozen=True, slots=True)
class Found:
    """Where one word of a question is, how often, and what it weighs: (K1 + 1) * rarity."""

    places: Places
    counts: Floats
    weight: float


@dataclass(frozen=True, slots=True)
class Texts:
    """The texts that scores are computed over, in an order: those of a session side by side.

    Attributes:
        place: of each row its place in the order, -1 if it does not count.
        first, last: of each place the first and the last place of its session.
        begin, end: of each place where the texts around it begin and end (exclusive).
        saturation, window_saturation: of each place what its length adds below the fraction of BM25, for the text
            alone and for the text with those around it.
    """

    place: Places
    first: Places
    last: Places
    begin: Places
    end: Places
    saturation: Floats
    window_saturation: Floats

    @classmethod
    def of(cls, place: Places, first: Places, last: Places, lengths: Floats) -> Texts:
        """Measures the texts; ``lengths`` in words, by place."""
        here = np.arange(len(lengths))
        begin, end = np.maximum(here - BEFORE, first), np.minimum(here + AFTER, last) + 1
        until = np.concatenate([[0.0], np.cumsum(lengths)])
        around = until[end] - until[begin]
        return cls(place, first, last, begin, end, _saturation(lengths), _saturation(around))

    def found(self, index: WordIndex, terms: Iterable[int]) -> list[Found]:
        """Where the words of a question are, each word once; those that are nowhere are left out."""
        found, most = [], _idf(1, len(self.saturation))
        all_count = len(self.place) == len(self.saturation)
        for rows, counts in index.rows_of(list(dict.fromkeys(terms))):
            places = self.place[rows]
            if not all_count:
                here = places >= 0
                places, counts = places[here], counts[here]
            if len(places):
                rarity = _idf(len(places), len(self.saturation)) / most
                found.append(Found(places, counts, (K1 + 1) * rarity))
        return found

    def scores(self, found: Sequence[Found]) -> Floats:
        """The BM25 score of each text, by place: 0 where no word is found.

        score = sum over words of rarity * tf * (K1 + 1) / (tf + K1 * (1 - B + B * length / mean length)),
        rarity = idf(n) / idf(1), idf(n) = ln(1 + (N - n + 0.5) / (n + 0.5)) with n of N texts holding the word, never
        negative (Robertson & Zaragoza 2009, with Lucene's idf). In shares of the rarest, a match is worth as much among
        ten memories as among ten thousand.
        """
        total = np.zeros(len(self.saturation))
        for one in found:
            total[one.places] += one.weight * one.counts / (one.counts + self.saturation[one.places])
        return total

    def window_scores(self, found: Sequence[Found], at: Places | None) -> Floats:
        """The same for the texts at some places (all, if not told), each read as one with those around it in its
        session.

        How rare a word is, is counted in single texts here, too.
        """
        count = len(self.saturation)
        total = np.zeros(count)
        until: Floats | None = None
        for one in found:
            if count > _FEW and _RARE * len(one.places) < count:
                self._add_rare(total, one)
                continue
            if until is None:
                until = np.zeros(count + 1)
            until[1:] = 0.0
            until[one.places + 1] = one.counts
            np.cumsum(until, out=until)
            held = until.take(self.end)
            held -= until.take(self.begin)
            below = held + self.window_saturation
            held *= one.weight
            held /= below
            total += held
        return total if at is None else total[at]

    def _add_rare(self, total: Floats, one: Found) -> None:
        around = one.places[:, None] + _AROUND
        within = (around >= self.first[one.places][:, None]) & (around <= self.last[one.places][:, None])
        counts = np.broadcast_to(one.counts[:, None], around.shape)[within]
        places, which = np.unique(around[within], return_inverse=True)
        held = np.bincount(which, counts)
        total[places] += one.weight * held / (held + self.window_saturation[places])


# Where the texts are that hold a text among those around them.
_AROUND = np.arange(-AFTER, BEFORE + 1)


def _idf(holding: int, count: int) -> float:
    return math.log(1 + (count - holding + 0.5) / (holding + 0.5))


def _saturation(lengths: Floats) -> Floats:
    mean = float(lengths.mean()) if len(lengths) else 0.0
    saturation: Floats = K1 * (1 - B + B * lengths / (mean or 1.0))
    return saturation
