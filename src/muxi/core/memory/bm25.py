"""BM25 over texts in an order, and over each text together with those around it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
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
_UNSORTED_SHARE = 16

Floats = NDArray[np.float64]
Places = NDArray[np.int64]


class WordIndex:
    """Which rows hold which words, and how often. Rows are only added; not thread-safe.

    One entry for each word of each row: ``word << 32 | row``, sorted, so that the rows of a word lie together.
    """

    def __init__(self) -> None:
        self._keys = np.zeros(0, np.int64)
        self._counts = np.zeros(0, np.float64)
        self._new_keys = Column(np.int64)
        self._new_counts = Column(np.float64)

    @property
    def nbytes(self) -> int:
        """Bytes held."""
        return self._keys.nbytes + self._counts.nbytes + self._new_keys.nbytes + self._new_counts.nbytes

    def add(self, terms: NDArray[np.int32], rows: Places) -> None:
        """Adds words, each with the row that it stands in, which had no words before."""
        keys, counts = _counted(terms.astype(np.int64) << 32 | rows)
        self._new_keys.append_all(keys)
        self._new_counts.append_all(counts)
        if len(self._new_keys.values) > max(_MOST_UNSORTED, len(self._keys) // _UNSORTED_SHARE):
            self._sort()

    def rows_of(self, term: int) -> tuple[Places, Floats]:
        """The rows that hold a word, and how often each does."""
        first, last = np.searchsorted(self._keys, [term << 32, (term + 1) << 32])
        new = self._new_keys.values >> 32 == term
        keys = np.concatenate([self._keys[first:last], self._new_keys.values[new]])
        return keys & 0xFFFFFFFF, np.concatenate([self._counts[first:last], self._new_counts.values[new]])

    def _sort(self) -> None:
        keys = np.concatenate([self._keys, self._new_keys.values])
        order = np.argsort(keys, kind="stable")
        self._keys = keys[order]
        self._counts = np.concatenate([self._counts, self._new_counts.values])[order]
        self._new_keys, self._new_counts = Column(np.int64), Column(np.float64)


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
        for term in dict.fromkeys(terms):
            rows, counts = index.rows_of(term)
            places = self.place[rows]
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

    def window_scores(self, found: Sequence[Found], at: Places) -> Floats:
        """The same for the texts at some places, each read as one with those around it in its session.

        How rare a word is, is counted in single texts here, too.
        """
        begin, end, saturation = self.begin, self.end, self.window_saturation
        if len(at) < len(saturation):
            begin, end, saturation = begin[at], end[at], saturation[at]
        # Counts are whole numbers, and exact up to 16 million.
        total, until = np.zeros(len(at)), np.zeros(len(self.saturation) + 1, np.float32)
        for one in found:
            until[:] = 0.0
            until[one.places + 1] = one.counts
            np.cumsum(until, out=until)
            held = until[end] - until[begin]
            total += one.weight * held / (held + saturation)
        return total


def _counted(keys: Places) -> tuple[Places, Floats]:
    keys = np.sort(keys)
    starts = np.flatnonzero(np.concatenate([[True], keys[1:] != keys[:-1]])) if len(keys) else np.zeros(0, np.int64)
    return keys[starts], np.diff(starts, append=len(keys)).astype(np.float64)


def _idf(holding: int, count: int) -> float:
    return math.log(1 + (count - holding + 0.5) / (holding + 0.5))


def _saturation(lengths: Floats) -> Floats:
    mean = float(lengths.mean()) if len(lengths) else 0.0
    saturation: Floats = K1 * (1 - B + B * lengths / (mean or 1.0))
    return saturation
