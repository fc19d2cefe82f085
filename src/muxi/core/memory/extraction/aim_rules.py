"""What the user wants to reach, and the dates in their life."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime

from muxi.core.memory.dates import find_dates
from muxi.core.memory.extraction.phrases import slug
from muxi.core.memory.extraction.sentences import MASK
from muxi.core.memory.extraction.types import Claim, Rule

_GOAL_END = re.compile(
    r"[.;:!?()\n\x00]|,|\s(?:but|because|so that|so|although|though|since|and (?:i|my|we|need|want|would)"
    r"|please|one day|some ?day"
    r"|at the moment|right now|now|these days|soon|again|eventually|btw|this year|next year|can you"
    r"|could you|what|any tips)\b|$",
    re.IGNORECASE,
)
# What a life's aim begins with; "want to know", "want to book" are wishes of the moment.
_LIFE = (
    r"(?:learn|become|quit|stop (?:smoking|drinking|eating)|lose|gain|run (?:a|an|my)|visit|travel|retire"
    r"|master|graduate|publish"
    r"|build (?:a|my|muscle)|start (?:my own|a (?:business|company|family|band|blog|podcast|garden)|my"
    r"|running|exercising)"
    r"|write (?:a|my) (?:book|novel|memoir|thesis)|buy (?:a|my|our) (?:first |new |own )?(?:house|home"
    r"|flat|apartment|boat)"
    r"|finish (?:my|school|university|college)|get (?:fit|fitter|in(?:to)? shape|healthier|promoted"
    r"|married|my|out of debt)"
    r"|improve my|save (?:up|money|for|\S?\d)|earn|climb|move (?:to|abroad|out)|go back to|open (?:a|my)"
    r"|pay off|adopt|study"
    r"|read more|eat (?:healthier|less|more)|exercise|sleep|work (?:as|abroad|less)|teach|change careers?"
    r"|switch careers?)\b"
)
_NOT_LIFE = re.compile(
    r"(?:learn|visit|study) (?:more|about|how|if|what|your|the page|this|that|it)\b|.*\b(?:you|your|it|this)\b",
    re.IGNORECASE,
)
_BASE_FORMS = {
    **{"learning": "learn", "saving": "save", "training": "train", "preparing": "prepare", "working towards": "reach"},
    **{"writing": "write", "building": "build", "studying": "study", "saving up": "save up"},
}
_MOST_WORDS = 10
_EVENT = (
    r"(?:(?:dentist|doctor's|doctor|medical|job|final|driving|math|maths|eye|vet|hair|visa|birthday"
    r"|thesis|annual|check-?up) )?"
    r"(?:flight|exam|test|wedding|interview|appointment|surgery|operation|graduation|anniversary|deadline|trip|vacation"
    r"|holiday|move|presentation|defense|defence|party|concert|conference|checkup|check-up|due date"
    r"|meeting|reunion|recital)"
)


def _goal(match: re.Match[str], said_at: datetime) -> Iterator[Claim]:
    text, start = match.string, match.start("aim")
    end_match = _GOAL_END.search(text, start)
    end = end_match.start() if end_match else len(text)
    aim = text[start:end].strip(" '\"")
    if not aim or MASK in aim or "[" in aim or len(aim.split()) > _MOST_WORDS or _NOT_LIFE.match(aim):
        return
    form = match.groupdict().get("form")
    yield Claim("add", "goals", f"{_BASE_FORMS[form.lower()]} {aim}" if form else aim, end)


def _dated(noun: str, match: re.Match[str], said_at: datetime) -> Iterator[Claim]:
    found = date_after(match.string, match.end(), said_at)
    if found:
        yield Claim("replace", f"events.{slug(noun)}", found[0], end=found[1])


def _event(match: re.Match[str], said_at: datetime) -> Iterator[Claim]:
    return _dated(match["event"], match, said_at)


def _flight(match: re.Match[str], said_at: datetime) -> Iterator[Claim]:
    return _dated("flight", match, said_at)


def _wedding(match: re.Match[str], said_at: datetime) -> Iterator[Claim]:
    return _dated("wedding", match, said_at)


def date_after(text: str, start: int, said_at: datetime) -> tuple[str, int] | None:
    """The single day that stands right after a place of a text (as ISO date), and where it ends."""
    for span in find_dates(text, said_at, lean="future"):
        near = span.start >= start - 1 and re.fullmatch(r"(?:on|the|at|\s|,)*", text[start : span.start], re.IGNORECASE)
        if near and span.first_day == span.last_day:
            return span.first_day.isoformat(), span.end
    return None


_AT_PLACE = r"(?: (?:at|with|to|in|for) (?!\d)(?:(?!on\b|next\b|this\b|tomorrow\b|the day\b)[\w'.-]+ ?){1,4}?)?"
RULES = (
    Rule(
        r"my (?:main |big |biggest |ultimate |life |long-term |current |personal )?(?:goal|dream|aim|ambition"
        r"|new year's resolution|resolution)"
        r"(?: this year| for this year| in life| right now)?(?:'s| is|:) (?:to )(?=\S)(?P<aim>)",
        _goal,
        0.95,
    ),
    Rule(
        rf"(?:i|we) (?:really |also |still |just )?(?:want|would like|hope|plan|intend|decided|aim|'d like"
        rf"|'d love)(?: to) (?P<aim>){_LIFE}",
        _goal,
        0.85,
    ),
    Rule(rf"(?:i'd|i would|we'd) (?:really |also )?(?:like|love) to (?P<aim>){_LIFE}", _goal, 0.8),
    Rule(rf"(?:i've|we've) decided to (?P<aim>){_LIFE}", _goal),
    Rule(
        rf"(?:i'm|i am|im|we're) (?:really |also |still |currently )?(?:trying|planning|hoping|aiming"
        rf"|determined) to (?P<aim>){_LIFE}",
        _goal,
        0.85,
    ),
    Rule(
        r"(?:i'm|i am|im|we're) (?:also |currently |now |slowly )?(?P<form>learning) (?!about|more|a (?:lot"
        r"|ton|bit)|lots|tons|that|how|from|so|new|it|to\b)(?P<aim>)",
        _goal,
        0.85,
    ),
    Rule(
        r"(?:i'm|i am|im|we're) (?:also |currently |now )?(?P<form>saving up|saving|training"
        r"|preparing) (?P<aim>)for (?:a|an|my|the|our)\b",
        _goal,
    ),
    Rule(
        r"(?:i'm|i am|im) (?:also |currently |now )?(?P<form>writing) (?P<aim>)(?:a|my) (?:first )?(?:book"
        r"|novel|thesis|memoir|dissertation)\b",
        _goal,
    ),
    Rule(
        rf"(?:my|our) (?:next |upcoming )?(?P<event>{_EVENT}){_AT_PLACE}(?:'s| is| will be)(?: scheduled)?(?: for)? ",
        _event,
    ),
    Rule(
        rf"(?:i|we|i've|we've) (?:have|got|have got) (?:a|an|my|our) (?:\w+ )??(?P<event>{_EVENT}){_AT_PLACE} ", _event
    ),
    Rule(
        r"(?:i'm|i am|im|we're|we are) (?:flying|getting on a plane)(?: (?:to|back to|home to|from"
        r"|out to) [\w'.-]+(?: [A-Z][\w'.-]+)?)? ",
        _flight,
    ),
    Rule(r"(?:i'm|i am|im|we're|we are) getting married ", _wedding),
)
