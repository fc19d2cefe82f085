"""Paths and values of the context."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from muxi.core.memory.facts import UNTOLD
from muxi.core.memory.paths import MAX_KEYS, MAX_PATH, above, checked_path, keys_of, path_of, span_below
from muxi.core.memory.values import MAX_BYTES, checked_value, merging, token, written
from muxi.errors import InvalidContextError

KEYS = st.lists(
    st.text(st.sampled_from("ab.\\-é/ 1"), min_size=1, max_size=6).filter(str.strip), min_size=1, max_size=5
)


@given(KEYS)
def test_a_path_is_its_keys_and_back(keys: list[str]) -> None:
    """Whatever dots and backslashes are in the keys; and no two lists of keys have one path."""
    path = path_of(keys)
    assert list(keys_of(path)) == keys and checked_path(path) == path


@given(KEYS, KEYS)
def test_what_is_below_a_path_is_a_range(keys: list[str], more: list[str]) -> None:
    """A path lies in the range of another exactly if it is below it."""
    first, last = span_below(path_of(keys))
    assert first <= path_of([*keys, *more]) < last
    is_below = len(more) > len(keys) and more[: len(keys)] == keys
    assert (first <= path_of(more) < last) == is_below
    assert (path_of(keys) in above(path_of(more))) == is_below


def test_escapes() -> None:
    r"""``\.`` is a dot within a key, ``\\`` a backslash; composed and decomposed letters are one key."""
    assert keys_of(checked_path("preferences.notifications")) == ("preferences", "notifications")
    assert keys_of(checked_path(r"hosts.example\.com.port")) == ("hosts", "example.com", "port")
    assert keys_of(checked_path(r"a\\.b")) == ("a\\", "b")
    assert checked_path("cafe\u0301") == checked_path("caf\u00e9")


@pytest.mark.parametrize(
    "path",
    [
        "",
        ".",
        "a..b",
        ".a",
        "a.",
        " ",
        "a. .b",
        "__proto__",
        "a.__proto__.b",
        "constructor",
        "a.prototype",
        r"a\b",
        "a\\",
        "a\nb",
        "a\x00b",
        "\ud800",
        "a" * (MAX_PATH + 1),
        ".".join("a" * (MAX_KEYS + 1)),
        None,
        7,
        b"a",
        ["a"],
    ],
    ids=repr,
)
def test_what_cannot_be_a_path(path: Any) -> None:
    """Empty keys, keys that languages trip over, invisible ones, and what is too deep or too long."""
    with pytest.raises(InvalidContextError):
        checked_path(path)
    if isinstance(path, str) and "." not in path and "\\" not in path:
        with pytest.raises(InvalidContextError):
            merging({path: 1}, UNTOLD)


@pytest.mark.parametrize(
    "value", [None, True, 0, -1.5, "", "naïve 🍵", [], {}, [1, [None, {"a": "b"}]], "\\u0000"], ids=repr
)
def test_any_json_is_a_value(value: Any) -> None:
    """It comes back as it was given."""
    assert checked_value(value) == value


def nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize(
    "value",
    [
        float("nan"),
        [1, float("-inf")],
        object(),
        {1, 2},
        b"x",
        "\x00",
        "\ud800",
        {"a": "\x00"},
        [{"__proto__": 1}],
        [{"": 1}],
        "x" * MAX_BYTES,
        nested(33),
        nested(5000),
        10**5000,
        "x" * 5_000_000,
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_cannot_be_a_value(value: Any) -> None:
    """What is not JSON, cannot be stored, is over 64 KiB or nested too deep."""
    with pytest.raises(InvalidContextError):
        checked_value(value)


def test_equal_values_are_equal_texts() -> None:
    """Whatever the order of keys; and truth, one and 1.0 are three values."""
    assert written({"b": 1, "a": "é"}) == '{"a":"é","b":1}' == written({"a": "é", "b": 1})
    assert len({token(value) for value in (1, True, 1.0, "1", None, "None", [1], {"1": 1})}) == 8


def test_a_document_is_its_leaves() -> None:
    """Objects are taken apart; lists and empty objects are values; what is not a mapping is no knowledge."""
    knowledge = {"name": "J", "a.b": {"c": [1, {"d": 2}], "e": {}}, "f": None}
    assert [(change.path, change.value) for change in merging(knowledge, UNTOLD)] == [
        ("name", "J"),
        (r"a\.b.c", [1, {"d": 2}]),
        (r"a\.b.e", {}),
        ("f", None),
    ]
    for wrong in (None, "x", ["a"], 7):
        with pytest.raises(InvalidContextError):
            merging(wrong, UNTOLD)
    deep: Any = 1
    for _ in range(MAX_KEYS + 1):
        deep = {"a": deep}
    with pytest.raises(InvalidContextError):
        merging(deep, UNTOLD)
