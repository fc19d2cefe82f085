"""BM25 over numbered texts that come and go one at a time."""

from __future__ import annotations

import math
import sys
from array import array
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from muxi.core.memory.columns import Column

#: How soon repeating a word stops counting, and how much long texts are held back. The values that BM25 baselines
#: for short passages use (Lin et al., Anserini; Robertson & Zaragoza 2009 give the formula).
K1, B = 0.9, 0.4

# A word's entry in the dictionary plus the empty array of its texts, as CPython 3.11 makes them.
_ENTRY_BYTES = 104 + sys.getsizeof(array("i"))


class WordIndex:
    """Which texts hold which words, and how often. Texts are the rows 0 to len - 1; not thread-safe."""

    def __init__(self) -> None:
        self._postings: dict[str, array[int]] = {}  # word -> row, count, row, count ...
        self._lengths = Column(np.float64)
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._lengths.values)

    @property
    def nbytes(self) -> int:
        """Bytes held, estimated: words, their texts, lengths."""
        return self._bytes + self._lengths.nbytes

    def append(self, words: Sequence[str]) -> None:
        """Add a text as the last row."""
        row = len(self)
        counts: dict[str, int] = {}
        for word in words:
            counts[word] = counts.get(word, 0) + 1
        for word, count in counts.items():
            posting = self._postings.get(word)
            if posting is None:
                posting = self._postings[word] = array("i")
                self._bytes += _ENTRY_BYTES + sys.getsizeof(word)
            posting.extend((row, count))
            self._bytes += 2 * posting.itemsize
        self._lengths.append(len(words))

    def move_last_to(self, row: int, words: Sequence[str], last_words: Sequence[str]) -> None:
        """Take the text of ``row`` out by giving its number to the last one.

        Args:
            words: the words of the text that goes, as they were given to `append`.
            last_words: the words of the last text (the same text if ``row`` is the last).
        """
        last = len(self) - 1
        for word in set(words):
            self._forget(word, row)
        if row != last:
            for word in set(last_words):
                posting = self._postings[word]
                posting[_place(posting, last)] = row
        self._lengths.move_last_to(row)

    def scores(self, words: Iterable[str], among: NDArray[np.bool_] | None) -> NDArray[np.float64]:
        """The BM25 score of every text for the words of a question.

        score = sum over words of idf * tf * (K1 + 1) / (tf + K1 * (1 - B + B * length / mean length)),
        idf = ln(1 + (N - n + 0.5) / (n + 0.5)) with n of N texts holding the word, never negative
        (Robertson & Zaragoza 2009, with Lucene's idf).

        Args:
            words: of the question; each is counted once.
            among: which texts N, n and the mean length are taken over; ``None`` means all. Scores of other rows
                mean nothing.

        Returns:
            One score per row, 0 where no word is found.
        """
        lengths = self._lengths.values
        counted = lengths if among is None else lengths[among]
        saturation = K1 * (1 - B + B * lengths / (counted.mean() or 1.0))
        total = np.zeros(len(lengths))
        for posting in filter(None, map(self._postings.get, dict.fromkeys(words))):
            rows, counts = _pairs(posting).T
            holding = len(rows) if among is None else int(np.count_nonzero(among[rows]))
            idf = math.log(1 + (len(counted) - holding + 0.5) / (holding + 0.5))
            total[rows] += idf * (K1 + 1) * counts / (counts + saturation[rows])
        return total

    def _forget(self, word: str, row: int) -> None:
        posting = self._postings[word]
        at = _place(posting, row)
        del posting[at : at + 2]
        self._bytes -= 2 * posting.itemsize
        if not posting:
            del self._postings[word]
            self._bytes -= _ENTRY_BYTES + sys.getsizeof(word)


def _place(posting: array[int], row: int) -> int:
    rows = _pairs(posting)[:, 0]
    return 2 * int(np.flatnonzero(rows == row)[0])


def _pairs(posting: array[int]) -> NDArray[np.int32]:
    # A copy: an array that numpy still looks into could not grow.
    return np.array(posting, dtype=np.int32).reshape(-1, 2)
