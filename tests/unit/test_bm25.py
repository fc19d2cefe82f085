"""BM25 over texts that come and go: the formula, and what removing leaves."""

from __future__ import annotations

import math

import numpy as np
import pytest

from muxi.core.memory.bm25 import K1, B, WordIndex

TEXTS = [["tea", "tea", "leaf"], ["milk"], ["tea", "milk", "honey", "bread"]]


def index_of(texts: list[list[str]]) -> WordIndex:
    index = WordIndex()
    for words in texts:
        index.append(words)
    return index


def test_formula() -> None:
    """The score is the sum of idf times the saturated count, each word of the question counted once."""

    def part(count: int, length: int, holding: int) -> float:
        idf = math.log(1 + (3 - holding + 0.5) / (holding + 0.5))
        return idf * count * (K1 + 1) / (count + K1 * (1 - B + B * length / (8 / 3)))

    scores = index_of(TEXTS).scores(["tea", "honey", "tea", "absent"], None)
    assert scores.tolist() == pytest.approx([part(2, 3, 2), 0, part(1, 4, 2) + part(1, 4, 1)])


def test_statistics_over_some() -> None:
    """Texts that do not count change neither the rarity of a word nor the mean length."""
    among = np.array([True, False, True])
    alone = index_of([TEXTS[0], TEXTS[2]]).scores(["milk", "tea"], None)
    assert index_of(TEXTS).scores(["milk", "tea"], among)[among].tolist() == alone.tolist()


@pytest.mark.parametrize("row", [0, 1, 2])
def test_removing_gives_the_row_to_the_last(row: int) -> None:
    """A text that goes is as if it never was; the last one has its number and every byte is given back."""
    index = index_of(TEXTS)
    index.move_last_to(row, TEXTS[row], TEXTS[-1])
    left = [*TEXTS]
    left[row] = left[-1]
    left.pop()
    assert len(index) == 2
    assert index.scores(["tea", "milk", "honey"], None).tolist() == (
        index_of(left).scores(["tea", "milk", "honey"], None).tolist()
    )
    index.move_last_to(1, left[1], left[1])
    index.move_last_to(0, left[0], left[0])
    assert len(index) == 0
    assert index.nbytes < index_of([TEXTS[1]]).nbytes


def test_texts_without_words() -> None:
    """Texts of no words score 0 and divide by nothing."""
    assert index_of([[], []]).scores(["tea"], None).tolist() == [0, 0]
