"""BM25 over texts in an order, and over each text together with those around it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

#: How soon repeating a word stops counting, and how much long texts are held back. The values that BM25 baselines
#: for short passages use (Lin et al., Anserini; Robertson & Zaragoza 2009 give the formula).
K1, B = 0.9, 0.4

#: How many texts of the same session before a text, and after it, are read with it as one.
BEFORE, AFTER = 4, 2

# So many entries, or this share of all, may lie in the dictionary of those that came since the last sorting.
_MOST_UNSORTED = 2048
_UNSORTED_SHARE = 64
# What an entry takes there.
_UNSORTED_BYTES = 100

# Words are taken together up to so many numbers.
_AT_ONCE = 2**20

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
    keys: Entries = terms.astype(np.int64) << _TERM_BIT | rows << _ROW_BIT
    keys.sort()
    edges = edges_of(keys)
    starts = edges[:-1]
    entries: Entries = keys.take(starts) | np.minimum(edges[1:] - starts, _MOST_TIMES)
    return entries


def entries_in(entries: Entries, place: Places) -> Entries:
    """The entries of some rows, under their new numbers: of each row its number, -1 for those that are left out."""
    rows = place[entries >> _ROW_BIT & _MOST_ROWS]
    kept = entries & ~(_MOST_ROWS << _ROW_BIT) | rows << _ROW_BIT
    moved: Entries = kept[rows >= 0]
    return moved


def entries_on(rows: int) -> int:
    """What is added to entries whose rows come after so many others."""
    return rows << _ROW_BIT


class WordIndex:
    """Which rows hold which words, and how often. Rows are only added; not thread-safe.

    It holds entries as `entries_of` makes them, sorted, so that the rows of a word lie together; those that came since
    the last sorting by their word.
    """

    def __init__(self) -> None:
        self._sorted: Entries = np.zeros(0, np.int64)
        self._new: dict[int, list[int]] = {}
        self._new_count = 0

    @property
    def nbytes(self) -> int:
        """Bytes held, estimated."""
        return self._sorted.nbytes + _UNSORTED_BYTES * self._new_count

    def add(self, entries: Entries) -> None:
        """Adds the entries of rows that had none before."""
        if self._new_count + len(entries) > max(_MOST_UNSORTED, len(self._sorted) // _UNSORTED_SHARE):
            self._sort_in(entries)
            return
        self._new_count += len(entries)
        for entry in entries.tolist():
            self._new.setdefault(entry >> _TERM_BIT, []).append(entry)

    def entries(self, terms: Sequence[int]) -> list[Entries]:
        """Those of each word that is anywhere."""
        found: list[Entries] = []
        if len(self._sorted):
            edges = np.array([terms, terms], np.int64)
            edges[1] += 1
            begins, ends = self._sorted.searchsorted(edges << _TERM_BIT).tolist()
        else:
            begins = ends = [0] * len(terms)
        for term, begin, end in zip(terms, begins, ends, strict=True):
            new = self._new.get(term)
            if new is None:
                if begin < end:
                    found.append(self._sorted[begin:end])
            elif begin < end:
                found.append(np.concatenate([self._sorted[begin:end], new]))
            else:
                found.append(np.array(new, np.int64))
        return found

    def taken(self, place: Places) -> WordIndex:
        """The index of some rows: of each row its new number, -1 for those that are left out."""
        made = WordIndex()
        self._sort_in(np.zeros(0, np.int64))
        made._sort_in(entries_in(self._sorted, place))
        return made

    def _sort_in(self, entries: Entries) -> None:
        new = np.array([entry for of_word in self._new.values() for entry in of_word], np.int64)
        self._sorted = np.concatenate([self._sorted, new, entries])
        self._sorted.sort()
        self._new, self._new_count = {}, 0


@dataclass(frozen=True, slots=True)
class Found:
    """Where the words of a question are: one entry for each of them and each text that holds it, word by word.

    Attributes:
        word: which word it is, counted from 0.
        places: where.
        counts: how often.
        sizes: of each word in how many texts it is.
        weights: of each word (K1 + 1) * rarity.
    """

    word: Places
    places: Places
    counts: Floats
    sizes: Places
    weights: Floats

    def parts(self, at_once: int) -> Iterator[Found]:
        """So many words at once, each time numbered anew."""
        ends = [0, *self.sizes.cumsum().tolist()]
        for first in range(0, len(self.sizes), at_once):
            last = min(first + at_once, len(self.sizes))
            some = slice(ends[first], ends[last])
            yield Found(
                self.word[some] - first,
                self.places[some],
                self.counts[some],
                self.sizes[first:last],
                self.weights[first:last],
            )


@dataclass(frozen=True, slots=True)
class Texts:
    """The texts that scores are computed over, in an order: those of a session side by side.

    Attributes:
        place: of each row its place in the order, -1 if it does not count.
        starts: the first place of each session.
        first, last: of each place the first and the last place of its session.
        saturation, window_saturation: of each place what its length adds below the fraction of BM25, for the text
            alone and for the text with those around it.
    """

    place: Places
    starts: Places
    first: Places
    last: Places
    saturation: Floats
    window_saturation: Floats

    @classmethod
    def of(cls, place: Places, sessions: Floats, lengths: Floats) -> Texts:
        """Measures the texts: by place the number of the session, and the length in words."""
        count = len(lengths)
        here = np.arange(count)
        edges = edges_of(sessions)
        starts, ends = edges[:-1], edges[1:]
        sizes = ends - starts
        first, last = starts.repeat(sizes), (ends - 1).repeat(sizes)
        begin, end = np.maximum(here - BEFORE, first), np.minimum(here + AFTER, last)
        end += 1
        until = np.zeros(count + 1)
        lengths.cumsum(out=until[1:])
        around = until.take(end)
        around -= until.take(begin)
        return cls(place, starts, first, last, _saturation(lengths), _saturation(around))

    def found(self, index: WordIndex, terms: Iterable[int]) -> Found:
        """Where the words of a question are, each word once; those that are nowhere are left out."""
        by_word = index.entries(list(dict.fromkeys(terms)))
        entries = np.concatenate(by_word) if by_word else np.zeros(0, np.int64)
        sizes = np.array([len(of_word) for of_word in by_word], np.int64)
        word = np.arange(len(sizes)).repeat(sizes)
        places = self.place.take(entries >> _ROW_BIT & _MOST_ROWS)
        (here,) = (places >= 0).nonzero()
        if len(here) < len(places):
            entries, places, word = entries.take(here), places.take(here), word.take(here)
            sizes = np.bincount(word, minlength=len(sizes))
        count = len(self.saturation)
        weights = np.log([_odds(holding, count) for holding in sizes.tolist()])
        weights *= (K1 + 1) / math.log(_odds(1, count))
        return Found(word, places, (entries & _MOST_TIMES).astype(np.float64), sizes, weights)

    def scores(self, found: Found) -> Floats:
        """The BM25 score of each text, by place: 0 where no word is found.

        score = sum over words of rarity * tf * (K1 + 1) / (tf + K1 * (1 - B + B * length / mean length)),
        rarity = idf(n) / idf(1), idf(n) = ln(1 + (N - n + 0.5) / (n + 0.5)) with n of N texts holding the word, never
        negative (Robertson & Zaragoza 2009, with Lucene's idf). In shares of the rarest, a match is worth as much among
        ten memories as among ten thousand.
        """
        parts = found.weights.take(found.word)
        parts *= found.counts
        parts /= found.counts + self.saturation.take(found.places)
        return _sums(found.places, parts, len(self.saturation))

    def window_scores(self, found: Found, at: Places | None = None) -> Floats:
        """The same for each text read as one with those around it in its session, at some places or all.

        How rare a word is, is counted in single texts here, too.
        """
        count = len(self.saturation)
        around = _AROUND + (np.arange(count) if at is None else at)
        columns = (self.first, self.last, self.window_saturation)
        first, last, saturation = columns if at is None else (column.take(at) for column in columns)
        within = (around >= first) & (around <= last)
        total = np.zeros(around.shape[1])
        for some in found.parts(max(1, _AT_ONCE // (count + around.size))):
            counts = np.zeros((len(some.sizes), count), np.uint8)
            counts[some.word, some.places] = some.counts
            each = counts.take(around, axis=1, mode="clip")
            each *= within
            held = np.add.reduce(each, axis=1, dtype=np.float64)
            total += np.add.reduce(some.weights[:, None] * held / (held + saturation), axis=0)
        return total


# Where the texts are that are read as one with a text.
_AROUND = np.arange(-BEFORE, AFTER + 1)[:, None]


def _sums(places: Places, parts: Floats, count: int) -> Floats:
    return np.bincount(places, parts, count).astype(np.float64, copy=False)


def best_around(scores: Floats) -> Floats:
    """By place the best score of a text and those around it, in whatever session: about what they score as one."""
    best = scores.copy()
    for off in range(1, BEFORE + 1):
        np.maximum(best[off:], scores[:-off], out=best[off:])
    for off in range(1, AFTER + 1):
        np.maximum(best[:-off], scores[off:], out=best[:-off])
    return best


def _odds(holding: int, count: int) -> float:
    """What idf is the logarithm of."""
    return 1 + (count - holding + 0.5) / (holding + 0.5)


def edges_of(values: NDArray[Any]) -> Places:
    """Where values begin that differ from the one before, and the end."""
    is_edge = np.empty(len(values) + 1, np.bool_)
    is_edge[0] = is_edge[-1] = True
    np.not_equal(values[1:], values[:-1], out=is_edge[1:-1])
    return is_edge.nonzero()[0]


def _saturation(lengths: Floats) -> Floats:
    mean = float(np.add.reduce(lengths)) / len(lengths) if len(lengths) else 0.0
    saturation: Floats = lengths * (K1 * B / (mean or 1.0))
    saturation += K1 * (1 - B)
    return saturation
