"""Sums of money in a text, and the one form in which they are kept: ``$5,000``, ``€1,200 per month``, ``900 CHF``."""

from __future__ import annotations

import re
from decimal import Decimal

_SYMBOLS = {
    **{"$": "$", "usd": "$", "us$": "$", "dollar": "$", "dollars": "$", "buck": "$", "bucks": "$"},
    **{"€": "€", "eur": "€", "euro": "€", "euros": "€", "£": "£", "gbp": "£", "pound": "£", "pounds": "£", "quid": "£"},
    **{"¥": "¥", "yen": "¥", "jpy": "¥", "₹": "₹", "inr": "₹", "rupees": "₹"},
}
_CODES = frozenset("chf cad aud nzd sek nok dkk pln czk huf sgd hkd cny krw brl mxn zar try ils thb".split())  # noqa: SIM905
_SIZES = {"k": 1_000, "thousand": 1_000, "grand": 1_000, "m": 1_000_000, "million": 1_000_000, "mil": 1_000_000}
_PERIODS = {"monthly": "month", "weekly": "week", "yearly": "year", "annual": "year", "daily": "day"}

_UNIT = rf"(?:{'|'.join(sorted((re.escape(name) for name in [*_SYMBOLS, *_CODES]), key=len, reverse=True))})"
#: A sum, with groups ``before``, ``number``, ``size``, ``after`` and ``period``.
AMOUNT = (
    rf"(?:(?P<before>{_UNIT})\s?)?(?P<number>\d{{1,3}}(?:,\d{{3}})+(?:\.\d{{1,2}})?|\d{{1,12}}(?:\.\d{{1,3}})?)"
    rf"(?:\s?(?P<size>{'|'.join(_SIZES)})\b)?(?:\s?(?P<after>{_UNIT})(?!\w))?(?!\w|[.,]?\d|%|\s?percent)"
    r"(?:\s?(?:a|an|per|each|every|/)\s?(?P<period>day|night|week|month|year|person)\b)?"
)
#: Words that go before a sum without changing it.
ABOUT = (
    r"(?:(?:now|currently|around|about|roughly|approximately|approx\.?|up to|at most|max(?:imum)?|only"
    r"|just|exactly|actually"
    r"|maybe around|somewhere around|under|no more than|~|set at|like) ?){0,3}"
)


def amount_text(match: re.Match[str], *, period: str = "") -> str:
    """The sum that `AMOUNT` matched, in the form in which sums are kept.

    Args:
        match: of a pattern that holds `AMOUNT`.
        period: a word such as "monthly" that was said elsewhere.
    """
    value = Decimal(match["number"].replace(",", "")) * _SIZES.get((match["size"] or "").lower(), 1)
    shown = f"{value:,.2f}".removesuffix(".00")
    unit = (match["before"] or match["after"] or "").lower()
    symbol = _SYMBOLS.get(unit)
    money = f"{symbol}{shown}" if symbol else f"{shown} {unit.upper()}".strip()
    per = (match["period"] or _PERIODS.get(period.lower().strip(), "")).lower()
    return f"{money} per {per}" if per else money


def has_unit(match: re.Match[str]) -> bool:
    """Whether the sum names a currency."""
    return bool(match["before"] or match["after"])
