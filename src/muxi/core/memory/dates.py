"""Days named in English text, relative to when it was said: "next Friday", "5 May", "two weeks ago".

Understood are, in any letter case:

- days: ``2026-05-05``, ``2026/05/05``, ``05.05.2026``, ``31/12/2026`` and ``12/31/2026`` (a date with slashes that
  could be both is left out), ``5 May``, ``5th of May 2026``, ``May 5th, 2026``;
- months and years: ``May 2026``, ``in May``, ``last May``, ``in 2026``, ``last month``, ``this year``;
- seasons, as in the north: ``last summer``, ``the winter of 2025``;
- ``today``, ``tonight``, ``yesterday``, ``last night``, ``tomorrow``, ``the day after tomorrow``, ``this morning``;
- weekdays: ``on Friday``, ``this Friday``, ``last Friday``, ``next Friday``, ``Friday next week``, ``last weekend``;
- distances: ``three days ago``, ``in two weeks``, ``a month from now``.

What is named by its unit is as long as the unit: two weeks ago is a week, Monday to Sunday, and a month ago is a
calendar month. ``next Friday`` is the Friday of the next week, ``this Friday`` and ``on Friday`` the first to come.
Times of day are not read. The forms are few on purpose: "may", "march", "sun" or "second" alone are no dates.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from calendar import monthrange
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Literal

Lean = Literal["past", "future"]
_Days = tuple[date, date]


@dataclass(frozen=True, slots=True)
class DateSpan:
    """Days that a text names.

    Attributes:
        start: where the words begin in the text.
        end: where they end, exclusive.
        first_day: the first day meant.
        last_day: the last day meant; the same as the first for a single day.
    """

    start: int
    end: int
    first_day: date
    last_day: date


@dataclass(frozen=True, slots=True)
class _Said:
    day: date
    lean: Lean


_FULL_MONTHS = [
    *("january", "february", "march", "april", "may", "june"),
    *("july", "august", "september", "october", "november", "december"),
]
_MONTHS = {name[:3]: number for number, name in enumerate(_FULL_MONTHS, 1)}
_WEEKDAYS = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
_SEASONS = {"spring": 3, "summer": 6, "autumn": 9, "fall": 9, "winter": 12}
_STEPS = {"last": -1, "past": -1, "previous": -1, "this": 0, "next": 1, "coming": 1}
_COUNTS = {"a": 1, "an": 1, "one": 1, "a couple of": 2, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6}
_COUNTS |= {"seven": 7, "eight": 8, "nine": 9, "ten": 10, "eleven": 11, "twelve": 12}
_NAMED_DAYS = {
    **{"today": 0, "tonight": 0, "this morning": 0, "this afternoon": 0, "this evening": 0},
    **{"yesterday": -1, "last night": -1, "the day before yesterday": -2, "day before yesterday": -2},
    **{"tomorrow": 1, "the day after tomorrow": 2, "day after tomorrow": 2},
}

_MONTH = (
    r"(?P<month>jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?"
    r"|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)\b(?:\.(?=,?\s\d))?"
)
_FULL_MONTH = rf"(?P<month>{'|'.join(_FULL_MONTHS)})"
_DAY = r"(?P<day>[0-3]?\d)(?:st|nd|rd|th)?"
_YEAR = r"(?P<year>(?:19|20)\d\d)"
_WEEKDAY = rf"(?P<weekday>{'|'.join(_WEEKDAYS)})"
_STEP = rf"(?P<step>{'|'.join(_STEPS)})"
_COUNT = rf"(?P<count>\d{{1,3}}|{'|'.join(sorted(_COUNTS, key=len, reverse=True))})"
_UNIT = r"(?P<unit>day|week|month|year)s?"
_IN_TIME = r"(?:in|during|since|until|by)\s"
_SEASON = rf"(?P<season>{'|'.join(_SEASONS)})"

# What makes a sentence one about the past, for dates that do not say it themselves.
_PAST = re.compile(
    r"\b(?:was|were|did|had|went|came|saw|met|got|made|ate|took|left|bought|ago|\w{2,24}[^e\W]ed)\b", re.I
)
_AROUND = 80


def find_dates(text: str, said_at: datetime, *, lean: Lean | None = None) -> list[DateSpan]:
    """The days that a text names.

    Args:
        text: English; other languages give nothing, except dates in digits.
        said_at: when it was said, in the time zone of who said it: "today" is its date.
        lean: where a date without a year or a bare weekday lies. By default in the past if the words around it are
            in the past tense, else in the future.

    Returns:
        In the order of the text, without overlaps; where two forms overlap, the longer one.
    """
    past_words = [match.start() for match in _PAST.finditer(text)]

    def lean_at(start: int, end: int) -> Lean:
        near = bisect_left(past_words, start - _AROUND) < bisect_left(past_words, end + _AROUND)
        return lean or ("past" if near else "future")

    found = [span for form, days in _FORMS for span in _spans(form, days, text, said_at.date(), lean_at)]
    found.sort(key=lambda span: (span.start, -span.end))
    kept: list[DateSpan] = []
    for span in found:
        if not kept or span.start >= kept[-1].end:
            kept.append(span)
    return kept


def _spans(
    form: re.Pattern[str], days: _Reading, text: str, day: date, lean_at: Callable[[int, int], Lean]
) -> Iterator[DateSpan]:
    for match in form.finditer(text):
        try:
            read = days(match, _Said(day, lean_at(*match.span())))
        except (ValueError, OverflowError):  # 31 June, or a year that the calendar does not reach
            continue
        if read is not None:
            yield DateSpan(match.start(), match.end(), *read)


def _single(day: date) -> _Days:
    return day, day


def _month_number(match: re.Match[str]) -> int:
    return _MONTHS[match["month"][:3].lower()]


def _whole_month(year: int, month: int) -> _Days:
    return date(year, month, 1), date(year, month, monthrange(year, month)[1])


def _week_of(day: date) -> _Days:
    monday = day - timedelta(days=day.weekday())
    return monday, monday + timedelta(days=6)


def _in_digits(match: re.Match[str], said: _Said) -> _Days:
    return _single(date(int(match["year"]), int(match["month"]), int(match["day"])))


def _with_slashes(match: re.Match[str], said: _Said) -> _Days | None:
    first, second, year = int(match["first"]), int(match["second"]), int(match["year"])
    if first > 12:
        return _single(date(year, second, first))
    if second > 12 or first == second:
        return _single(date(year, first, second))
    return None


def _day_of_month(match: re.Match[str], said: _Said) -> _Days | None:
    month, day = _month_number(match), int(match["day"])
    if match["year"]:
        return _single(date(int(match["year"]), month, day))
    step = 1 if said.lean == "future" else -1
    for year in range(said.day.year, said.day.year + 9 * step, step):  # a 29 February is at most eight years off
        if day > monthrange(year, month)[1]:
            continue
        meant = date(year, month, day)
        if (meant - said.day).days * step >= 0:
            return _single(meant)
    return None


def _month_of_year(match: re.Match[str], said: _Said) -> _Days:
    return _whole_month(int(match["year"]), _month_number(match))


def _month_alone(match: re.Match[str], said: _Said) -> _Days:
    month, step = _month_number(match), _STEPS.get((match["step"] or "").lower())
    if step is None and month == said.day.month:
        step = 0
    backwards = step == -1 or (step is None and said.lean == "past")
    if backwards:
        year = said.day.year - (month >= said.day.month)
    else:
        year = said.day.year + (step != 0 and month <= said.day.month)
    return _whole_month(year, month)


def _year_alone(match: re.Match[str], said: _Said) -> _Days:
    return date(int(match["year"]), 1, 1), date(int(match["year"]), 12, 31)


def _named_day(match: re.Match[str], said: _Said) -> _Days:
    return _single(said.day + timedelta(days=_NAMED_DAYS[" ".join(match[0].lower().split())]))


def _weekday(match: re.Match[str], said: _Said) -> _Days:
    number = _WEEKDAYS.index(match["weekday"].lower())
    step = (match["step"] or "").lower()
    week_step = match["week_step"] or ("next" if step == "next" else None)
    if week_step:
        return _single(_week_of(said.day)[0] + timedelta(weeks=_STEPS[week_step.lower()], days=number))
    ahead = (number - said.day.weekday()) % 7
    if _STEPS.get(step) == -1 or (not step and said.lean == "past"):
        return _single(said.day - timedelta(days=7 - ahead))
    return _single(said.day + timedelta(days=ahead if ahead or step else 7))


def _stepped_unit(match: re.Match[str], said: _Said) -> _Days:
    return _unit_days(match["unit"].lower(), _STEPS[match["step"].lower()], said.day)


def _unit_days(unit: str, count: int, day: date) -> _Days:
    if unit == "day":
        return _single(day + timedelta(days=count))
    if unit == "week":
        return _week_of(day + timedelta(weeks=count))
    if unit == "weekend":
        sunday = _week_of(day + timedelta(weeks=count))[1]
        return sunday - timedelta(days=1), sunday
    if unit == "month":
        years, month = divmod(day.month - 1 + count, 12)
        return _whole_month(day.year + years, month + 1)
    return date(day.year + count, 1, 1), date(day.year + count, 12, 31)


def _count(match: re.Match[str]) -> int:
    words = " ".join(match["count"].lower().split())
    return int(words) if words.isdigit() else _COUNTS[words]


def _distance_back(match: re.Match[str], said: _Said) -> _Days:
    return _unit_days(match["unit"].lower(), -_count(match), said.day)


def _distance_ahead(match: re.Match[str], said: _Said) -> _Days:
    return _unit_days(match["unit"].lower(), _count(match), said.day)


def _season_of_year(match: re.Match[str], said: _Said) -> _Days:
    return _season_of(int(match["year"]), _SEASONS[match["season"].lower()])


def _stepped_season(match: re.Match[str], said: _Said) -> _Days:
    step, first_month = _STEPS[match["step"].lower()], _SEASONS[match["season"].lower()]
    seasons = [_season_of(said.day.year + offset, first_month) for offset in (-2, -1, 0, 1, 2)]
    if step < 0:
        return [season for season in seasons if season[1] < said.day][-1]
    coming = [season for season in seasons if season[1] >= said.day]
    return coming[1] if step > 0 and coming[0][0] <= said.day else coming[0]


def _season_of(year: int, first_month: int) -> _Days:
    last_year, last_month = (year + 1, 2) if first_month == 12 else (year, first_month + 2)
    return date(year, first_month, 1), _whole_month(last_year, last_month)[1]


_Reading = Callable[[re.Match[str], _Said], _Days | None]


def _form(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE)


_NAMED_DAY = "|".join(sorted((name.replace(" ", r"\s+") for name in _NAMED_DAYS), key=len, reverse=True))
_FORMS: list[tuple[re.Pattern[str], _Reading]] = [
    (_form(r"(?<![\w/-])(?P<year>(?:19|20)\d\d)([-/])(?P<month>[01]\d)\2(?P<day>[0-3]\d)(?![\w/-])"), _in_digits),
    (_form(rf"(?<![\w.])(?P<day>[0-3]?\d)\.\s?(?P<month>[01]?\d)\.\s?{_YEAR}(?!\w|\.\d)"), _in_digits),
    (_form(rf"(?<![\w/])(?P<first>[0-3]?\d)/(?P<second>[0-3]?\d)/{_YEAR}(?![\w/])"), _with_slashes),
    (_form(rf"(?<![\w.,$€£])(?:the\s)?{_DAY}(?:\sof)?\s{_MONTH}(?:,?\s{_YEAR}\b)?(?!\w)"), _day_of_month),
    (_form(rf"\b{_MONTH}\s(?:the\s)?{_DAY}(?:,?\s{_YEAR}\b)?(?![\w:%€$])(?![.,]\d)"), _day_of_month),
    (_form(rf"\b{_MONTH}(?:\sof|,)?\s{_YEAR}\b"), _month_of_year),
    (_form(rf"\b(?:{_IN_TIME}(?:early\s|late\s|mid-?\s?)?|{_STEP}\s){_FULL_MONTH}\b(?!\s\d)"), _month_alone),
    (_form(rf"\b(?:{_IN_TIME}|year\s){_YEAR}\b(?![.,/-]?\d)"), _year_alone),
    (_form(rf"\b(?:{_NAMED_DAY})\b"), _named_day),
    (_form(rf"\b(?:(?:on\s)?{_STEP}\s|on\s)?{_WEEKDAY}\b(?:\s(?P<week_step>last|this|next)\sweek\b)?"), _weekday),
    (_form(rf"\b{_STEP}\s(?P<unit>weekend|week|month|year)\b"), _stepped_unit),
    (_form(rf"\b{_COUNT}\s{_UNIT}\sago\b"), _distance_back),
    (_form(rf"\bin\s{_COUNT}\s{_UNIT}\b"), _distance_ahead),
    (_form(rf"\b{_COUNT}\s{_UNIT}\sfrom\s(?:now|today)\b"), _distance_ahead),
    (_form(rf"\b{_STEP}\s{_SEASON}\b"), _stepped_season),
    (_form(rf"\b(?:in\s)?(?:the\s)?{_SEASON}(?:\sof)?\s{_YEAR}\b"), _season_of_year),
]
