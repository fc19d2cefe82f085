"""Allergies, diet and conditions."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime

from muxi.core.memory.extraction.phrases import thing, things
from muxi.core.memory.extraction.types import Build, Claim, Op, Rule

_AM = r"(?:i'm|i am|im)"
_DEGREE = r"(?:(?:severely|deathly|highly|badly|very|slightly|mildly|also|really|terribly|quite|seriously) ){0,2}"
_DIET = r"(?P<diet>vegan|vegetarian|pescatarian|flexitarian|lacto-vegetarian)"
_DIET_END = r"(?=\s*$|\s*[,;.]|\s+(?:and|so|but|now|for|since|because|these|too|btw|as)\b)"
_CONDITION = (
    r"(?P<condition>asthma|(?:type [12] )?diabetes|migraines?|epilepsy|c(?:o)?eliac(?: disease)?|adhd|add"
    r"|autism|anxiety"
    r"|depression|arthritis|hypertension|high blood pressure|low blood pressure|insomnia|ibs"
    r"|crohn's(?: disease)?|eczema"
    r"|psoriasis|tinnitus|dyslexia|a heart condition|high cholesterol|hypothyroidism|bipolar disorder|endometriosis"
    r"|parkinson's|multiple sclerosis|lupus|glaucoma|sleep apnea|a pacemaker|hay fever|vertigo|fibromyalgia|anemia)\b"
)
_ADJECTIVES = {
    **{"diabetic": "diabetes", "epileptic": "epilepsy", "asthmatic": "asthma", "dyslexic": "dyslexia"},
    **{"autistic": "autism", "colour-blind": "colour blindness", "color-blind": "colour blindness"},
    **{"colorblind": "colour blindness", "colourblind": "colour blindness", "anemic": "anemia"},
}
_NO_FOOD = frozenset("much out breakfast lunch dinner late enough well there here early healthy".split())  # noqa: SIM905


def _listed(path: str, op: Op = "add") -> Build:
    def claims(match: re.Match[str], said_at: datetime) -> Iterator[Claim]:
        yield from (Claim(op, path, value, end) for value, end in things(match.string, match.end()))

    return claims


def _not_allergic(match: re.Match[str], said_at: datetime) -> Iterator[Claim]:
    found = list(things(match.string, match.end()))
    if found and re.search(r"\bany ?(?:more|longer)\b", match.string[found[-1][1] :], re.IGNORECASE):
        yield from (Claim("remove", "health.allergies", value, end) for value, end in found)


def _one_allergy(match: re.Match[str], said_at: datetime) -> Iterator[Claim]:
    yield Claim("add", "health.allergies", match["what"].lower())


def _hives(match: re.Match[str], said_at: datetime) -> Iterator[Claim]:
    yield Claim("add", "health.allergies", match["what"])


def _diet(match: re.Match[str], said_at: datetime) -> Iterator[Claim]:
    yield Claim("replace", "health.diet", match["diet"].lower())


def _no_diet(match: re.Match[str], said_at: datetime) -> Iterator[Claim]:
    yield Claim("remove", "health.diet", match["diet"].lower())


def _avoided(match: re.Match[str], said_at: datetime) -> Iterator[Claim]:
    found = [(value, end) for value, end in things(match.string, match.end()) if value.split()[0] not in _NO_FOOD]
    no_more = found and re.match(r"\s*any ?(?:more|longer)\b", match.string[found[-1][1] :], re.IGNORECASE)
    yield from (Claim("add", "health.avoids", value, no_more.end() + end if no_more else end) for value, end in found)


def _condition(match: re.Match[str], said_at: datetime) -> Iterator[Claim]:
    yield Claim("add", "health.conditions", match["condition"])


def _adjective(match: re.Match[str], said_at: datetime) -> Iterator[Claim]:
    yield Claim("add", "health.conditions", _ADJECTIVES[match["adjective"].lower()])


def _diagnosed(match: re.Match[str], said_at: datetime) -> Iterator[Claim]:
    found = thing(match.string, match.end(), until=r"\s(?:in|at|last|this|when|and|about|around)\s")
    if found and len(found[0].split()) <= 4:
        yield Claim("add", "health.conditions", *found)


_ALLERGIES = "health.allergies"
RULES = (
    Rule(rf"{_AM} {_DEGREE}allergic to\s", _listed(_ALLERGIES), 0.95),
    Rule(
        r"i have (?:an? )?(?:(?:severe|serious|bad|mild|slight|strong) )?allerg(?:y|ies) to\s",
        _listed(_ALLERGIES),
        0.95,
    ),
    Rule(
        r"i have an? (?:(?:severe|serious|bad|mild|slight|strong) )?(?P<what>(?!severe|serious|bad|mild|new"
        r"|strange)[\w-]+(?: [\w-]+)?)"
        r" allergy\b",
        _one_allergy,
    ),
    Rule(
        r"my allerg(?:y|ies)(?:'s| is| are| include|:)\s(?!not\b|bad\b|worse\b|killing\b|acting\b)", _listed(_ALLERGIES)
    ),
    Rule(rf"{_AM} {_DEGREE}(?P<what>lactose|gluten|fructose|histamine)[ -]intolerant\b", _one_allergy),
    Rule(r"(?P<what>[A-Za-z]+(?: [a-z]+)?) gives? me (?:hives|a rash)\b", _hives, 0.8),
    Rule(rf"{_AM} no longer allergic to\s", _listed(_ALLERGIES, "remove")),
    Rule(rf"{_AM} not allergic to\s", _not_allergic),
    Rule(rf"{_AM} (?:(?:now|also|actually|strictly|mostly|a strict|a) ){{0,2}}{_DIET}{_DIET_END}", _diet, 0.95),
    Rule(rf"(?:i've been|i have been|i became|i went|i've gone|i've become|i turned) (?:a )?{_DIET}{_DIET_END}", _diet),
    Rule(rf"as a {_DIET}, (?:i|my)\b", _diet),
    Rule(rf"{_AM} (?:no longer (?:a )?{_DIET}\b)", _no_diet),
    Rule(rf"{_AM} not (?:a )?{_DIET} any ?(?:more|longer)\b", _no_diet),
    Rule(r"i (?:don't|do not|never|can't|cannot|dont) (?:eat|drink)\s(?!that\b)", _avoided),
    Rule(
        rf"i (?:have|'ve got|suffer from|live with|struggle with|was diagnosed with) (?:severe |mild |chronic "
        rf"|bad )?{_CONDITION}",
        _condition,
    ),
    Rule(rf"i've (?:got|been diagnosed with|had) (?:severe |mild |chronic |bad )?{_CONDITION}", _condition),
    Rule(r"(?:i (?:was|got|am)|i've been|i'm) (?:recently |just )?diagnosed with\s", _diagnosed),
    Rule(r"i suffer from\s", _diagnosed),
    Rule(rf"{_AM} {_DEGREE}(?:a )?(?P<adjective>{'|'.join(_ADJECTIVES)})\b", _adjective),
)
