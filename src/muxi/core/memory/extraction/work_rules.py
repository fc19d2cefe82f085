"""What the user works as, for whom, and what they studied where."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime

from muxi.core.memory.extraction.phrases import LOWER, NAME, ORGANISATION, PLACE, thing
from muxi.core.memory.extraction.place_rules import is_place, location_path
from muxi.core.memory.extraction.types import Claim, Rule
from muxi.core.memory.extraction.vocabulary import LEADERS, OCCUPATIONS

_ADVERB = r"(?:(?:currently|now|still|actually|also|just|recently|mostly|mainly|full[- ]time|part[- ]time) ){0,2}"
_AM = r"(?:i'm|i am|im|i've been)"
_ROLE_WORD = r"[A-Za-z][\w/&+#'-]{0,24}"
_ROLE_END = (
    r"(?=\s*$|[,;:.()]|\s+(?:at|for|in|from|with|who|and|but|by|so|near|on|based|here|now|while|since"
    r"|because|working|living"
    r"|these|right|though|although|again|btw|-|\u2013)(?:\s|$))"
)
_ROLE = rf"(?P<role>(?:{_ROLE_WORD} ){{0,4}}?{_ROLE_WORD}(?: of [\w& -]{{2,30}}?)?){_ROLE_END}"
_LOWER_EMPLOYER = (
    rf"(?!home|night|nights|work|school|least|my|the|two|three|weekends|day|days|myself|present|all){LOWER}"
)
_EMPLOYER = rf"(?P<employer>{ORGANISATION}|{_LOWER_EMPLOYER})"
_AT = rf"(?: (?:at|for|with) {_EMPLOYER})?"
_IN = rf"(?: (?P<where>in|from) (?P<place>{PLACE}))?"
_ALONE = frozenset({"retired", "self-employed", "unemployed", "freelancing"})
# What one is without an article: "I'm CEO of Acme".
_TITLES = LEADERS | {"ceo", "cto", "cfo", "founder", "co-founder"}
_NO_ROLE = re.compile(
    r"(?:not|no|never|like|just|working|going|looking|such|good|great|bad|better|terrible|real)\b", re.IGNORECASE
)
_STUDENT = re.compile(r"\b(?:student|undergrad|undergraduate|freshman|sophomore)\b", re.IGNORECASE)
_OF_EMPLOYER = re.compile(rf"\sof (?P<employer>{ORGANISATION})$")
_TEAM = frozenset("team group whole unit charm treat result rule matter favour favor".split())  # noqa: SIM905


def is_occupation(role: str) -> bool:
    """Whether a noun phrase names an occupation: by its last word, or the word before "of"."""
    head = role.lower().partition(" of ")[0]
    words = head.split()
    if " of " in role.lower():
        return words[-1] in LEADERS or words[-1] in OCCUPATIONS
    return words[-1] in OCCUPATIONS or " ".join(words[-2:]) in OCCUPATIONS or words[-1].endswith(("ologist", "ician"))


def _places(match: re.Match[str]) -> Iterator[Claim]:
    groups = match.groupdict()
    if groups.get("employer"):
        path = "education.school" if _STUDENT.search(match["role"]) else "work.employer"
        yield Claim("replace", path, groups["employer"].rstrip("."))
    if groups.get("place") and is_place(groups["place"]):
        path = location_path(groups["place"]) if groups["where"].lower() == "in" else "location.origin"
        yield Claim("replace", path, groups["place"])


def _role_if_known(match: re.Match[str], said_at: datetime) -> Iterator[Claim]:
    role = match["role"].strip()
    titled = bool(match["article"]) or role.lower().partition(" of ")[0].split()[-1] in _TITLES
    if titled and is_occupation(role) and not _NO_ROLE.match(role):
        of_employer = _OF_EMPLOYER.search(role)
        yield Claim("replace", "work.role", role[: of_employer.start()] if of_employer else role)
        if of_employer:
            yield Claim("replace", "work.employer", of_employer["employer"])
        yield from _places(match)


def _role(match: re.Match[str], said_at: datetime) -> Iterator[Claim]:
    role = match["role"].strip()
    if role.split()[0].lower() not in _TEAM:
        yield Claim("replace", "work.role", role)
        yield from _places(match)


def _status(match: re.Match[str], said_at: datetime) -> Iterator[Claim]:
    yield Claim("replace", "work.role", match["role"].lower())


def _doing(match: re.Match[str], said_at: datetime) -> Iterator[Claim]:
    found = thing(match.string, match.end(), until=r"\sfor a living\b")
    if found:
        yield Claim("replace", "work.role", *found)


def _employer(match: re.Match[str], said_at: datetime) -> Iterator[Claim]:
    yield Claim("replace", "work.employer", match["employer"].rstrip("."))
    role = match.groupdict().get("role")
    if role:
        yield Claim("replace", "work.role", role.strip())


def _left(match: re.Match[str], said_at: datetime) -> Iterator[Claim]:
    yield Claim("remove", "work.employer", match["left"].rstrip("."))
    joined = match.groupdict().get("employer")
    if joined:
        yield Claim("replace", "work.employer", joined.rstrip("."))


def _studies(match: re.Match[str], said_at: datetime) -> Iterator[Claim]:
    groups = match.groupdict()
    if groups.get("field") and groups["field"].lower() not in {
        "hard",
        "abroad",
        "here",
        "there",
        "it",
        "a lot",
        "well",
    }:
        yield Claim("replace", "education.field", groups["field"])
    if groups.get("school"):
        yield Claim("replace", "education.school", groups["school"])


_FIELD = (
    r"(?P<field>(?!for\b|at\b|in\b|the\b|your\b|it\b|this\b|that\b|my\b|how\b)[A-Za-z]+(?: (?:and |of )?[a-z]+){0,2}?)"
)
_FIELD_END = r"(?=\s*$|[,;.]|\s+(?:at|in|from|and i|but|because|so|now|right|for|when|while|before|full)\b)"
_SCHOOL = rf"(?: (?:at|from) (?:the )?(?P<school>{ORGANISATION}))?"
RULES = (
    Rule(rf"i {_ADVERB}work {_ADVERB}as (?:an? |the )?{_ROLE}{_AT}{_IN}", _role, 0.95),
    Rule(rf"{_AM} {_ADVERB}(?:working|employed) as (?:an? |the )?{_ROLE}{_AT}{_IN}", _role, 0.95),
    Rule(rf"{_AM} {_ADVERB}(?P<article>an? |the )?(?:\d{{1,3}}[ -]years?[ -]old )?{_ROLE}{_AT}{_IN}", _role_if_known),
    Rule(rf"{_AM} {_ADVERB}(?P<role>retired|self[ -]employed|unemployed)\b(?! from {NAME})", _status),
    Rule(
        rf"my (?:job|profession|occupation|role|job title|position)(?: here)?(?:'s| is|:) (?!in\b|to\b|at\b"
        rf"|the\b|not\b|so\b|very\b|hard\b|boring\b)(?:an? )?{_ROLE}{_AT}",
        _role,
    ),
    Rule(rf"i (?:just |recently )?(?:got|was|have been) promoted to {_ROLE}", _role),
    Rule(rf"as (?P<article>an? ){_ROLE}, (?:i|my)\b", _role_if_known, 0.85),
    Rule(r"i do (?=[^,.]{2,40} for a living\b)", _doing),
    Rule(
        rf"(?:i|we) {_ADVERB}(?:work|started working|have worked|started)(?: {_ADVERB})?\s?(?:at|for|with) {_EMPLOYER}"
        rf"(?: as (?:an? |the )?{_ROLE})?",
        _employer,
    ),
    Rule(rf"{_AM} {_ADVERB}(?:working|employed|interning) (?:at|for|by|with) {_EMPLOYER}", _employer),
    Rule(
        rf"(?:i|i've) {_ADVERB}(?:started|got|took|have|accepted|begun) (?:a|my) (?:new )?job (?:at|with) {_EMPLOYER}",
        _employer,
    ),
    Rule(rf"i {_ADVERB}joined (?P<employer>{ORGANISATION}) as\b", _employer),
    Rule(rf"my (?:current |new )?(?:employer|company)(?:'s| is|:) (?!called\b)(?P<employer>{ORGANISATION})", _employer),
    Rule(
        rf"i (?:left|quit) (?:my job at )?(?P<left>{ORGANISATION}),? and (?:just |recently )?(?:joined"
        rf"|started at|moved to|now work (?:at|for)) (?P<employer>{ORGANISATION})",
        _left,
    ),
    Rule(rf"i (?:just |recently )?(?:quit|left|lost) my (?:old )?job (?:at|with) (?P<left>{ORGANISATION})", _left),
    Rule(rf"i no longer work (?:at|for|with) (?P<left>{ORGANISATION})", _left),
    Rule(rf"i (?:don't|do not) work (?:at|for|with) (?P<left>{ORGANISATION}) any ?(?:more|longer)", _left),
    Rule(rf"(?:i|i've) {_ADVERB}studied {_FIELD}{_FIELD_END}{_SCHOOL}", _studies),
    Rule(rf"{_AM} {_ADVERB}(?:studying|majoring in) {_FIELD}{_FIELD_END}{_SCHOOL}", _studies, 0.85),
    Rule(
        rf"i (?:have|hold|got) an? (?:\w+ |\w+'s )?(?:degree|phd|doctorate|master's|bachelor's"
        rf"|diploma) in {_FIELD}{_FIELD_END}{_SCHOOL}",
        _studies,
    ),
    Rule(rf"i (?:just |recently )?graduated (?:in {_FIELD} )?from (?:the )?(?P<school>{ORGANISATION})", _studies),
    Rule(
        r"i (?:go to|attend|study at|went to) (?:the )?(?P<school>(?-i:MIT|Stanford|Harvard|Oxford|Cambridge"
        r"|Yale|Princeton|UCLA|ETH|Berkeley|Columbia|Cornell|NYU|(?:University of [A-Z]\w+)"
        r"|(?:[A-Z]\w+ ){1,3}(?:University|College|School|Institute)))",
        _studies,
    ),
)
