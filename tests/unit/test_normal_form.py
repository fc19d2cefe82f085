"""Rule 1: the normal form of identifiers."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from muxi.core.identity.kinds import DEFAULT_REFUSED, KNOWN, Kinds
from muxi.core.identity.normal_form import MAX_LENGTH
from muxi.errors import InvalidIdentifierError

KEY = b"k" * 32
normal_form = Kinds().normal_form


@pytest.mark.parametrize(
    ("raw", "value", "type"),
    [
        ("alice@ACME.com ", "alice@acme.com", "email"),
        ("Ünal@Straße.de", "ünal@straße.de", "email"),
        (("Alice@acme.com", "email"), "alice@acme.com", "email"),
        (("Alice@acme.com", "slack"), "Alice@acme.com", "slack"),
        ("U98765ABC", "U98765ABC", ""),
        (("U98765ABC", None), "U98765ABC", ""),
        (("U98765ABC", " Slack "), "U98765ABC", "slack"),
        ({"identifier": 42, "type": "telegram"}, "42", "telegram"),
        ({"identifier": "x"}, "x", ""),
        (42, "42", ""),
        (-2, "-2", ""),
        ("e\u0301", "\u00e9", ""),
        ("a@b", "a@b", ""),
        ("two words", "two words", ""),
        ("\uff34wo", "\uff34wo", ""),
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
        ("x", ["slack"]), ("not an address", "email"), ("a@b", "email"), 10**MAX_LENGTH, (10**5000, "slack"),
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


@pytest.mark.parametrize("type", sorted(kind.name for kind in KNOWN if not kind.secret))
@given(text=st.text(max_size=40))
def test_a_typed_normal_form_is_its_own(type: str, text: str) -> None:
    """Whatever a type makes of a text, it makes the same of what it made."""
    written = f"https://id.example.com|{text}" if type == "oidc" else text
    written = f"+4930{''.join(filter(str.isdecimal, text))}" if type == "phone" else written
    written = f"{text}@Example.com" if type == "email" else written
    try:
        once = normal_form((written, type), KEY)
    except InvalidIdentifierError:
        return
    again = normal_form((once.value, type), KEY)
    assert (again.value, again.type) == (once.value, type) and len(once.value) <= MAX_LENGTH


@given(st.integers())
def test_a_number_is_its_text(number: int) -> None:
    """``int`` becomes ``str``."""
    assume(str(number) not in DEFAULT_REFUSED)
    if len(str(number)) <= MAX_LENGTH:
        assert normal_form(number, KEY) == normal_form(str(number), KEY)


def test_an_error_does_not_repeat_what_may_be_a_secret() -> None:
    """A key with a line break is refused by the place of the break."""
    with pytest.raises(InvalidIdentifierError, match="place 7") as error:
        normal_form(("sk-abc\ndef", "api_key"), KEY)
    assert "sk-" not in error.value.message
