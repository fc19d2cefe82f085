"""What must not be remembered, and what is no secret though it looks like one."""

from __future__ import annotations

import time
from datetime import datetime

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from muxi.core.memory.private import Redacted, redact

GAPS = ["", " ", "  ", "-", " - ", "\u00a0", "\u2009", "\u2013", "\u200b", "\n", "\t", "."]
CARD_BEGINNINGS = ["4", "51", "55", "2221", "2720", "34", "37", "6011", "65", "62", "3528", "36", "5018", "2200"]
IBANS = [
    *("DE89370400440532013000", "GB82WEST12345698765432", "FR1420041010050500013M02606", "NO9386011117947"),
    *("NL91ABNA0417164300", "CH9300762011623852957", "ES9121000418450200051332", "IT60X0542811101000000123456"),
    *("MT84MALT011000012345MTLCAST001S", "SA0380000000608010167519", "BR1800360305000010009795493C1"),
]
words = st.text(alphabet=st.sampled_from(" abcdefgXYZ.,!?()'\u00e4\u4e2d\n"), max_size=30)


def luhn_digit(digits: str) -> str:
    """The digit that makes a number pass the Luhn check."""
    doubled = sum(sum(divmod(2 * int(digit), 10)) for digit in digits[-1::-2])
    return str(-(doubled + sum(map(int, digits[-2::-2]))) % 10)


@st.composite
def cards(draw: st.DrawFn) -> str:
    beginning = draw(st.sampled_from(CARD_BEGINNINGS))
    length = draw(st.sampled_from([13, 14, 15, 16, 17, 18, 19]))
    rest = draw(
        st.text(alphabet="0123456789", min_size=length - 1 - len(beginning), max_size=length - 1 - len(beginning))
    )
    return beginning + rest + luhn_digit(beginning + rest)


@st.composite
def spaced(draw: st.DrawFn, values: st.SearchStrategy[str]) -> str:
    """A value with anything that people put between its characters, or nothing."""
    value = draw(values)
    gaps = draw(st.lists(st.sampled_from(GAPS), min_size=len(value) - 1, max_size=len(value) - 1))
    return "".join(character + gap for character, gap in zip(value, [*gaps, ""], strict=True))


def bare(text: str) -> str:
    return "".join(character for character in text if character.isalnum())


@given(before=words, card=spaced(cards()), after=words)
@settings(max_examples=300, deadline=None)
def test_no_card_gets_through(before: str, card: str, after: str) -> None:
    """A card number is cut out, however it is spaced."""
    told = redact(f"{before} {card} {after}")
    assert "payment card" in told.kinds
    assert bare(card) not in bare(told.text)


def test_many_single_dots_are_a_card_and_one_is_a_number() -> None:
    """Dots between groups hide no card, and a decimal number is none."""
    assert redact("4111.1111.1111.1111").text == "[payment card]"
    assert redact("3.141592653589793 and 4.111111111111111").kinds == ()


@given(before=words, iban=spaced(st.sampled_from(IBANS)), lower=st.booleans(), after=words)
@settings(max_examples=300, deadline=None)
def test_no_iban_gets_through(before: str, iban: str, lower: bool, after: str) -> None:
    """An IBAN is cut out, however it is spaced and in either letter case."""
    told = redact(f"{before} {iban.lower() if lower else iban} ({after}")
    assert told.kinds == ("bank account",)
    assert bare(iban).lower() not in bare(told.text).lower()


def test_an_iban_ends_where_it_ends() -> None:
    """The words after an IBAN are kept, and a wrong check digit is no IBAN."""
    assert redact("to DE89 3704 0044 0532 0130 00 is mine").text == "to [bank account] is mine"
    assert redact("to DE88 3704 0044 0532 0130 00 is mine").kinds == ()


