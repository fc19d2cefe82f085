"""The people and animals in the user's life, by name."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime

from muxi.core.memory.extraction.identity_rules import is_name
from muxi.core.memory.extraction.phrases import NAME
from muxi.core.memory.extraction.types import Claim, Rule
from muxi.core.memory.extraction.vocabulary import MANY_OF, ONE_OF, PETS

_PEOPLE = "|".join(sorted((re.escape(word) for word in {**ONE_OF, **MANY_OF}), key=len, reverse=True))
_KIN = (
    rf"(?:(?:best|older|younger|elder|little|big|twin|oldest|youngest|eldest|good|close|dear|new) )?(?P<kin>{_PEOPLE})"
)
_PET = rf"(?P<pet>{'|'.join(sorted(PETS))})"
_PLURALS = {"kids": "child", "children": "child", "sons": "son", "daughters": "daughter", "brothers": "brother"}
_PLURALS |= {"sisters": "sister", "friends": "friend", "twins": "child"}
_NAMED = r"(?:named|called|by the name of|whose name is)"
_NAME = rf"(?P<name>{NAME})"
# One given name: what follows a relation without "is" may be a sentence that goes on.
_ONE_NAME = r"(?P<name>(?-i:[A-Z][a-z\u00df-\u00ff'-]{1,20}(?: [A-Z][a-z\u00df-\u00ff'-]{1,20})?))"
_AFTER = (
    r"(?=\s*$|\s*[,;.)(]|\s+(?:and|but|who|is|was|has|loves|likes|lives|works|will|would|for|with|at|in"
    r"|from|me|to|starts?)\b|\s[a-z]+s\b)"
)


def _person(match: re.Match[str], said_at: datetime) -> Iterator[Claim]:
    word = match["kin"].lower()
    if not is_name(match["name"]):
        return
    if word in ONE_OF:
        yield Claim("replace", f"relations.{ONE_OF[word]}.name", match["name"])
    else:
        yield Claim("add", f"relations.{MANY_OF[word]}.names", match["name"])


def _people(match: re.Match[str], said_at: datetime) -> Iterator[Claim]:
    names = re.split(r",? and |, ", match["names"])
    if all(map(is_name, names)):
        kind = _PLURALS[match["plural"].lower()]
        yield from (Claim("add", f"relations.{kind}.names", name) for name in names)


def _spouse(match: re.Match[str], said_at: datetime) -> Iterator[Claim]:
    if is_name(match["name"]):
        kind = {"married": "spouse", "engaged": "fiance"}.get(match["bond"].lower(), "partner")
        yield Claim("replace", f"relations.{kind}.name", match["name"])


def _pet(match: re.Match[str], said_at: datetime) -> Iterator[Claim]:
    if is_name(match["name"]):
        yield Claim("add", f"pets.{match['pet'].lower()}.names", match["name"])


RULES = (
    Rule(
        rf"(?:my|our) {_KIN}(?:'s name is|s name is|'s called| is called| is named|'s named|, (?:named"
        rf"|called)) {_NAME}",
        _person,
        0.95,
    ),
    Rule(rf"(?:the )?name of my {_KIN} is {_NAME}", _person),
    Rule(rf"(?:my|our) {_KIN} is {_NAME}(?=\s*$|\s*[,;.]|\s+and\s)", _person, 0.85),
    Rule(rf"(?:my|our) {_KIN},? {_ONE_NAME}{_AFTER}", _person, 0.85),
    Rule(rf"(?:i|we|i've|we've) (?:have|got|have got) (?:a|an|one|another) (?:\w+ )?{_KIN} {_NAMED} {_NAME}", _person),
    Rule(
        rf"(?:my|our) (?P<plural>{'|'.join(_PLURALS)})(?: are(?: called| named)?|' names are|'s names are"
        rf"|,) (?P<names>{NAME}(?:, {NAME}){{0,5}},? and {NAME})",
        _people,
    ),
    Rule(rf"(?:i'm|i am|im) (?P<bond>married|engaged) to {_NAME}", _spouse),
    Rule(rf"(?:i'm|i am|im) (?P<bond>dating|seeing) (?:someone (?:called|named) )?{_NAME}", _spouse, 0.8),
    Rule(rf"(?:my|our) (?:\w+ )?{_PET}(?:'s name is|s name is|'s called| is called| is named|,) {_NAME}", _pet),
    Rule(rf"(?:my|our) {_PET} {_ONE_NAME}{_AFTER}", _pet, 0.85),
    Rule(
        rf"(?:i|we|i've|we've) (?:have|got|have got|adopted|own) (?:a|an) (?:\w+ ){{0,2}}{_PET} {_NAMED} {_NAME}", _pet
    ),
)
#: Looked for anywhere in a statement: naming somebody as one's own needs no sentence of its own.
ANYWHERE = (Rule(rf"\b(?:for|with|and|to|from|by) my {_KIN},? {_ONE_NAME}{_AFTER}", _person, 0.8),)
