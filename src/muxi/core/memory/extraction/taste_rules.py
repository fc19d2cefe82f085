"""What the user likes and dislikes, and how they want to be answered."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime

from muxi.core.memory.extraction.phrases import slug, thing, things
from muxi.core.memory.extraction.types import Build, Claim, Op, Rule
from muxi.core.memory.extraction.vocabulary import LANGUAGES

_ADVERB = (
    r"(?:(?:really|also|absolutely|totally|always|definitely|truly|particularly|especially|much|simply"
    r"|still|just|do|usually"
    r"|generally|kind of|sort of|actually|very much|honestly) ){0,3}"
)
_AM = r"(?:i'm|i am|im|i've always been)"
_DONT = r"(?:don't|dont|do not|never|don't really|do not really)"
_NOT_LIKE = rf"i {_ADVERB}{_DONT} {_ADVERB}(?:like|enjoy|love|care for|care much for)"
_FAN = r"(?:into|fond of|keen on|crazy about|mad about|passionate about|obsessed with|interested in)"
_NO_MORE = re.compile(r"\b(?:any ?more|any longer)\b", re.IGNORECASE)


def _listed(path: str, op: Op = "add") -> Build:
    def claims(match: re.Match[str], said_at: datetime) -> Iterator[Claim]:
        yield from (Claim(op, path, value, end) for value, end in things(match.string, match.end()))

    return claims


def _disliked(match: re.Match[str], said_at: datetime) -> Iterator[Claim]:
    """With "anymore" it takes back what was liked."""
    found = list(things(match.string, match.end()))
    no_more = found and _NO_MORE.search(match.string, found[-1][1])
    for value, end in found:
        yield (
            Claim("remove", "preferences.likes", value, end)
            if no_more
            else Claim("add", "preferences.dislikes", value, end)
        )


def _preferred(match: re.Match[str], said_at: datetime) -> Iterator[Claim]:
    until = r"\s(?:to|instead|rather|when|if|and not|not|,? over)\s"
    yield from (
        Claim("add", "preferences.likes", value, end) for value, end in things(match.string, match.end(), until=until)
    )


def _theme(match: re.Match[str], said_at: datetime) -> Iterator[Claim]:
    yield Claim("replace", "preferences.theme", match["theme"].lower())


def _favourite(match: re.Match[str], said_at: datetime) -> Iterator[Claim]:
    found = thing(match.string, match.end())
    if found and not re.match(r"(?:when|that|if|because|probably|definitely not)\b", found[0], re.IGNORECASE):
        yield Claim("replace", f"preferences.favourites.{slug(match['noun'])}", *found)


def _answer_language(match: re.Match[str], said_at: datetime) -> Iterator[Claim]:
    language = LANGUAGES.get(match["language"].lower())
    if language:
        yield Claim("replace", "preferences.language", language)


_LIKES, _DISLIKES = "preferences.likes", "preferences.dislikes"
_THEME = r"(?:the )?(?P<theme>dark|light) (?:mode|theme)\b"
RULES = (
    Rule(rf"i(?:'d)? {_ADVERB}(?:prefer|rather have|use|like|love|want|always use) {_THEME}", _theme),
    Rule(rf"(?:please )?(?:use|switch to|set|enable) {_THEME} for me\b", _theme),
    Rule(
        rf"(?:i|we) {_ADVERB}(?:like|love|enjoy|adore)\s(?!to (?:know|see|book|ask|have|get|be|hear|help|chat"
        rf"|talk|try|say|think|hope|use|add|make sure)\b|(?:dark|light) (?:mode|theme))",
        _listed(_LIKES),
    ),
    Rule(rf"(?:i|we) {_ADVERB}prefer\s(?!(?:the )?(?:dark|light) (?:mode|theme)|not\b|that\b|if\b|to\b)", _preferred),
    Rule(r"i'd rather (?:have|get|take|drink|eat)\s", _preferred, 0.8),
    Rule(r"i (?:can't|cannot|can never|cant) get enough of\s", _listed(_LIKES)),
    Rule(rf"{_AM} {_ADVERB}(?:a |an )?(?:(?:big|huge|great|massive|real|total) )?fan of\s", _listed(_LIKES)),
    Rule(rf"{_AM} {_ADVERB}{_FAN}\s", _listed(_LIKES)),
    Rule(
        r"(?:my|our) (?:hobby|hobbies|interests|passions?|pastimes?)(?:'s| is| are| include|:)\s(?!not\b)",
        _listed(_LIKES),
    ),
    Rule(
        r"my (?:all-time )?favou?rite (?P<noun>[a-z]+(?: [a-z]+)?)(?: of all time)?(?:'s| is| are|:)\s(?!not\b)",
        _favourite,
    ),
    Rule(rf"{_NOT_LIKE}\s", _disliked),
    Rule(r"i've never (?:really )?(?:liked|enjoyed|cared for)\s", _listed(_DISLIKES)),
    Rule(
        rf"(?:i|we) {_ADVERB}(?:hate|dislike|detest|loathe|despise|can't stand|cant stand|cannot stand"
        rf"|can't bear)\s(?!to\b)",
        _listed(_DISLIKES),
    ),
    Rule(
        rf"{_AM} (?:really )?not (?:really )?(?:a |an |much of a )?(?:(?:big|huge|great) )?(?:fan of|{_FAN})\s",
        _disliked,
    ),
    Rule(r"i no longer (?:like|love|enjoy|prefer|want)\s", _listed(_LIKES, "remove")),
    Rule(r"i(?:'ve)? (?:have )?stopped (?:liking|loving|enjoying)\s", _listed(_LIKES, "remove")),
    Rule(
        r"(?:please |always |from now on,? )*(?:answer|reply|respond|talk|speak"
        r"|write)(?: (?:to )?me)?(?: only| always)? in "
        r"(?P<language>[a-z]+)(?=\s*$|,? (?:please|from now on|only)|\s*,)",
        _answer_language,
        0.85,
    ),
)
