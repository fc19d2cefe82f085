"""What must not be remembered: payment cards, bank accounts, keys, national ids and passwords are cut out of a text.

Cards, accounts and ids are found by their check digits, keys by the forms that their issuers gave them, and passwords
by the words before them. Each is replaced by what it was, in brackets: ``[payment card]``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import accumulate

from stdnum import iban

from muxi.core.memory.private_ids import find_national_ids
from muxi.core.memory.private_keys import find_keys
from muxi.core.memory.private_passwords import find_passwords

CARD = "payment card"
BANK_ACCOUNT = "bank account"

#: A found private value: (start, end, kind).
Found = tuple[int, int, str]

_GAP = r"[\s\-._\u00ad\u00b7\u200b-\u200d\u2010-\u2015\u2060\u2212\ufeff]{0,4}"
_DIGITS = re.compile(rf"\d(?:{_GAP}\d)*")
_GROUP = re.compile(r"\d+")
_DIGIT = re.compile(r"\d")
# Days, as answers write them all the time.
_MONTH = r"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]{0,6}"
_DAY = re.compile(
    rf"(?<![\w-])(?:(?:19|20)\d\d-[01]\d-[0-3]\d|\d{{1,2}} {_MONTH} (?:19|20)\d\d|{_MONTH} \d{{1,2}}, (?:19|20)\d\d)"
    r"(?![\w-])"
)
# No card, account or national id that is looked for has fewer.
_FEWEST_DIGITS = 4
# The ranges that card networks number from: Visa, Mastercard, American Express, Diners, JCB, Discover, UnionPay,
# Maestro, Mir, and after the bar those outside 2 to 6: UATP, RuPay, Troy.
_CARD_START = re.compile(r"2[2-7]|[3-6]|1(?=\d{14}$)|8[12](?=\d{14}$)|9792(?=\d{12}$)")
_DATES = re.compile(
    r"(?:(?:(?:19|20)\d\d([-.])[01]?\d\1[0-3]?\d|[0-3]?\d([-.])[01]?\d\2(?:19|20)\d\d)(?:\s*-?\s*|$))+", re.ASCII
)
_DECIMAL = re.compile(r"\d+\.\d+")
_IBAN_START = re.compile(rf"(?<![^\W_])(?=([A-Za-z]){_GAP}([A-Za-z]){_GAP}\d{_GAP}\d)")
_IBAN_CHARACTERS = re.compile(rf"[A-Za-z0-9](?:{_GAP}[A-Za-z0-9]){{14,33}}")
_SHORTEST_CARD, _LONGEST_CARD = 13, 19
_LONGEST_PHONE = 14
# The length of an IBAN by its country, of the registry of ISO 13616.
_IBANS = """
    AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BI27 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DJ27 DK18 DO28 EE20 EG29
    ES24 FI18 FK18 FO18 FR27 GB22 GE22 GI23 GL18 GR27 GT28 HN28 HR21 HU28 IE22 IL23 IQ23 IS26 IT27 JO30 KW30 KZ20
    LB28 LC32 LI21 LT20 LU20 LV21 LY25 MC27 MD24 ME22 MK19 MN20 MR27 MT31 MU30 NI28 NL18 NO15 OM23 PK24 PL28 PS29
    PT25 QA29 RO24 RS22 RU33 SA24 SC31 SD18 SE24 SI19 SK24 SM27 SO23 ST25 SV28 TL23 TN24 TR26 UA29 VA22 VG24 XK20
    YE30
