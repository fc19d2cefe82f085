"""Arrays in Postgres' own text: what they say is read back by its own rules, and rows become one statement."""

from __future__ import annotations

import re

from hypothesis import example, given
from hypothesis import strategies as st

from muxi.storage.databases.postgres_arrays import array_text, insertion

TEXTS = st.lists(st.one_of(st.none(), st.text()))
# An element is NULL, or in quotes, where a backslash takes the next character as it is.
ELEMENT = re.compile(r'NULL|"(?:[^"\\]|\\.)*"', re.DOTALL)


def read(array: str) -> list[str | None]:
    """As Postgres reads it (`array_in`); nothing but commas may stand between elements."""
    inside = array[1:-1]
    elements = ELEMENT.findall(inside)
    assert (array[0], array[-1], ",".join(elements)) == ("{", "}", inside)
    return [None if one == "NULL" else re.sub(r"\\(.)", r"\1", one[1:-1], flags=re.DOTALL) for one in elements]


@given(TEXTS)
@example(['","', "\\", '"', "", "NULL", "{}", "a\0b"])
@example([None, "\0"])
@example(["\0"])
def test_read_back(values: list[str | None]) -> None:
    """Quotes, backslashes, commas, the word NULL, and a character that stands between others."""
    assert read(array_text(values)) == values


def test_numbers_and_nothing() -> None:
    """Numbers are written as text is; an empty list is an empty array."""
    assert (array_text([1, -2]), array_text([])) == ('{"1","-2"}', "{}")


def test_cells_that_are_all_alike_are_said_once() -> None:
    """An array for each column whose cells differ, one value for each other."""
    types = {"formation_id": "text", "seq": "bigint", "at": "timestamp with time zone"}
    statement, cells = insertion("audit", ("formation_id", "seq", "at"), types, [("f", 1, "now"), ("f", 2, "now")])
    assert statement == (
        "INSERT INTO audit (formation_id, seq, at) SELECT CAST(%(all_formation_id)s AS text), seq,"
        " CAST(%(all_at)s AS timestamp with time zone) FROM unnest(CAST(%(all_seq)s AS bigint[])) AS r (seq)"
    )
    assert cells == {"all_formation_id": "f", "all_seq": '{"1","2"}', "all_at": "now"}


def test_one_row() -> None:
    """Every column is an array of one."""
    statement, cells = insertion("audit", ("seq", "at"), {"seq": "bigint", "at": "text"}, [(1, "now")])
    assert statement.endswith(
        "SELECT seq, at FROM unnest(CAST(%(all_seq)s AS bigint[]), CAST(%(all_at)s AS text[])) AS r (seq, at)"
    )
    assert cells == {"all_seq": '{"1"}', "all_at": '{"now"}'}
