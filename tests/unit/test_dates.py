"""Days named in text, relative to when it was said."""

from __future__ import annotations

import time
from datetime import UTC, date, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from muxi.core.memory.dates import DateSpan, find_dates

WEDNESDAY = datetime(2026, 3, 11, 9, 30, tzinfo=UTC)

DAYS = [
    ("today", "2026-03-11"),
    ("tonight", "2026-03-11"),
    ("tomorrow", "2026-03-12"),
    ("the day after tomorrow", "2026-03-13"),
    ("yesterday", "2026-03-10"),
    ("the day before yesterday", "2026-03-09"),
    ("last night", "2026-03-10"),
    ("on Friday", "2026-03-13"),
    ("this Friday", "2026-03-13"),
    ("next Friday", "2026-03-20"),
    ("Friday next week", "2026-03-20"),
    ("last Friday", "2026-03-06"),
    ("next Monday", "2026-03-16"),
    ("last Wednesday", "2026-03-04"),
    ("on Wednesday", "2026-03-18"),
    ("this Wednesday", "2026-03-11"),
    ("5 May", "2026-05-05"),
    ("the 5th of May", "2026-05-05"),
    ("May 5th", "2026-05-05"),
    ("may 5, 2027", "2027-05-05"),
    ("Feb. 3", "2027-02-03"),
    ("29 February", "2028-02-29"),
    ("2026-05-05", "2026-05-05"),
    ("05.05.2026", "2026-05-05"),
    ("31/12/2026", "2026-12-31"),
    ("12/31/2026", "2026-12-31"),
    ("three days ago", "2026-03-08"),
    ("in three days", "2026-03-14"),
    ("10 days from now", "2026-03-21"),
]


@pytest.mark.parametrize(("text", "day"), DAYS)
def test_days(text: str, day: str) -> None:
    """Each documented form of a day is read as that day, from its first letter to its last."""
    expected = date.fromisoformat(day)
    assert find_dates(text, WEDNESDAY) == [DateSpan(0, len(text), expected, expected)]


LONGER = [
    ("two weeks ago", "2026-02-23", "2026-03-01"),
    ("next week", "2026-03-16", "2026-03-22"),
    ("last weekend", "2026-03-07", "2026-03-08"),
    ("this month", "2026-03-01", "2026-03-31"),
    ("a couple of months ago", "2026-01-01", "2026-01-31"),
    ("three years ago", "2023-01-01", "2023-12-31"),
    ("last year", "2025-01-01", "2025-12-31"),
    ("in 2023", "2023-01-01", "2023-12-31"),
    ("May 2023", "2023-05-01", "2023-05-31"),
    ("in May", "2026-05-01", "2026-05-31"),
    ("last May", "2025-05-01", "2025-05-31"),
    ("next March", "2027-03-01", "2027-03-31"),
    ("last summer", "2025-06-01", "2025-08-31"),
    ("the winter of 2022", "2022-12-01", "2023-02-28"),
]


@pytest.mark.parametrize(("text", "first", "last"), LONGER)
def test_longer_spans(text: str, first: str, last: str) -> None:
    """Weeks, months, seasons and years are as long as they are."""
    [span] = find_dates(text, WEDNESDAY)
    assert (span.first_day.isoformat(), span.last_day.isoformat()) == (first, last)


def test_past_and_future() -> None:
    """A bare weekday or a date without a year lies where the sentence or the caller says."""
    assert find_dates("I went there on Friday", WEDNESDAY)[0].first_day == date(2026, 3, 6)
    assert find_dates("What did I do on 5 May?", WEDNESDAY)[0].first_day == date(2025, 5, 5)
    assert find_dates("I go there on Friday", WEDNESDAY)[0].first_day == date(2026, 3, 13)
    assert find_dates("on Friday", WEDNESDAY, lean="past")[0].first_day == date(2026, 3, 6)


NO_DATES = [
    "I may go, march on, and sit in the sun for a second",
    "3/4/2024",
    "$5 May",
    "31 April",
    "version 10.2.2033.1 of 2026-13-45",
    "I have 2 dogs and 5 cats at 42 Elm Avenue",
    "August Street and April Smith",
    "Fridays and weekends",
]


@pytest.mark.parametrize("text", NO_DATES)
def test_no_dates(text: str) -> None:
    """Words that only look like dates, days that do not exist and days that could be two are left out."""
    assert find_dates(text, WEDNESDAY) == []


def test_the_day_is_that_of_who_said_it() -> None:
    """Today is the date in the time zone that the time comes with."""
    late = datetime.fromisoformat("2026-03-11T23:30:00-05:00")
    assert find_dates("today", late)[0].first_day == date(2026, 3, 11)
    assert find_dates("today", late.astimezone(UTC))[0].first_day == date(2026, 3, 12)


pieces = st.sampled_from(
    [
        "next ",
        "last ",
        "Friday",
        "5 ",
        "May ",
        "31 ",
        "February ",
        "in ",
        "weeks ago",
        "2026",
        "-",
        "/",
        ".",
        "9999 ",
        "years ",
    ]
)


@given(st.lists(pieces | st.text(max_size=5), max_size=12).map("".join), st.datetimes())
@settings(max_examples=300, deadline=None)
def test_any_text_at_any_time(text: str, said_at: datetime) -> None:
    """Any text at any time gives spans inside the text, in order, without overlap, first day before last."""
    end = 0
    for span in find_dates(text, said_at):
        assert end <= span.start < span.end <= len(text)
        assert span.first_day <= span.last_day
        end = span.end


@pytest.mark.parametrize(
    "part", ["in 5 weeks ago ", "5 May ", "1", "a couple of ", "may ", ". ", " ", "on ", "did 5 may "]
)
def test_long_texts_take_no_time(part: str) -> None:
    """100 kB of what a form begins with takes a bounded time."""
    text = (part * 100_000)[:100_000]
    start = time.process_time()
    find_dates(text, WEDNESDAY)
    assert time.process_time() - start < 10