SECRETS = [
    ("use sk-abcdefghijklmnop1234", "use [api key]"),
    ("use sk-ant-" + "api03-" + "a1B2" * 5 + " now", "use [api key] now"),
    ("ghp_ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", "[api key]"),  # pragma: allowlist secret
    ("github_pat_11ABCDEFG0123456789_abcdefghij", "[api key]"),  # pragma: allowlist secret
    ("key AKIAIOSFODNN7EXAMPLE", "key [api key]"),  # pragma: allowlist secret
    ("xoxb-123456789012-abcdefGHIJ", "[api key]"),  # pragma: allowlist secret
    ("sk_live_abcdefghij1234567890", "[api key]"),  # pragma: allowlist secret
    ("AIzaSyA1234567890abcdefghijklmnopqrstuv", "[api key]"),  # pragma: allowlist secret
    ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln", "[api key]"),  # pragma: allowlist secret
    ("123456789:AAabcdefghijklmnopqrstuvwxyz0123456", "[api key]"),  # pragma: allowlist secret
    ("Authorization: Bearer abc123def456ghi789", "Authorization: Bearer [api key]"),
    ("my api key is a1b2c3d4e5f6g7h8", "my api key is [api key]"),
    ("postgres://anna:hunter2@db/x", "postgres://anna:[password]@db/x"),  # pragma: allowlist secret
    # pragma: allowlist nextline secret
    ("a -----BEGIN RSA PRIVATE KEY-----\nMIIEowIBAAKCAQEA\n-----END RSA PRIVATE KEY----- b", "a [private key] b"),
    # pragma: allowlist nextline secret
    ("-----BEGIN PRIVATE KEY-----\nMIIEowIBAAKCAQEAabcd\ncut off", "[private key]\ncut off"),
    ("My password is hunter2.", "My password is [password]."),
    ("password: Tr0ub4dor&3", "password: [password]"),
    ("my wifi password is correct horse battery staple, ok?", "my wifi password is [password], ok?"),
    ("the password for netflix is 'open sesame'", "the password for netflix is '[password]'"),
    ("my PIN is 4321", "my PIN is [password]"),
    ("cvv 123", "cvv [card code]"),
    ("security code: 4567", "security code: [card code]"),
    ("my ssn is 123-45-6789", "my ssn is [national id]"),
    ("536-90-4399", "[national id]"),
    ("passport number X1234567 ok", "passport number [national id] ok"),
    ("AB 12 34 56 C", "[national id]"),
    ("CPF 390.533.447-05", "CPF [national id]"),
    ("RSSMRA85T10A562S", "[national id]"),
    ("DNI 12345678Z", "DNI [national id]"),
    ("756.9217.0769.85", "[national id]"),
    ("131052-308T", "[national id]"),
    ("card 4111 1111 1111 1111, exp 12/27", "card [payment card], exp 12/27"),
    ("visa4111111111111111", "visa[payment card]"),
    ("\uff14\uff11\uff11\uff11 1111 1111 1111", "[payment card]"),
]


@pytest.mark.parametrize(("text", "left"), SECRETS, ids=range(len(SECRETS)))
def test_secrets(text: str, left: str) -> None:
    """Keys, passwords and ids are replaced by what they are, and nothing else is."""
    assert redact(text).text == left


HARMLESS = [
    "My budget is $5,000 and I was born on 1988-03-12.",
    "Open from 2024-05-01 2024-05-09 to 30.05.2024 31.05.2024",
    "Call +44 20 7946 0958, (415) 555-0134 or 0049 30 12345678 at 12:30.",
    "In 2023 we sold 1,234,567 units at 99.95; pi is 3.14159.",
    "The timestamp 1700000000000 and the user <@175928847299117063>",
    "the address 192.168.100.200:8080 in version 10.2.33",
    "My password is not working, and the password was changed.",
    "I forgot my password. Is the password required?",
    "The key is to keep going, and the secret is patience.",
    "My passport is at home, my tax id is pending.",
    "Tell me 10 things about the weather in Berlin, be it good.",
    "4111 1111 1111 1112",
    "pin it to the wall; the task is done-by-friday-afternoon",
]


@pytest.mark.parametrize("text", HARMLESS, ids=range(len(HARMLESS)))
def test_harmless(text: str) -> None:
    """Ordinary numbers, dates, telephone numbers and talk about passwords stay."""
    assert redact(text) == Redacted(text, ())


@given(st.integers(0, 999_999_999_999), st.sampled_from(["{}", "{:,}", "no. {}", "${:,}.50", "+{}"]))
@settings(deadline=None)
def test_short_numbers_stay(number: int, form: str) -> None:
    """A number of up to twelve digits is no card."""
    text = form.format(number)
    assert redact(text) == Redacted(text, ())


FORMS = ["%Y-%m-%d", "%Y-%m-%d %H:%M:%S", "%d.%m.%Y", "%d %B %Y", "%Y-%m-%d %Y-%m-%d", "%d.%m.%Y %d.%m.%Y"]


@given(st.datetimes(datetime(1900, 1, 1), datetime(2099, 12, 31)), st.sampled_from(FORMS))
@settings(deadline=None)
def test_dates_stay(when: datetime, form: str) -> None:
    """Dates, also two in a row, are no card and no id."""
    text = when.strftime(form)
    assert redact(text) == Redacted(text, ())


parts = st.sampled_from(
    [
        *IBANS,
        "4111 1111 1111 1111",
        "my password is ",
        "hunter2",
        "[password]",
        "ssn ",
        "123-45-6789",
        "key: ",
        " ",
        "is ",
    ]
)


@given(st.lists(parts | words, max_size=12).map("".join))
@example("pwpassword: \n[password] is [api key]")
@settings(max_examples=300, deadline=None)
def test_twice_is_once(text: str) -> None:
    """Redacting what was redacted changes nothing and finds nothing."""
    told = redact(text)
    assert redact(told.text) == Redacted(told.text, ())


LONG = [
    # pragma: allowlist nextline secret
    *("1 ", "4 ", "4111 ", "DE12 ", "d e 1 2 ", "password is ", "-----BEGIN PRIVATE KEY-----", "a", "1", "eyJ", "ssn "),
    *("key is ", "://", "sk-", "A1", "1-", " ", "password for a ", "ssn is 1a", "api key", "pin is 1 ", "[", "\u200b1"),
]


@pytest.mark.parametrize("part", LONG)
def test_long_texts_take_no_time(part: str) -> None:
    """100 kB of anything that a pattern begins with takes a bounded time."""
    text = (part * 100_000)[:100_000]
    start = time.process_time()
    redact(text)
    assert time.process_time() - start < 10
