"""From a text to its words: what makes a question and a memory meet."""

from __future__ import annotations

import re
import threading
import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from itertools import pairwise

import snowballstemmer

# English words that say how a sentence is built, not what it is about. "may", "us" and "mine" are left in: they are
# also a month, a country and a place. The last line is what an apostrophe leaves behind.
_STOP_WORDS = """
    a an the this that these those such same own
    i me my myself we our ours ourselves you your yours yourself yourselves he him his himself she her hers herself
    it its itself they them their theirs themselves
    am is are was were be been being do does did doing done have has had having can could will would shall should must
    and or but nor if then than because so as while until though although
    of at by for with about against between into through during before after above below to from up down in out on off
    over under again further once here there now
    what which who whom whose when where why how
    all any both each few more most other some no not only too very just also
    s t d ll m re ve don isn aren wasn weren doesn didn hasn haven hadn couldn wouldn shouldn
"""
STOP_WORDS = frozenset(_STOP_WORDS.split())

# A longer run of letters and digits is no word (a key, a blob): its start is enough to find it again.
_LONGEST = 64
_STEMS_KEPT = 16_384

# Marks that people leave out when they type: accents, Hebrew points, Arabic vowels.
_ACCENTS = re.compile("[\u0300-\u036f\u0591-\u05bd\u05bf-\u05c7\u064b-\u065f\u0670]")
_ASCII_WORD = re.compile("[a-z0-9]+")
# Scripts written without spaces: Thai, Lao, Tibetan, Burmese; Khmer; kana; Han; and Hangul, where particles cling
# to the word.
_UNSPACED = (
    "\u0e00-\u109f\u1780-\u17ff\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\U00020000-\U000323af"
)
# Python's \w lacks the vowel signs of Indic scripts, so their blocks are named: a sign must not cut a word.
_WORD = re.compile(f"(?P<run>[{_UNSPACED}]+)|(?:(?![_{_UNSPACED}])[\\w\u0900-\u0dff])+")

_stemmer = snowballstemmer.stemmer("english")
_stemming = threading.Lock()  # a stemmer keeps the word it works on in itself


def words(text: str) -> list[str]:
    """The words of a text in order, with repetition.

    Lower-cased without accents, English stop words removed, and Latin words stemmed by Snowball's English stemmer.
    Scripts without spaces give every character and every pair of neighbouring characters, as a dictionary would be
    needed for more.

    Returns:
        The words; empty for a text of punctuation or stop words only.
    """
    folded = text.casefold()
    if folded.isascii():
        found: Iterator[str] = iter(_ASCII_WORD.findall(folded))
    else:
        found = _unicode_words(folded)
    return [_stem(word[:_LONGEST]) for word in found if word not in STOP_WORDS]


def _unicode_words(folded: str) -> Iterator[str]:
    bare = unicodedata.normalize("NFC", _ACCENTS.sub("", unicodedata.normalize("NFKD", folded)))
    for match in _WORD.finditer(bare):
        if match["run"]:
            yield from _characters_and_pairs(match["run"])
        else:
            yield match[0]


def _characters_and_pairs(run: str) -> Iterator[str]:
    yield from run
    for first, second in pairwise(run):
        yield first + second


@lru_cache(maxsize=_STEMS_KEPT)
def _stem(word: str) -> str:
    if not (word.isascii() and word.isalpha()):
        return word
    with _stemming:
        stem: str = _stemmer.stemWord(word)
    return stem
