"""Rule 1: the normal form of identifiers."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from muxi.core.identity.normal_form import MAX_LENGTH, normal_form
from muxi.errors import InvalidIdentifierError

KEY = b"k" * 32


@pytest.mark.parametrize(
    ("raw", "value", "type"),
    [
        ("alice@ACME.com ", "alice@acme.com", "email"),
        ("Ünal@Straße.de", "ünal@strasse.de", "email"),
        (("Alice@acme.com", "email"), "alice@acme.com", "email"),
        (("Alice@acme.com", "slack"), "Alice@acme.com", "slack"),
        ("U98765ABC", "U98765ABC", ""),
        (("U98765ABC", None), "U98765ABC", ""),
        (("U98765ABC", " Slack "), "U98765ABC", "slack"),
        ({"identifier": 42, "type": "telegram"}, "42", "telegram"),
        ({"identifier": "x"}, "x", ""),
        (42, "42", ""),
        (-1, "-1", ""),
        ("e\u0301", "\u00e9", ""),
        ("a@b", "a@b", ""),
        ("two words", "two words", ""),
    ],
)
def test_normal_forms(raw: object, value: str, type: str) -> None:
    """Each input's value and type."""
    made = normal_form(raw, KEY)
    assert (made.value, made.type) == (value, type)


@pytest.mark.parametrize(
    "raw",
    [
        "", "   ", "\u00a0", "a\x00b", "a\nb", "a\u200bb", "a\u202eb", "\ud800", "x" * (MAX_LENGTH + 1),
        None, True, 1.5, b"x", [], ["a"], ("a",), ("a", "b", "c"), ({}, "slack"), {}, {"id": "x"},
        {"identifier": "x", "kind": "slack"}, {"identifier": None}, ("x", "Two Words"), ("x", 7), ("x", "s" * 33),
        ("not an address", "email"), ("a@b", "email"),
    ],
)  # fmt: skip
def test_what_cannot_be_an_identifier(raw: object) -> None:
    """Everything else is refused by name, never guessed."""
    with pytest.raises(InvalidIdentifierError):
        normal_form(raw, KEY)


@given(st.text(max_size=300))
def test_normalising_twice_is_once(text: str) -> None:
    """What is accepted is in NFC, trimmed, printable, of sane length, and its own normal form."""
    try:
        once = normal_form(text, KEY)
    except InvalidIdentifierError:
        return
    assert once.value == once.value.strip() and once.value.isprintable()
    assert unicodedata.is_normalized("NFC", once.shown) and 0 < len(once.shown) <= MAX_LENGTH
    if once.type == "":
        assert normal_form(once.value, KEY) == once


@given(st.integers())
def test_a_number_is_its_text(number: int) -> None:
    """``int`` becomes ``str``."""
    if len(str(number)) <= MAX_LENGTH:
        assert normal_form(number, KEY) == normal_form(str(number), KEY)


def test_a_secret_is_hashed_and_masked() -> None:
    """Nothing of it but four characters at each end is left; a short one shows nothing."""
    made = normal_form(("sk-0123456789abcdef", "api_key"), KEY)
    assert made.shown == "sk-0…cdef" and "0123456789" not in made.value and len(made.value) == 64
    assert normal_form(("short", "api_key"), KEY).shown == "…"
    assert normal_form(("sk-0123456789abcdef", "api_key"), b"other key").value != made.value
    assert normal_form("sk-0123456789abcdef", KEY).hashed == made.value
