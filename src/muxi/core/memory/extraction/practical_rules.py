"""Budget, languages and time zone."""

from __future__ import annotations

import re
import zoneinfo
from collections.abc import Iterator
from datetime import datetime
from functools import cache

from muxi.core.memory.extraction.amounts import ABOUT, AMOUNT, amount_text, has_unit
from muxi.core.memory.extraction.phrases import slug
from muxi.core.memory.extraction.types import Claim, Rule
from muxi.core.memory.extraction.vocabulary import LANGUAGES, TIME_ZONES

_PLAIN = {"", "total", "max", "maximum", "overall", "new", "current", "entire", "whole", "full", "absolute", "actual"}
_PERIODS = {"monthly", "weekly", "yearly", "annual", "daily"}
_PURPOSE = r"(?: (?:for|on) (?:the|my|our|this|a|an) (?P<purpose>[a-z]+(?: [a-z]+)?))?"


def _budget(match: re.Match[str], said_at: datetime) -> Iterator[Claim]:
    groups = match.groupdict()
    kind = (groups.get("kind") or "").strip().lower()
    purpose = (groups.get("purpose") or "").lower()
    period = kind if kind in _PERIODS else ""
    named = purpose or ("" if kind in _PLAIN or period else kind)
    path = f"budgets.{slug(named)}" if slug(named) else "budget"
    yield Claim("replace", path, amount_text(match, period=period))


def _spending(match: re.Match[str], said_at: datetime) -> Iterator[Claim]:
    if has_unit(match):
        yield Claim("replace", "budget", amount_text(match))


_LANGUAGE = re.compile(
    rf"\b(?:{'|'.join(re.escape(name) for name in sorted(LANGUAGES, key=len, reverse=True))})\b", re.IGNORECASE
)
_LANGUAGES_END = re.compile(
    r"[.;:!?()\x00]|\b(?:but|not|because|and i|and my|so|when|while|with|though|than|, i|, my)\b", re.I
)


def _languages(match: re.Match[str], said_at: datetime) -> Iterator[Claim]:
    text, start = match.string, match.end()
    stop = _LANGUAGES_END.search(text, start)
    previous = start
    for found in _LANGUAGE.finditer(text, start, stop.start() if stop else len(text)):
        if found.start() - previous > 30:  # far from the list: "I speak English at work with people from Welsh ..."
            return
        previous = found.end()
        yield Claim("add", "languages", LANGUAGES[found[0].lower()], previous)


def _language(match: re.Match[str], said_at: datetime) -> Iterator[Claim]:
    language = LANGUAGES.get(match["language"].lower())
    if language:
        yield Claim("add", "languages", language)


def _time_zone(match: re.Match[str], said_at: datetime) -> Iterator[Claim]:
    zone = time_zone_of(match["zone"])
    if zone:
        yield Claim("replace", "time_zone", zone)


_OFFSET = re.compile(r"(?:utc|gmt)\s?([+-])\s?(\d{1,2})(?::?(\d\d))?$", re.IGNORECASE)
_SHORT = {"UTC", "GMT", "CET", "CEST", "EST", "EDT", "CST", "CDT", "MST", "MDT", "PST", "PDT", "BST", "IST", "JST"}
_SHORT |= {"AEST", "AEDT", "EET", "EEST", "WET", "HST", "AKST"}


@cache
def _iana_zones() -> dict[str, str]:
    """Names by their small letters; reading them from the system takes milliseconds."""
    return {zone.lower(): zone for zone in zoneinfo.available_timezones()}


def time_zone_of(written: str) -> str | None:
    """A time zone in the form in which it is kept: its IANA name, its abbreviation or its distance from UTC."""
    offset = _OFFSET.match(written)
    if offset:
        minutes = f":{offset[3]}" if offset[3] and offset[3] != "00" else ""
        return f"UTC{offset[1]}{int(offset[2])}{minutes}" if int(offset[2]) <= 14 else None
    if written.upper() in _SHORT:
        return written.upper()
    if "/" in written:
        return _iana_zones().get(written.lower())
    return TIME_ZONES.get(written.lower())