"""
_IBAN_LENGTHS = {entry[:2]: int(entry[2:]) for entry in _IBANS.split()}


@dataclass(frozen=True, slots=True)
class Redacted:
    """A text without private values.

    Attributes:
        text: the text with each value replaced by its kind in brackets.
        kinds: the kinds that were replaced, sorted; empty if the text is as it was.
    """

    text: str
    kinds: tuple[str, ...]


def redact(text: str) -> Redacted:
    """Replaces private values by what they are.

    Found are payment cards (13 to 19 digits, Luhn) and IBANs (ISO 7064 mod 97-10), however they are spaced; API keys,
    tokens and private keys by their known forms; national ids by their check digits or by the words before them;
    passwords, PINs and card codes by the words before them. Redacting twice is redacting once.

    Returns:
        The text without them, and which kinds there were.
    """
    kinds: set[str] = set()
    # Most messages have hardly a digit, and looking for numbers in them would be most of the work.
    finders = _FINDERS if len(_DIGIT.findall(_DAY.sub("", text))) >= _FEWEST_DIGITS else _FINDERS_OF_WORDS
    while found := _without_overlap([span for find in finders for span in find(text)]):
        kinds.update(kind for _, _, kind in found)
        text = _replaced(text, found)
    return Redacted(text, tuple(sorted(kinds)))


def _without_overlap(found: list[Found]) -> list[Found]:
    """Overlapping finds become one, of the kind of the first."""
    joined: list[Found] = []
    for start, end, kind in sorted(found, key=lambda span: (span[0], -span[1])):
        if joined and start < joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]), joined[-1][2])
        else:
            joined.append((start, end, kind))
    return joined


def _replaced(text: str, found: list[Found]) -> str:
    parts, after = [], 0
    for start, end, kind in found:
        parts += [text[after:start], f"[{kind}]"]
        after = end
    return "".join([*parts, text[after:]])


def _find_cards(text: str) -> Iterator[Found]:
    for run in _DIGITS.finditer(text):
        if run.end() - run.start() >= _SHORTEST_CARD:
            yield from _cards_in(text, run.start(), run.end())


def _cards_in(text: str, start: int, end: int) -> Iterator[Found]:
    """Cards that begin and end where groups of digits do, the leftmost and longest first."""
    groups = [match.span() for match in _GROUP.finditer(text, start, end)]
    digits = "".join(str(int(digit)) for first, last in groups for digit in text[first:last])
    offsets = list(accumulate((last - first for first, last in groups), initial=0))
    sums = _luhn_sums(digits)
    first = 0
    while first < len(groups):
        last = _last_group(text, groups, digits, offsets, sums, first)
        if last is None:
            first += 1
        else:
            yield groups[first][0], groups[last][1], CARD
            first = last + 1


def _last_group(
    text: str,
    groups: list[tuple[int, int]],
    digits: str,
    offsets: list[int],
    sums: tuple[list[int], list[int]],
    first: int,
) -> int | None:
    """The last group of a card that begins with this one, of the longest such card."""
    found = None
    for last in range(first, min(len(groups), first + _LONGEST_CARD)):
        begin, end = offsets[first], offsets[last + 1]
        if end - begin > _LONGEST_CARD:
            break
        if end - begin < _SHORTEST_CARD or not _CARD_START.match(digits[begin:end]):
            continue
        side = sums[(end - 1) % 2]
        if (side[end] - side[begin]) % 10 == 0 and not _is_other_number(text, groups[first][0], groups[last][1]):
            found = last
    return found


def _luhn_sums(digits: str) -> tuple[list[int], list[int]]:
    """Running sums of the Luhn formula, with the digits at odd and then at even places doubled."""
    doubled = (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)
    values = [int(digit) for digit in digits]
    even = accumulate((value if i % 2 == 0 else doubled[value] for i, value in enumerate(values)), initial=0)
    odd = accumulate((value if i % 2 else doubled[value] for i, value in enumerate(values)), initial=0)
    return list(even), list(odd)


def _is_other_number(text: str, start: int, end: int) -> bool:
    """Whether digits that pass the check are dates, one decimal number, or an international telephone number."""
    number = text[start:end]
    if start and text[start - 1] == "+" and sum(map(str.isdecimal, number)) <= _LONGEST_PHONE:
        return True
    return bool(_DATES.fullmatch(number) or _DECIMAL.fullmatch(number))


def _find_bank_accounts(text: str) -> Iterator[Found]:
    for match in _IBAN_START.finditer(text):
        length = _IBAN_LENGTHS.get("".join(match.groups()).upper(), 0)
        run = _IBAN_CHARACTERS.match(text, match.start()) if length else None
        end = _end_of(run, length) if run else None
        if end is not None and _is_iban(text[match.start() : end]):
            yield match.start(), end, BANK_ACCOUNT


def _end_of(run: re.Match[str], length: int) -> int | None:
    """Where so many letters and digits of a run end, if a word ends there."""
    for position in range(run.start(), run.end()):
        length -= run.string[position].isalnum()
        if not length:
            follows = run.string[position + 1 : position + 2]
            return None if follows.isalnum() else position + 1
    return None


def _is_iban(written: str) -> bool:
    number = "".join(character for character in written if character.isalnum())
    return _mod_97(number) == 1 and bool(iban.is_valid(number, check_country=False))


def _mod_97(number: str) -> int:
    """The remainder of ISO 7064 mod 97-10, letters counting 10 to 35; 1 for a valid IBAN."""
    return int("".join(str(int(character, 36)) for character in number[4:] + number[:4])) % 97


_FINDERS_OF_WORDS: tuple[Callable[[str], Iterator[Found]], ...] = (find_keys, find_passwords)
_FINDERS: tuple[Callable[[str], Iterator[Found]], ...] = (
    find_keys,
    _find_bank_accounts,
    _find_cards,
    find_national_ids,
    find_passwords,
)
