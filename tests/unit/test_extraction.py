"""What the rules make of what users say about themselves."""

from __future__ import annotations

import json
import re
import time
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from muxi.core.memory.extraction.extract import extract
from muxi.core.memory.extraction.types import Operation

SAID_AT = datetime(2026, 3, 11, 9, 30, tzinfo=UTC)
HALVES = {
    name: [
        json.loads(line) for line in (Path(__file__).parents[1] / "extraction" / name).read_text("utf-8").splitlines()
    ]
    for name in ("seen.jsonl", "held_out.jsonl")
}
Told = list[tuple[str, str, str | int]]


def told(text: str, *earlier: str) -> Told:
    return [(one.op, one.path, one.value) for one in extract(text, said_at=SAID_AT, earlier=earlier)]


def test_the_specifications_sentence() -> None:
    """The example of the documents gives the city and the allergy, each with the words that say so."""
    text = "I live in Toronto and I'm allergic to cats."
    assert extract(text, said_at=SAID_AT) == [
        Operation("replace", "location.city", "Toronto", 0.9, 0.8, (0, 17)),
        Operation("add", "health.allergies", "cats", 0.95, 0.95, (22, 42)),
    ]


@pytest.mark.parametrize("half", HALVES)
def test_precision_and_recall(half: str) -> None:
    """On both halves of the labelled sentences precision is at least 95 % and recall at least 60 %."""
    right = wrong = missed = 0
    for row in HALVES[half]:
        found = {(op, path, str(value).casefold()) for op, path, value in told(row["text"], *row.get("earlier", []))}
        expected = {(one["op"], one["path"], str(one["value"]).casefold()) for one in row["expect"]}
        right, wrong, missed = (
            right + len(found & expected),
            wrong + len(found - expected),
            missed + len(expected - found),
        )
    assert right / (right + wrong) >= 0.95
    assert right / (right + missed) >= 0.60


def test_the_labelled_set() -> None:
    """There are at least 300 different sentences, and half of them say nothing about their author."""
    rows = [row for half in HALVES.values() for row in half]
    assert len({(row["text"], *row.get("earlier", [])) for row in rows}) == len(rows) >= 300
    assert 0.45 <= sum(not row["expect"] for row in rows) / len(rows) <= 0.55


def test_correction_within_a_message() -> None:
    """A correction in the next sentence follows what it corrects, so that the last value stays."""
    assert told("My budget is $5,000. Actually, make it $6,000.") == [
        ("replace", "budget", "$5,000"),
        ("replace", "budget", "$6,000"),
    ]


def test_corrections_of_corrections() -> None:
    """A second correction corrects the first; the currency stays."""
    assert told("make it 6500", "My budget is $5,000", "thanks", "make it $6,000") == [("replace", "budget", "$6,500")]


AMBIGUOUS = [
    ("make it $6,000",),
    ("make it $6,000", "My food budget is $5,000 and my travel budget is $300"),
    ("make it $6,000", "My budget is $5,000", "Book me a room for $200 a night"),
    ("make it blue", "My budget is $5,000"),
    ("make it $5,000", "My budget is $5,000"),
    ("Make it $6,000?", "My budget is $5,000"),
    ("ok, great", "I like pizza"),
    ("it's great", "I like pizza"),
    ("No, Thanks", "I live in Bern"),
    ("No, Monday", "I work at Acme"),
    ("Actually never mind", "My name is Jon"),
]


@pytest.mark.parametrize("messages", AMBIGUOUS, ids=range(len(AMBIGUOUS)))
def test_ambiguous_corrections(messages: tuple[str, ...]) -> None:
    """A correction that names no path changes nothing unless there is exactly one thing it can mean."""
    text, *earlier = messages
    assert told(text, *earlier) == []


def test_corrections_of_lists_take_the_old_value_out() -> None:
    """In a list the mistaken value goes when the right one comes."""
    assert told("I meant walnuts", "I'm allergic to nuts") == [
        ("remove", "health.allergies", "nuts"),
        ("add", "health.allergies", "walnuts"),
    ]
    assert told("not Bern but Berlin", "I live in Bern") == [("replace", "location.city", "Berlin")]


def test_what_is_no_more_is_removed() -> None:
    """What the user no longer likes, is or does is taken back; moving replaces."""
    assert told("I no longer like coffee") == [("remove", "preferences.likes", "coffee")]
    assert told("I'm no longer allergic to eggs.") == [("remove", "health.allergies", "eggs")]
    assert told("I don't work at Acme anymore") == [("remove", "work.employer", "Acme")]
    assert told("I moved to Lisbon last year") == [("replace", "location.city", "Lisbon")]


