"""Name, nickname, age, birthday, and how to reach the user."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, datetime

from muxi.core.memory.dates import find_dates
from muxi.core.memory.extraction.phrases import NAME
from muxi.core.memory.extraction.types import Claim, Rule
from muxi.core.memory.extraction.vocabulary import COUNTRIES, LANGUAGES, NO_NAMES, REGIONS

EMAIL = r"[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,4}"
PHONE = r"\+?\(?\d[\d ().-]{5,18}\d"
_AFTER_NAME = r"(?=\s*$|\s*[,;(]|\s+(?:and|but|from|btw|by the way|it's|nice|or|-|\u2013|\u2014|here|speaking)(?:\s|$))"
_ADDRESS = r"\d{1,6}[A-Za-z]? [^\n;!?()]{3,100}"
_OLDEST = 120


def is_name(name: str) -> bool:
    """Whether a capitalised word may be a person's name: no people, place, language or mood."""
    first = name.split()[0].lower().strip("'-")
    known = name.lower() in COUNTRIES or name.lower() in REGIONS or first in LANGUAGES or first in NO_NAMES
    return not known and not (name.isupper() and len(name) > 1)


def _name(match: re.Match[str], said_at: datetime) -> Iterator[Claim]:
    if is_name(match["name"]):
        yield Claim("replace", "name", match["name"])


def _nickname(match: re.Match[str], said_at: datetime) -> Iterator[Claim]:
    if is_name(match["name"]):
        yield Claim("replace", "nickname", match["name"])


def _age(match: re.Match[str], said_at: datetime) -> Iterator[Claim]:
    if 5 <= int(match["age"]) <= _OLDEST:
        yield Claim("replace", "age", int(match["age"]))


def birthday_in(text: str, said_at: datetime, *, from_start: int = 0) -> tuple[str, int] | None:
    """A day of birth at a place of a text, and where it ends: ``1990-05-05``, or ``--05-05`` without a year."""
    for span in find_dates(text, said_at, lean="future"):
        near = re.fullmatch(r"(?:on|the|\s)*", text[min(from_start, span.start) : span.start], re.IGNORECASE)
        if span.start < from_start - 3 or not near or span.first_day != span.last_day:
            continue
        day = span.first_day
        year_told = re.search(r"(?:19|20)\d\d", text[span.start : span.end])
        return (day.isoformat() if year_told else f"--{day:%m-%d}"), span.end
    return None


def _birthday(match: re.Match[str], said_at: datetime) -> Iterator[Claim]:
    found = birthday_in(match.string, said_at, from_start=match.end())
    if found:
        yield Claim("replace", "birthday", found[0], end=found[1])


def _birthday_today(match: re.Match[str], said_at: datetime) -> Iterator[Claim]:
    today: date = said_at.date()
    yield Claim("replace", "birthday", f"--{today:%m-%d}")


def _birth_year(match: re.Match[str], said_at: datetime) -> Iterator[Claim]:
    if said_at.year - _OLDEST <= int(match["year"]) <= said_at.year:
        yield Claim("replace", "birthday", match["year"])


def _email(match: re.Match[str], said_at: datetime) -> Iterator[Claim]:
    yield Claim("replace", "contact.email", match["email"].rstrip("."))


def _phone(match: re.Match[str], said_at: datetime) -> Iterator[Claim]:
    if 7 <= sum(map(str.isdecimal, match["phone"])) <= 15:
        yield Claim("replace", "contact.phone", match["phone"].strip())


def _address(match: re.Match[str], said_at: datetime) -> Iterator[Claim]:
    yield Claim("replace", "contact.address", re.sub(r"\s(?:and|but|so)\s.*", "", match["address"]).strip(" .,"))


_MY_NAME = r"my (?:full |first |real |given )?name(?:'s| is| is now|:)"
RULES = (
    Rule(rf"{_MY_NAME} (?:actually |really )?(?P<name>{NAME}){_AFTER_NAME}", _name, 0.95),
    Rule(rf"{_MY_NAME} (?P<name>(?-i:[a-z]{{3,15}}))(?=\s*$|\s*,)", _name, 0.8),
    Rule(rf"my name (?:is not|isn't) {NAME},? (?:but|it's|it is) (?P<name>{NAME})", _name, 0.95),
    Rule(rf"(?:the )name(?:'s| is) (?P<name>{NAME})\s*$", _name, 0.85),
    Rule(rf"(?:i'm|i am) called (?P<name>{NAME}){_AFTER_NAME}", _name, 0.9),
    Rule(rf"(?:i'm|i am|im) (?P<name>{NAME}){_AFTER_NAME}", _name, 0.85),
    Rule(rf"this is (?P<name>{NAME})(?= from | here\b| speaking\b)", _name, 0.85),
    Rule(
        rf"(?:you (?:can|may) |just |please )?call me (?P<name>{NAME})\s*(?=$|,|please|from now on|instead)", _nickname
    ),
    Rule(
        rf"(?:everyone|everybody|people|(?:my )?friends|they all|most people|folks) calls? me (?P<name>{NAME})",
        _nickname,
    ),
    Rule(rf"i (?:usually |mostly |just )?go by (?P<name>{NAME})", _nickname),
    Rule(
        r"(?:i'm|i am|im) (?:now |currently |already )?(?P<age>\d{1,3})(?:\s?-?\s?(?:years?[ -]old|yrs? old"
        r"|yo|y/o)\b|\s*$)",
        _age,
    ),
    Rule(r"(?:i'm|i am|im) (?:now |currently )?(?P<age>\d{1,3}),? (?:and|but|so)\b", _age, 0.8),
    Rule(r"(?:i'm|i am|im) an? (?P<age>\d{1,3})[ -]years?[ -]old\b", _age),
    Rule(r"i(?:'ve)? (?:just |recently )?turned (?P<age>\d{1,3})\b(?! (?:degrees|percent|miles|pages))", _age),
    Rule(r"my age is (?P<age>\d{1,3})\b", _age),
    Rule(
        r"(?:my (?:birthday|bday|b-day|birth ?date|date of birth|dob)(?:'s| is|:)|i was born|i'm born)(?: on)?\s",
        _birthday,
    ),
    Rule(r"i was born in (?P<year>(?:19|20)\d\d)\b", _birth_year),
    Rule(r"(?:it's my birthday today|today(?:'s| is) my birthday|my birthday is today)\b", _birthday_today, 0.95),
    Rule(
        rf"my (?:new |current |work |personal |private )?e-?mail(?: address)?(?:'s| is|:)(?: now)? (?P<email>{EMAIL})",
        _email,
        0.95,
    ),
    Rule(
        rf"(?:you can |please |just )?(?:e-?mail|reach|contact|write(?: to)?) me (?:at|on|via"
        rf"|under) (?P<email>{EMAIL})",
        _email,
    ),
    Rule(
        rf"my (?:new |current |work |home |private )?(?:phone|cell|mobile|telephone|cell ?phone|whatsapp)(?: number)?"
        rf"(?:'s| is|:)(?: now)? (?P<phone>{PHONE})",
        _phone,
        0.95,
    ),
    Rule(
        rf"(?:you can |please |just )?(?:call|text|reach|phone|contact|ring) me (?:at|on|under) (?P<phone>{PHONE})",
        _phone,
    ),
    Rule(rf"my (?:new |current |home |postal |street )?address(?:'s| is|:)(?: now)? (?P<address>{_ADDRESS})", _address),
    Rule(rf"i (?:now |currently )?live at (?P<address>{_ADDRESS})", _address),
)
