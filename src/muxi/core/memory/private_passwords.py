"""Passwords, PINs and card codes, found by the words that introduce them."""

from __future__ import annotations

import re
from collections.abc import Iterator

PASSWORD = "password"
CARD_CODE = "card code"

# Between the word and its value: "for Netflix", "to the server"; then what says that a value comes.
_FOR = r"(?:\s(?:for|to|of|at|on)(?:\s[\w.'@-]{1,30}){1,4}?)?"
_IS = (
    r"(?:\s?[:=]\s?|(?:\sis|\swas|['\u2019]s)(?:\snow|\scurrently|\sjust|\sset\sto|\schanged\sto|\s?:)?\s"
    r"|\schanged\sto\s)"
)
_PASSWORD = re.compile(
    rf"\b(?:pass(?:word|phrase|code|wort)|passwd|pwd|pw){_FOR}{_IS}"
    r"(?:(?P<quote>[\"\u201c'\u2018`])(?P<quoted>[^\"\u201d'\u2019`\n]{1,128})[\"\u201d'\u2019`]"
    r"|(?P<value>[^\s\"\u201c\u2018`]{1,128}))",
    re.IGNORECASE,
)
_PIN = re.compile(
    rf"\b(?:pin(?:\s(?:code|number))?|passcode){_FOR}{_IS}(?P<value>\d(?:[ -]?\d){{3,7}})(?!\d)", re.IGNORECASE
)
_CARD_CODE = re.compile(
    rf"\b(?:cvv2?|cvc2?|csc|(?:card\s)?(?:security|verification)\s(?:code|number|value)){_FOR}(?:{_IS}|\s)"
    r"(?P<value>\d{3,4})(?!\d)",
    re.IGNORECASE,
)
# One of these is in whatever introduces one.
_MARKS = ("pass", "pw", "pin", "cvv", "cvc", "csc", "security", "verification")
# What one says about a password without telling it.
_WORDS_AFTER = """
    a an the my your our his her their this that it in on at of to for from by with as so too very quite really
    rather pretty also still already always never ever not no now just only about again almost back being getting
    gone incorrect wrong right invalid valid expired expiring required missing needed empty blank weak strong long
    short safe secure unsafe insecure secret hidden private saved stored encrypted hashed compromised leaked lost
    forgotten changed reset set unchanged unknown broken bad good fine ok okay different same new old easy hard
    difficult impossible longer shorter stronger weaker case-sensitive working rejected accepted refused denied
    locked sent shown asked protected known used reused shared and or but because since where when why how what
    which who
"""
_TELLS_NOTHING = frozenset(_WORDS_AFTER.split())
_PLAIN_WORD = re.compile(r"[A-Za-z'\u2019]+")
_REST_OF_PHRASE = re.compile(
    r"(?:[ \t]+(?!(?:and|but|so|because|for|please|or|now|if|i|it|can|could)\b)[A-Za-z]+){0,7}", re.IGNORECASE
)
_TRAILING = ".,;:!?)"


def find_passwords(text: str) -> Iterator[tuple[int, int, str]]:
    """Where passwords, PINs and card codes stand in a text, as (start, end, kind)."""
    folded = text.casefold()
    if not any(mark in folded for mark in _MARKS):
        return
    for match in _PASSWORD.finditer(text):
        span = match.span("quoted") if match["quoted"] else _told(text, *match.span("value"))
        if span and text[span[0]] != "[":
            yield (*span, PASSWORD)
    yield from ((*match.span("value"), PASSWORD) for match in _PIN.finditer(text))
    yield from ((*match.span("value"), CARD_CODE) for match in _CARD_CODE.finditer(text))


def _told(text: str, start: int, end: int) -> tuple[int, int] | None:
    """The value, without the punctuation after it; a phrase of plain words as a whole. Nothing if it tells none."""
    word = text[start:end].rstrip(_TRAILING)
    if not word or word.lower() in _TELLS_NOTHING:
        return None
    end = start + len(word)
    if _PLAIN_WORD.fullmatch(word) and text[end : end + 1] in {" ", "\t"}:
        rest = _REST_OF_PHRASE.match(text, end)
        end = rest.end() if rest else end
    return start, end