_NAMED_ZONE = rf"(?P<zone>{'|'.join(sorted(TIME_ZONES, key=len, reverse=True))})"
_ZONE = r"(?P<zone>(?:UTC|GMT)\s?[+-]\s?\d{1,2}(?::?\d\d)?|[A-Za-z]+(?:/[A-Za-z_]+){1,2}|[A-Za-z]{3,4})"
_MY_ZONE = r"(?:my|our) (?:current |local )?time ?zone(?:'s| is|:)(?: now)?"
_KIND = r"(?:(?P<kind>[a-z]+(?: [a-z]+)?) )?"
_LANGUAGE_WORD = r"(?P<language>[a-z]+)"
RULES = (
    Rule(rf"(?:my|our) {_KIND}budget{_PURPOSE}(?:'s| is| was|:) ?(?:now )?{ABOUT}{AMOUNT}", _budget, 0.95),
    Rule(rf"(?:the|my|our) (?P<kind>total )?budget (?:i|we) have is {ABOUT}{AMOUNT}{_PURPOSE}", _budget),
    Rule(
        rf"(?:i|we|i've|we've) (?:have |got |have got )(?:a|an) {_KIND}budget of {ABOUT}{AMOUNT}{_PURPOSE}",
        _budget,
        0.95,
    ),
    Rule(
        rf"(?:please )?(?:set|change|update|raise|lower|increase|reduce) (?:my|our) {_KIND}budget to {ABOUT}{AMOUNT}",
        _budget,
    ),
    Rule(
        rf"(?:my|our) {_KIND}budget (?:has |is )?(?:now )?(?:changed|increased|decreased|went up"
        rf"|went down|gone up|gone down"
        rf"|grown|shrunk|dropped) to {ABOUT}{AMOUNT}",
        _budget,
    ),
    Rule(
        rf"(?:i|we) (?:set|changed|raised|lowered|increased|cut) (?:my|our) {_KIND}budget to "
        rf"{ABOUT}{AMOUNT}",
        _budget,
    ),
    Rule(
        rf"(?:i|we) (?:can|could only|can only|am willing to|want to|'m willing to|will) spend (?:up to"
        rf"|at most|no more than|around|about|a maximum of|max) {AMOUNT}",
        _spending,
    ),
    Rule(rf"(?:i'm|we're) willing to (?:spend|pay) (?:up to|at most|no more than) {AMOUNT}", _spending),
    Rule(rf"(?:i|we) (?:don't|do not|can't|cannot|won't) (?:want to )?spend more than {AMOUNT}", _spending),
    Rule(rf"(?:i|we|i've|we've) (?:have |got |have got ){ABOUT}{AMOUNT} to spend\b", _spending),
    Rule(
        r"(?:i|we) (?:can |also |can also |only |currently |mostly ){0,2}speak (?:fluent |some |good |basic "
        r"|native |a little |a bit of )?"
        r"(?!no\b|neither\b|not\b)",
        _languages,
    ),
    Rule(
        r"(?:i'm|i am|im) (?:also |quite |pretty |nearly )?(?:fluent in|bilingual|trilingual|proficient in)\b",
        _languages,
    ),
    Rule(r"my (?:native|mother|first|second|third) (?:language|tongue)(?:'s| is|:)\s(?!not\b)", _languages),
    Rule(rf"(?:i'm|i am|im) a (?:native |fluent ){_LANGUAGE_WORD} speaker\b", _language),
    Rule(rf"{_MY_ZONE} (?:the )?{_NAMED_ZONE}(?: (?:standard )?time(?: ?zone)?)?\s*(?=$|[,;.])", _time_zone, 0.95),
    Rule(rf"{_MY_ZONE} {_ZONE}(?=\s*$|[,;.)]|\s(?:and|so|but|now|btw)\b)", _time_zone, 0.95),
    Rule(
        rf"(?:i'm|i am|im|i live|we're) (?:currently )?(?:in|on) (?:the )?{_NAMED_ZONE} (?:standard )?time"
        rf"(?: ?zone)?\b",
        _time_zone,
    ),
    Rule(
        r"(?:i'm|i am|im|we're) (?:currently )?(?:in|on|at) (?:the )?(?P<zone>(?:UTC"
        r"|GMT)\s?[+-]\s?\d{1,2}(?::?\d\d)?)(?!\w)",
        _time_zone,
    ),
    Rule(
        r"(?:i'm|i am|im) (?:in|on) (?:the )?(?P<zone>(?-i:[A-Z]{3,4}))(?: time ?zone| time)?(?=\s*$|[,;.])", _time_zone
    ),
)
