"""National ids, found by their form and check digits, or by the words that introduce them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from stdnum.br import cpf
from stdnum.ch import ssn as swiss
from stdnum.cn import ric
from stdnum.es import dni, nie
from stdnum.fi import hetu
from stdnum.fr import nir
from stdnum.in_ import pan
from stdnum.it import codicefiscale
from stdnum.kr import rrn
from stdnum.mx import curp
from stdnum.se import personnummer
from stdnum.us import itin
from stdnum.us import ssn as american

NATIONAL_ID = "national id"


def _any(number: str) -> bool:
    return True


# The form is told apart from other numbers at a glance; the library knows dates, ranges and check digits in it.
_FORMS: tuple[tuple[re.Pattern[str], Callable[[str], bool]], ...] = tuple(
    (re.compile(rf"(?<![\w.-])(?:{form})(?![\w-])"), is_valid)
    for form, is_valid in (
        (r"\d{3}-\d\d-\d{4}|\d{3} \d\d \d{4}", lambda number: american.is_valid(number) or itin.is_valid(number)),
        (r"(?i:[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z] ?\d\d ?\d\d ?\d\d ?[A-D])", _any),  # United Kingdom
        (r"\d{3}\.\d{3}\.\d{3}-\d\d", cpf.is_valid),
        (r"756[. ]?\d{4}[. ]?\d{4}[. ]?\d\d", swiss.is_valid),
        (r"[1-9]\d{5}(?:19|20)\d{9}[\dXx]", ric.is_valid),
        (r"\d{8}-?[A-Za-z]", dni.is_valid),
        (r"[XYZxyz]-?\d{7}-?[A-Za-z]", nie.is_valid),
        (r"\d{6}[-+A-FU-Y]\d{3}[0-9A-Y]", hetu.is_valid),
        (r"[12] ?\d\d ?\d\d ?(?:\d\d|2[ABab]) ?\d{3} ?\d{3} ?\d\d", nir.is_valid),
        (r"[A-Z]{3}[ABCFGHJLPT][A-Z]\d{4}[A-Z]", pan.is_valid),
        (r"[A-Za-z]{6}[0-9A-Za-z]{2}[A-Za-z][0-9A-Za-z]{2}[A-Za-z][0-9A-Za-z]{3}[A-Za-z]", codicefiscale.is_valid),
        (r"\d{6}-\d{7}", rrn.is_valid),
        (r"[A-Z]{4}\d{6}[HMX][A-Z]{5}[0-9A-Z]\d", curp.is_valid),
        (r"(?:19|20)?\d{6}[-+]\d{4}", personnummer.is_valid),
    )
)
# With these words before it a number is private whether its check digits are right or mistyped.
_INTRODUCED = re.compile(
    r"\b(?:ssn|social\ssecurity|social\sinsurance|sin\snumber|tax(?:payer)?\s(?:id|identification|file)|tfn|itin"
    r"|steuer-?id|aadhaar|aadhar|bsn|pesel|personnummer|cpf|curp|codice\sfiscale|dni|nif|national\s(?:id|insurance)"
    r"|nino|nhs|medicare|identity\scard|id\scard|passport|driv(?:er'?s|ing)\slicen[cs]e)"
    r"(?:\s(?:number|no\.?|nr\.?|id|identification))?(?:\snumber)?(?:\s?[:=#]|\sis|'s)?\s?"
    r"(?P<value>(?=(?:[A-Za-z]{0,3}[ .-]?\d){5})[A-Za-z0-9](?:[ .-]?[A-Za-z0-9]){5,15}\b)",
    re.IGNORECASE,
)
_WITH_DIGIT = re.compile(r"(?:[ .-]?[A-Za-z0-9]*\d[A-Za-z0-9]*)+(?:[ -][A-Za-z]\b)?")


def find_national_ids(text: str) -> Iterator[tuple[int, int, str]]:
    """Where national ids stand in a text, as (start, end, kind)."""
    for form, is_valid in _FORMS:
        yield from ((*match.span(), NATIONAL_ID) for match in form.finditer(text) if is_valid(match[0]))
    for match in _INTRODUCED.finditer(text):
        value = _WITH_DIGIT.match(text, match.start("value"), match.end("value"))
        if value:
            yield (*value.span(), NATIONAL_ID)
