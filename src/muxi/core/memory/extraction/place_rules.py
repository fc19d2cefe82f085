"""Where the user lives and comes from."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime

from muxi.core.memory.extraction.phrases import LOWER, PLACE
from muxi.core.memory.extraction.types import Claim, Rule
from muxi.core.memory.extraction.vocabulary import COUNTRIES, NO_PLACES, REGIONS

_HERE = rf"(?P<place>{PLACE}|{LOWER})(?:,\s(?P<wider>{PLACE}))?"
_ADVERB = r"(?:(?:currently|now|still|actually|also|just|recently|finally|permanently|happily|mostly) ){0,2}"
_HOME = r"(?: (?:back|over|out|up|down))?"


def is_place(name: str) -> bool:
    """Whether a word that stands where a place would may be one."""
    return name.lower().removeprefix("the ") not in NO_PLACES


def location_path(name: str) -> str:
    """The path of a place: a country's, a region's, or else a city's."""
    bare = name.lower().removeprefix("the ").strip(".")
    if bare in COUNTRIES:
        return "location.country"
    return "location.region" if bare in REGIONS and len(bare) > 2 else "location.city"


def _home(match: re.Match[str], said_at: datetime) -> Iterator[Claim]:
    place, wider = match["place"], match["wider"]
    if not is_place(place):
        return
    yield Claim("replace", location_path(place), place)
    bare = (wider or "").lower().removeprefix("the ")
    if wider and bare in COUNTRIES | REGIONS:
        yield Claim("replace", "location.country" if bare in COUNTRIES else "location.region", wider)


def _left(match: re.Match[str], said_at: datetime) -> Iterator[Claim]:
    if is_place(match["place"]):
        yield Claim("remove", location_path(match["place"]), match["place"])


def _origin(match: re.Match[str], said_at: datetime) -> Iterator[Claim]:
    if is_place(match["place"]):
        yield Claim("replace", "location.origin", match["place"])


def _born(match: re.Match[str], said_at: datetime) -> Iterator[Claim]:
    if is_place(match["place"]):
        yield Claim("replace", "location.origin", match["place"])


_ORIGIN_END = r"(?=\s*$|\s*[,;(]|\s+(?:and|but|originally|so|too|where|which|though|btw|by the way)\b)"
RULES = (
    Rule(
        rf"(?:i|we) {_ADVERB}(?:live|reside|stay|have lived|'ve lived|have been living)\s?{_ADVERB}"
        rf"{_HOME} ?(?:in|near|outside|close to|around) {_HERE}(?! (?:with you|mode)\b)",
        _home,
    ),
    Rule(rf"(?:i've|we've) {_ADVERB}(?:lived|been living) (?:in|near) {_HERE}", _home),
    Rule(
        rf"(?:i'm|i am|im|we're|we are) {_ADVERB}(?:living|based|residing|located|settled) (?:in|near|out of"
        rf"|around) {_HERE}",
        _home,
    ),
    Rule(rf"(?:i|we) (?:'ve |have )?{_ADVERB}(?:moved|relocated)(?: (?:back|over|out|here))? to {_HERE}", _home),
    Rule(rf"(?:i've|we've) {_ADVERB}(?:moved|relocated)(?: (?:back|over|out))? to {_HERE}", _home),
    Rule(rf"(?:i|we|i've|we've) {_ADVERB}(?:moved|relocated) (?:here )?from {PLACE} to {_HERE}", _home),
    Rule(
        rf"(?:i|we) (?:used to live|lived) in {PLACE},? (?:but|and) (?:now |then )?(?:i "
        rf"|we )(?:now )?(?:live in|moved to) {_HERE}",
        _home,
    ),
    Rule(rf"(?:my|our) (?:home|house|flat|apartment|place) is in {_HERE}", _home),
    Rule(rf"my (?:home )?(?:city|town|location|place of residence|country)(?:'s| is|:)(?: now)? {_HERE}", _home),
    Rule(rf"(?:i|we) (?:don't|do not) live in (?P<place>{PLACE}) any ?(?:more|longer)", _left),
    Rule(rf"(?:i|we) no longer live in (?P<place>{PLACE})", _left),
    Rule(
        rf"(?:i'm|i am|im|i come|we're|we come) {_ADVERB}(?:originally )?from (?P<place>{PLACE}){_ORIGIN_END}", _origin
    ),
    Rule(rf"i {_ADVERB}(?:grew up|was raised|was brought up) (?:in|near) (?P<place>{PLACE})", _origin),
    Rule(rf"i was born (?:and raised )?in (?P<place>{PLACE})", _born),
    Rule(rf"i was born (?:on |in )?[\w, ]{{4,24}} in (?P<place>{PLACE})", _born),
    Rule(rf"my home ?town(?:'s| is) (?P<place>{PLACE})", _origin),
)
