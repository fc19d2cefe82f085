"""Short corrections: "make it $6,000", "no, I meant Berlin", "not Bern but Berlin"."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import datetime

from muxi.core.memory.extraction.aim_rules import date_after
from muxi.core.memory.extraction.amounts import ABOUT, AMOUNT, amount_text
from muxi.core.memory.extraction.identity_rules import EMAIL, PHONE, birthday_in, is_name
from muxi.core.memory.extraction.phrases import NAME, ORGANISATION, PLACE, thing
from muxi.core.memory.extraction.place_rules import is_place, location_path
from muxi.core.memory.extraction.sentences import Sentence
from muxi.core.memory.extraction.types import Operation, Value, importance_of
from muxi.core.memory.extraction.vocabulary import NO_NAMES

_CONFIDENCE = 0.8
# "No, Berlin" takes back; "ok, great" does not, unless it goes on with "make it ...".
_TAKES_BACK = (
    r"(?:(?:no|nope|sorry|wait|oops|ups|actually|correction|my mistake|my bad|scratch that|or rather|rather"
    r"|on second thought)[,.:!]*\s+)"
)
_LEADS_OVER = r"(?:(?:well|ok|okay|hm+|oh|ah|and|but|yes|yeah|thanks)[,.:!]*\s+)"
_PLAINLY = (
    r"(?P<plainly>(?:let's )?(?:make|change|set) (?:it|that)(?: to)?|i mean|i meant|i meant to say|i wanted to say"
    r"|not [^,.]{1,40}? but(?: rather)?|not [^,.]{1,40}, (?:it's )?)"
)
_IT_IS = (
    rf"(?:{_PLAINLY}|let's say|let's do|it's|its|it is|it should be|that should be|that's|should be|spelled"
    r"|it's spelled|rather)"
)
_FORM = re.compile(
    rf"(?:(?:{_TAKES_BACK}|{_LEADS_OVER}){{0,4}}{_IT_IS}\s|{_TAKES_BACK}{{1,4}})(?:(?:in|at|to|for|on|from)\s)?"
    r"(?P<new>[^\s].{0,79}?)(?:,?\s(?:instead|please|then|not .{1,40}|with .{1,40})){0,2}\s*$",
    re.IGNORECASE,
)
_SHORT = 12
_FEW = 4
_ANSWERS = {"wait", "stop", "really", "exactly", "correct", "right", "wrong", "cool", "nice", "hmm", "thank you"}


def leaves_standing(text: str) -> bool:
    """Whether a text only leads over ("ok, thanks", "I changed my mind"): what was said before it can be corrected."""
    return len(text.split()) <= _FEW and not any(map(str.isdecimal, text))


def may_correct(sentence: Sentence) -> bool:
    """Whether a sentence has the form of a short correction, whatever it may correct."""
    return _form_of(sentence) is not None


def _form_of(sentence: Sentence) -> re.Match[str] | None:
    short = "?" not in sentence.mark and len(sentence.text.split()) <= _SHORT
    return _FORM.match(sentence.text) if short else None


def corrected(sentence: Sentence, known: Sequence[Operation], said_at: datetime) -> list[Operation]:
    """The operations of a short correction, if what was known leaves one way to read it; else none.

    Args:
        sentence: of the message that may correct.
        known: what the message or sentence before said.
        said_at: when, in the user's time zone.
    """
    match = _form_of(sentence)
    if not known or not match:
        return []
    new = match["new"].strip(" '\"")
    readings = [
        (operation, value)
        for operation in known
        if operation.op != "remove"
        and (match["plainly"] or not _is_thing(operation.path))
        and (value := _read_as(operation, new, said_at)) is not None
    ]
    if len(readings) != 1 or readings[0][1] == readings[0][0].value:
        return []
    operation, value = readings[0]
    evidence = (sentence.start, sentence.start + len(sentence.text))
    return _replacing(operation, value, evidence)


def _replacing(old: Operation, value: Value, evidence: tuple[int, int]) -> list[Operation]:
    path = old.path
    if path in {"location.city", "location.region", "location.country"}:
        path = location_path(str(value))
    if old.op == "replace":
        return [Operation("replace", path, value, _CONFIDENCE, importance_of(path), evidence)]
    return [
        Operation("remove", path, old.value, _CONFIDENCE, importance_of(path), evidence),
        Operation("add", path, value, _CONFIDENCE, importance_of(path), evidence),
    ]


def _read_as(operation: Operation, new: str, said_at: datetime) -> Value | None:
    """What the new words mean at the path of an operation; nothing if they cannot stand there."""
    for prefix, reader in _READERS:
        if operation.path == prefix or operation.path.startswith(f"{prefix}."):
            return reader(new, operation, said_at)
    return None


def _is_thing(path: str) -> bool:
    """Whether any noun may stand at a path: then "it's great" must not be read as a correction."""
    return path.startswith(_OF_THINGS)


def _may_be(name: str) -> bool:
    return name.lower() not in NO_NAMES | _ANSWERS


def _may_be_named(name: str) -> bool:
    return _may_be(name) and is_name(name)


def _amount(new: str, operation: Operation, said_at: datetime) -> Value | None:
    match = re.fullmatch(ABOUT + AMOUNT, new, re.IGNORECASE)
    if not match:
        return None
    amount = amount_text(match)
    if amount[0].isdigit() and not amount[-1].isalpha() and not str(operation.value)[0].isdigit():
        amount = str(operation.value)[0] + amount  # "make it 6000": the currency stays
    return amount


def _day(new: str, operation: Operation, said_at: datetime) -> Value | None:
    found = birthday_in(new, said_at) if operation.path == "birthday" else date_after(new, 0, said_at)
    return found[0] if found and found[1] >= len(new) - 1 else None


def _age(new: str, operation: Operation, said_at: datetime) -> Value | None:
    return int(new) if re.fullmatch(r"\d{1,3}", new) else None


def _fully(pattern: str, accepted: Callable[[str], bool] = bool) -> Reader:
    form = re.compile(pattern, re.IGNORECASE)

    def read(new: str, operation: Operation, said_at: datetime) -> Value | None:
        return new if form.fullmatch(new) and accepted(new) else None

    return read


def _thing(new: str, operation: Operation, said_at: datetime) -> Value | None:
    found = thing(new, 0)
    return found[0] if found and found[1] == len(new) and len(found[0].split()) <= 3 else None


_OF_THINGS = ("health.allergies", "preferences.likes", "preferences.dislikes", "preferences.favourites")
Reader = Callable[[str, Operation, datetime], Value | None]
_READERS: tuple[tuple[str, Reader], ...] = (
    ("budget", _amount),
    ("budgets", _amount),
    ("birthday", _day),
    ("events", _day),
    ("age", _age),
    ("name", _fully(NAME, _may_be_named)),
    ("nickname", _fully(NAME, _may_be_named)),
    ("relations", _fully(NAME, _may_be_named)),
    ("pets", _fully(NAME, _may_be_named)),
    ("location", _fully(PLACE, lambda name: _may_be(name) and is_place(name))),
    ("work.employer", _fully(ORGANISATION, _may_be)),
    ("education.school", _fully(ORGANISATION, _may_be)),
    ("contact.email", _fully(EMAIL)),
    ("contact.phone", _fully(PHONE)),
    *((path, _thing) for path in _OF_THINGS),
)
