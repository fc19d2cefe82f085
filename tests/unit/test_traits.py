"""What is read out of a text for recall, and how it is stored."""

from __future__ import annotations

from datetime import UTC, date, datetime

import numpy as np
import pytest

from muxi.core.memory.question import Question
from muxi.core.memory.traits import ASKS, ENDS_ASKING, TIMED, VERSION, are_current, in_columns, term_numbers, traits_of

SAID_AT = datetime(2025, 3, 11, 9, tzinfo=UTC)


def flags(text: str) -> int:
    return int(in_columns([traits_of(text, SAID_AT)]).flags[0])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("I like tea.", 0),
        ("Do you like tea?", ASKS | ENDS_ASKING),
        ("Do you like tea? I do.", ASKS),
        ("Do you like tea?! [shares a photo: a cup]", ASKS | ENDS_ASKING),
        ("你喜欢茶吗\uff1f", ASKS | ENDS_ASKING),
        ("I went there last week.", TIMED),
        ("Were you there in 2019?", ASKS | ENDS_ASKING | TIMED),
        ("the weakest Mondays", 0),
        ("", 0),
    ],
)
def test_flags(text: str, expected: int) -> None:
    """A text asks, ends with asking, or speaks of a time, or not."""
    assert flags(text) == expected


def test_columns_of_several() -> None:
    """Words and days of each text stay with it, in order; a text of nothing has none."""
    read = in_columns([traits_of(text, SAID_AT) for text in ("tea and tea", "", "milk yesterday, on 5 May 2024")])
    assert read.lengths.tolist() == [2, 0, 5]
    assert read.terms.tolist() == term_numbers(["tea", "tea", "milk", "yesterday", "5", "may", "2024"])
    assert read.date_rows.tolist() == [2, 2]
    days = [date(2025, 3, 10).toordinal(), date(2024, 5, 5).toordinal()]
    assert read.first_days.tolist() == read.last_days.tolist() == days


def test_no_texts() -> None:
    """Nothing gives columns of nothing."""
    read = in_columns([])
    assert len(read.flags) == len(read.terms) == len(read.date_rows) == 0


def test_term_numbers_are_the_same_everywhere() -> None:
    """They are stored, so they may not change: CRC-32 without its sign."""
    assert term_numbers(["tea", "茶"]) == [243718066, 1837406708]


def test_stored_traits_of_another_version_are_not_used() -> None:
    """What an older release stored, or nothing, is read from the text again."""
    stored = traits_of("tea", SAID_AT)
    assert are_current(stored) and stored[0] == VERSION
    assert not are_current(None)
    assert not are_current(np.array([VERSION + 1, *stored[1:]], np.int32))
    assert not are_current(stored[:1])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("When did she move?", True),
        ("What year did she move in?", True),
        ("How long ago was that?", True),
        ("What did she say?", False),
        ("Whenever", False),
    ],
)
def test_question_asks_when(text: str, expected: bool) -> None:
    """A question for a time is known by its words."""
    assert Question.of(text).asks_when is expected


def test_question_of_any_length() -> None:
    """Only the beginning of a question is read, and each word once."""
    question = Question.of("tea " * 10_000 + "milk")
    assert question.terms == tuple(term_numbers(["tea"]))
