"""Where a name, a place or a thing begins and ends in a clause."""

from __future__ import annotations

import re
from collections.abc import Iterator

from muxi.core.memory.extraction.sentences import MASK

_UPPER = r"(?:(?!I\b|I')[^\W\d_a-z\u00df-\u00f6\u00f8-\u00ff])"
_WORD = rf"{_UPPER}[\w'&-]*"
#: A person's name, up to four words with small particles and titles; letter case counts.
NAME = (
    rf"(?-i:(?:(?:Dr|Mr|Mrs|Ms|Prof)\. )?{_WORD}(?: (?:(?:de|del|della|da|di|van|von|der|den|la|le|bin|al"
    rf"|el) ){{0,2}}{_WORD}){{0,3}})"
)
#: A place: "Rio de Janeiro", "the Netherlands", "St. Louis".
PLACE = (
    rf"(?-i:(?:the )?(?:(?:St|Mt|Ft)\. )?{_WORD}"
    rf"(?:[ -](?:(?:de|do|da|del|la|le|of|the|upon|am|on) ){{0,2}}{_WORD}){{0,3}})"
)
#: An organisation: "Acme Corp", "the City of Vienna", "St. Mary's Hospital".
ORGANISATION = rf"(?-i:(?:the )?(?:St\. )?{_WORD}(?:\.\w+)?(?: (?:of the |of |de |& )?(?:{_WORD}|\d+)){{0,4}})"
#: A small word, as a place or a company is typed by who types without capitals.
LOWER = r"(?-i:[a-z][a-z]{2,19})(?=$|[,;)]| (?:btw|now|and|but|so|as|rn)\b)"

_END = (
    r"[.;:!?()\[\]{}\n\x00]|\s(?:but|because|so|when|while|which|who|that|if|though|although|since|as"
    r"|until|where|than|over"
    r"|please|pls|btw|by the way|anymore|any more|any longer|too|as well|a lot|very much|so much|now"
    r"|right now|at the moment"
    r"|these days|nowadays|lately|recently|even more|more than|the most|the best|in general|honestly"
    r"|sadly|one day|some ?day"
    r"|a bit|a little|at all|to be honest|tbh|lol|for (?:me|now|my|the|this)|with my|every|during|in the)\b"
    r"|\s[-\u2013\u2014]+\s|\.\.\.|$"
)
_LIST_END = re.compile(_END, re.IGNORECASE)
_THING_END = re.compile(rf",|{_END}", re.IGNORECASE)
_SEPARATOR = re.compile(r"\s*,\s*(?:and\s|or\s)?|\s(?:and|or|&|plus)\s", re.IGNORECASE)
_NEW_CLAUSE = re.compile(
    r"(?:i|i'\w+|im|my|we|we're|our|he|she|they|it|it's|you|your|his|her|their|this|that|there|so|but"
    r"|because|please|just"
    r"|can|could|would|do|does|is|are|what|how|not|then|thanks|also|although|even|especially|let|book"
    r"|find|show|give|tell"
    r"|live|love|like|hate|work|speak|prefer|enjoy|moved|want|need|have|don't|really|mostly|which|who|sadly|to be)\b",
    re.IGNORECASE,
)
_ARTICLE = re.compile(r"(?:a|an|to|some|any|eating|having|all kinds of|a lot of|lots of)\s+(?=\S)", re.IGNORECASE)
_NO_THING = re.compile(
    r"(?:it|its|this|that|these|those|your|you|him|his|her|them|they|their|he|she|me|us|my|our|how|what"
    r"|when|where|why|who|one|ones"
    r"|everything|anything|nothing|something|everyone|anyone|everybody|anybody|nobody|someone|somebody"
    r"|all|both|neither|to"
    r"|not|no|none|some|any|more|most|much|many|such|the (?:idea|way|fact|sound|look|one|first|second|third|last|answer"
    r"|result|response|suggestion|option|plan))\b"
    r"|.*\b(?:it|you|your|him|them|myself|this|these|those|is|are|was|were|has|have|they're|i'm|we're)\b"
    r"|.*\b(?:to|of|in|with|and|for|at|on|about|that|the|a|an)$",
    re.IGNORECASE,
)
# "The color" is that of something just spoken of; these are the same for everybody, and names have a capital.
_DEFINITE = re.compile(
    r"(?i:the )(?![A-Z])(?!(?:ocean|sea|beach|mountains?|outdoors|countryside|forest|woods|desert|snow"
    r"|rain|cold|heat|dark|night"
    r"|winter|summer|sun|piano|guitar|violin|drums|cello|flute|saxophone|smell of|taste of|sound of"
    r"|theatre|theater|opera"
    r"|ballet|gym|cinema)\b(?!\s(?!and|or)[a-z]))"
)
_MOST_WORDS = 6
_LONGEST = 80
_MOST_ITEMS = 12


def thing(text: str, start: int, *, until: str | None = None) -> tuple[str, int] | None:
    """The noun phrase at a place of a clause, without its article, and where it ends; nothing if there is none."""
    end = _first_end(_THING_END, text, start, until)
    return _checked(text, start, end)


def things(text: str, start: int, *, until: str | None = None) -> Iterator[tuple[str, int]]:
    """The noun phrases of a list ("tea, coffee and cake"), each with where it ends."""
    limit, position = _first_end(_LIST_END, text, start, until), start
    for count in range(_MOST_ITEMS):
        separator = _SEPARATOR.search(text, position, limit)
        end = separator.start() if separator else limit
        if count and _NEW_CLAUSE.match(text, position):
            return
        found = _checked(text, position, end)
        if found:
            yield found
        elif not count:
            return
        if not separator:
            return
        position = separator.end()


def _first_end(ends: re.Pattern[str], text: str, start: int, until: str | None) -> int:
    match = ends.search(text, start)
    end = match.start() if match else len(text)
    own = re.search(until, text[start:end], re.IGNORECASE) if until else None
    return start + own.start() if own else end


def _checked(text: str, start: int, end: int) -> tuple[str, int] | None:
    article = _ARTICLE.match(text, start, end)
    value = text[article.end() if article else start : end].strip(" ,'\"")
    usable = value and len(value) <= _LONGEST and len(value.split()) <= _MOST_WORDS and any(map(str.isalpha, value))
    if not usable or MASK in value or "[" in value or _NO_THING.match(value) or _DEFINITE.match(value):
        return None
    return value, end


def slug(noun: str) -> str:
    """A noun as one step of a path: small letters, digits and underscores."""
    return re.sub(r"[^a-z0-9]+", "_", noun.lower()).strip("_")