def test_days_are_counted_where_the_user_is() -> None:
    """Tomorrow is a date, counted in the user's time zone."""
    late = datetime(2026, 3, 11, 23, 30, tzinfo=UTC)
    [here] = extract("My exam is tomorrow", said_at=late)
    [east] = extract("My exam is tomorrow", said_at=late, time_zone=timezone(timedelta(hours=5)))
    assert (here.value, east.value) == ("2026-03-12", "2026-03-13")


def test_said_twice_is_one() -> None:
    """The same thing said twice is one operation, where it was said last."""
    found = extract("I like tea. I live in Rome. I really like tea!", said_at=SAID_AT)
    assert [(one.path, one.value) for one in found] == [("location.city", "Rome"), ("preferences.likes", "tea")]
    assert found[1].evidence == (28, 45)


def test_going_back_is_the_last_word() -> None:
    """Of three statements about one path the last one is the last operation."""
    assert told("I live in Rome. I live in Nice. I live in Rome.")[-1] == ("replace", "location.city", "Rome")


def test_typographic_apostrophes() -> None:
    """The apostrophes of telephones are apostrophes."""
    assert told("I\u2019m allergic to nuts") == [("add", "health.allergies", "nuts")]


FOREIGN = [
    "Translate this to German: I live in Rome. I work at Acme. I like tea.",
    "> I live in Rome\n> I like tea",
    "```\nI live in Rome\n```",
    "He told me that I live in Rome and I like tea",
    "My therapist says I'm allergic to nuts",
    "Suppose I live in Rome and I work at Acme",
    "User: I live in Rome\nAssistant: I like tea",
    "I like it. I like your answer. I love the color.",
    "My password is [password] and I like [payment card]",
    "Do I live in Rome? Am I a nurse?",
    "If you see my boss, tell him I like tea if he asks",
]


@pytest.mark.parametrize("text", FOREIGN, ids=range(len(FOREIGN)))
def test_the_words_of_others(text: str) -> None:
    """What is quoted, handed over, supposed, asked or cut out is not what the user says about themself."""
    assert told(text) == []


pieces = st.sampled_from(
    [
        *(
            "I",
            "I'm",
            "my",
            "we",
            "like",
            "love",
            "live in",
            "work at",
            "am",
            "a",
            "nurse",
            "Rome",
            "Anna",
            "and",
            "but",
            ",",
        ),
        *(
            ". ",
            "? ",
            ":",
            '"',
            "'",
            "not",
            "no longer",
            "$5,000",
            "budget is",
            "make it",
            "allergic to",
            "name is",
            "wife",
        ),
        *(
            "on",
            "5 May",
            "tomorrow",
            "speak",
            "English",
            "\n",
            "\u2019",
            "\u201c",
            "goal is to",
            "born",
            "I meant",
            "no,",
        ),
    ]
)


@given(st.lists(pieces | st.text(max_size=6), max_size=25), st.lists(pieces | st.text(max_size=6), max_size=8))
@settings(max_examples=400, deadline=None)
def test_any_text(parts: list[str], before: list[str]) -> None:
    """Any text is read without an error; paths are well formed and evidence lies inside the text."""
    text = " ".join(parts)
    for one in extract(text, said_at=SAID_AT, earlier=[" ".join(before)]):
        start, end = one.evidence
        assert 0 <= start < end <= len(text)
        assert re.fullmatch(r"[a-z0-9_]+(?:\.[a-z0-9_]+){0,2}", one.path)
        assert str(one.value).strip() == str(one.value) != ""
        assert "\x00" not in str(one.value) or "\x00" in text
        assert 0 < one.confidence <= 1 and 0 < one.importance <= 1


LONG = [
    *(
        "I'm a ",
        "I like a, ",
        "my name is ",
        "I live in A ",
        "I. ",
        "I'm 5. ",
        '"',
        "'",
        "'i ",
        "I work as a a. ",
        " ",
        "\n",
    ),
    *(
        "```",
        "> ",
        "i said: ",
        "and i ",
        "I like x and ",
        "hi, hello, ",
        "no, sorry, make it ",
        "my wife A ",
        "if ",
        ".a",
    ),
    *(
        "!?",
        "I prefer very ",
        "\u00ab",
        "\u201c",
        "'i\n",
        "write a b c ",
        "A-",
        "I speak English, ",
        "my birthday is 5 May ",
    ),
]


@pytest.mark.parametrize("part", LONG)
def test_long_texts_take_no_time(part: str) -> None:
    """100 kB of what a rule begins with takes a bounded time, as one sentence and as many."""
    for repeated in (part, (part * 100)[:500] + ". "):
        text = (repeated * 100_000)[:100_000]
        start = time.process_time()
        extract(text, said_at=SAID_AT, earlier=[text])
        assert time.process_time() - start < 10
