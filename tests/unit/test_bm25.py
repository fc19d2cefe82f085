"""BM25 over rows in an order: the formula, what does not count, and texts read with those around them."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from muxi.core.memory.bm25 import AFTER, BEFORE, K1, B, Texts, WordIndex, best_around, entries_of

TEA, LEAF, MILK, HONEY, BREAD, ABSENT = range(6)
TEXTS = [[TEA, TEA, LEAF], [MILK], [TEA, MILK, HONEY, BREAD]]


def index_of(texts: list[list[int]]) -> WordIndex:
    index = WordIndex()
    for row, terms in enumerate(texts):
        index.add(entries_of(np.array(terms, np.int32), np.full(len(terms), row)))
    return index


def laid_out(texts: list[list[int]], sessions: list[int], counted: list[int] | None = None) -> Texts:
    """Rows in their own order; ``counted`` says which of them count."""
    rows = list(range(len(texts))) if counted is None else counted
    place = np.full(len(texts), -1)
    place[rows] = np.arange(len(rows))
    lengths = np.array([float(len(texts[row])) for row in rows])
    return Texts.of(place, np.array([float(sessions[row]) for row in rows]), lengths)


def scores(texts: list[list[int]], asked: list[int], counted: list[int] | None = None) -> list[float]:
    laid = laid_out(texts, list(range(len(texts))), counted)
    found: list[float] = laid.scores(laid.found(index_of(texts), asked)).tolist()
    return found


def window_scores(texts: list[list[int]], sessions: list[int], asked: list[int]) -> NDArray[np.float64]:
    laid = laid_out(texts, sessions)
    return laid.window_scores(laid.found(index_of(texts), asked))


def idf(holding: int, count: int) -> float:
    return math.log(1 + (count - holding + 0.5) / (holding + 0.5))


def test_formula() -> None:
    """The score is the sum of rarity times the saturated count, each word of the question counted once."""

    def part(count: int, length: int, holding: int) -> float:
        rarity = idf(holding, 3) / idf(1, 3)
        return rarity * count * (K1 + 1) / (count + K1 * (1 - B + B * length / (8 / 3)))

    assert scores(TEXTS, [TEA, HONEY, TEA, ABSENT]) == pytest.approx([part(2, 3, 2), 0, part(1, 4, 2) + part(1, 4, 1)])


def test_a_rare_word_counts_the_same_among_few_and_many() -> None:
    """A word of one text out of ten is worth what a word of one out of a thousand is."""
    few, many = ([[TEA]] + [[MILK]] * (count - 1) for count in (10, 1_000))
    assert scores(few, [TEA])[0] == pytest.approx(scores(many, [TEA])[0])


def test_rows_that_do_not_count() -> None:
    """Rows without a place change neither the rarity of a word nor the mean length."""
    assert scores(TEXTS, [MILK, TEA], counted=[0, 2]) == scores([TEXTS[0], TEXTS[2]], [MILK, TEA])


def test_one_by_one_or_at_once() -> None:
    """Words are found alike whether they were sorted in already or came just now."""
    texts = [[row % 7, row % 11, 3] for row in range(3_000)]
    at_once, one_by_one = WordIndex(), index_of(texts)
    at_once.add(entries_of(np.array(texts, np.int32).ravel(), np.repeat(np.arange(len(texts)), 3)))
    assert one_by_one._new and not at_once._new
    terms = list(range(12))
    for found, expected in zip(one_by_one.entries(terms), at_once.entries(terms), strict=True):
        assert found.tolist() == expected.tolist()


def test_words_a_few_at_once() -> None:
    """Parts of what is found are what their words alone would find."""
    laid, index = laid_out(TEXTS, [0, 0, 1]), index_of(TEXTS)
    parts = list(laid.found(index, [TEA, HONEY, MILK]).parts(2))
    assert [part.word.tolist() for part in parts] == [[0, 0, 1], [0, 0]]
    for part, terms in zip(parts, ([TEA, HONEY], [MILK]), strict=True):
        alone = laid.found(index, terms)
        assert part.places.tolist() == alone.places.tolist()
        assert part.counts.tolist() == alone.counts.tolist()
        assert part.sizes.tolist() == alone.sizes.tolist()
        assert part.weights.tolist() == alone.weights.tolist()


@pytest.mark.parametrize("at", [None, [0, 4, 5, 6, 98, 99, 100, 105, 5_099], list(range(5_100))])
def test_texts_around_among_many(at: list[int] | None) -> None:
    """At some places the scores are those that they have when all are read."""
    few = [[TEA, LEAF, TEA] if row in (3, 5, 99) else [MILK, row % 13 + 10] for row in range(100)]
    many = few + [[BREAD]] * 5_000
    laid = laid_out(many, [row // 7 for row in range(len(many))])
    found = laid.found(index_of(many), [TEA, MILK, LEAF, BREAD])
    expected = np.zeros(len(many))
    begin = np.maximum(np.arange(len(many)) - BEFORE, laid.first)
    end = np.minimum(np.arange(len(many)) + AFTER, laid.last) + 1
    for weight, term in zip(found.weights, [TEA, MILK, LEAF, BREAD], strict=True):
        until = np.concatenate([[0.0], np.cumsum([text.count(term) for text in many])])
        held = until[end] - until[begin]
        expected += weight * held / (held + laid.window_saturation)
    places = None if at is None else np.array(at)
    assert laid.window_scores(found, places).tolist() == pytest.approx(expected[slice(None) if at is None else at])


def test_best_around() -> None:
    """Each place has the best score of the places that a text there would be read with."""
    scores = np.array([0.0, 3, 0, 0, 0, 0, 1, 2, 0, 0])
    expected = [max(scores[max(0, i - BEFORE) : i + AFTER + 1]) for i in range(10)]
    assert best_around(scores).tolist() == expected
    assert best_around(scores[:2]).tolist() == [3, 3]
    assert best_around(scores[:0]).tolist() == []


def test_texts_around() -> None:
    """A text is read with the ones before and after it in its session, and with none of another."""
    texts = [[TEA] if row == 10 else [MILK] for row in range(20)]
    found = window_scores(texts, [0] * 20, [TEA])
    assert np.flatnonzero(found).tolist() == list(range(10 - AFTER, 10 + BEFORE + 1))
    found = window_scores(texts, [0] * 10 + [1] * 2 + [2] * 8, [TEA])
    assert np.flatnonzero(found).tolist() == [10, 11]


def test_formula_around() -> None:
    """Counts and lengths are those of the window; how rare a word is, is counted in single texts."""
    found = window_scores(TEXTS, [0, 0, 1], [TEA])
    rarity, mean = idf(2, 3) / idf(1, 3), (4 + 4 + 4) / 3
    saturation = K1 * (1 - B + B * 4 / mean)
    assert found.tolist() == pytest.approx([rarity * (K1 + 1) * n / (n + saturation) for n in (2, 2, 1)])


def test_texts_without_words() -> None:
    """Texts of no words score 0 and divide by nothing."""
    assert scores([[], []], [TEA]) == [0, 0]
