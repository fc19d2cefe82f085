"""Which parts of a message may speak about its author: statements, not quoted, asked or imagined ones."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

#: Stands for each character that is somebody else's: no rule matches it.
MASK = "\x00"
#: Longer ones are pasted text or lack punctuation: they are passed over, and bound what a pattern can cost.
LONGEST_SENTENCE = 600
MOST_CLAUSES = 16

_APOSTROPHES = str.maketrans({"\u2019": "'", "\u02bc": "'", "\u00a0": " ", "\t": " "})
_QUOTED = re.compile(
    r"```.{0,20000}?(?:```|\Z)"
    r"|\"[^\"\n]{1,2000}(?:\"|$)"
    r"|\u201c[^\u201c\u201d\n]{1,2000}(?:\u201d|$)"
    r"|\u00ab[^\u00ab\u00bb\n]{1,2000}(?:\u00bb|$)"
    r"|(?<![\w'])'(?=\S)(?!\w{1,3}\s)[^'\n]{1,200}(?:'[a-z][^'\n]{1,200}){0,5}'(?!\w)"
    r"|(?<![\w'])'(?=(?:i|my|we|our)\b)[^\n]{1,400}?'(?!\w)"
    r"|^[ ]*>[^\n]*",
    re.IGNORECASE | re.MULTILINE | re.DOTALL,
)
_ENDS = re.compile(r"[.!?\u2026]+(?=[\s\"')\]\x00]|$)|\n+")
_ABBREVIATED = re.compile(
    r"(?:\b(?:st|dr|mr|mrs|ms|jr|sr|prof|vs|etc|approx|inc|ltd|mt|ft)|\b[A-Z]|\be\.g|\bi\.e)$", re.IGNORECASE
)
_ASKS = re.compile(
    r"(?:(?:and|but|so|ok|okay|hey|hi|hello|well|also|please|sorry|tell me|any idea)[,:]?\s+){0,3}"
    r"(?:(?:what|who|whom|whose|which|where|why|how)\b|when (?:is|are|was|were|do|does|did|will|can|should)\b"
    r"|(?:do|does|did|is|are|am|was|were|can|could|should|would|will|has|isn't|aren't|don't|doesn't|didn't|won't"
    r"|wasn't|weren't|can't|couldn't|shouldn't|wouldn't|haven't|hasn't) (?:i|you|we|they|he|she|it|my|the"
    r"|there|this|that"
    r"|your|our|a|an|people|\w+s)\b|have (?:i|you|we|they)\b)",
    re.IGNORECASE,
)
_IMAGINED = re.compile(
    r"(?<!know )(?<!see )(?<!check )(?<!ask )(?<!asking )\bif\b|\b(?:suppos(?:e|ing)|imagin(?:e|ing)"
    r"|assum(?:e|ing)|pretend"
    r"(?:ing)?|hypothetically|perhaps|maybe|unless|whether|wish|wonder|dream(?:ed|t) (?:i|that|of|about)|in case"
    r"|provided that|for (?:example|instance)|e\.g\.|let's say|lets say|let us say|role-?play|act as"
    r"|had i|in (?:a|my|your|the)"
    r" (?:story|novel|poem|essay|dream|game|script)|not true|in another life|if only)\b|^(?:say|what if"
    r"|once|as soon as|whenever)\b",
    re.IGNORECASE,
)
_REPORTS = re.compile(
    r"(?<!\bi )(?<!\bi've )(?<!\bi just )(?<!\bi already )\b(?:said|says|say|saying|told|tells|thinks?"
    r"|thought|claims?|claimed"
    r"|believes?|wrote|writes|asked|asks|answered|replied|goes|swears|heard|according to|shouted|sang"
    r"|sings|insists?)\b",
    re.IGNORECASE,
)
# Work on a text that follows: from here to the end it is not about the author.
_TASK = re.compile(
    r"\b(?:translate|proofread|rephrase|paraphrase|rewrite|reword|summari[sz]e|correct|edit|improve"
    r"|shorten|fix|complete"
    r"|explain|analy[sz]e|classify|write|draft|compose|say|repeat|review|read)\b[^:]{0,80}:",
    re.IGNORECASE,
)
_OWN_COLON = re.compile(
    r"^(?:correction|update|edit|note|fyi|ps|p\.s\.|also|about me|a bit about me|intro|hi|hello|btw|by the way|reminder"
    r"|for context|context|background|important|remember|please note|for the record|(?:my|our) [\w -]{2,40})\s*$",
    re.IGNORECASE,
)
_COLON = re.compile(r":(?!\d)")
_ADVERBIAL = (
    r"(?:hi|hello|hey|hiya|yo|thanks|thank you|thx|well|so|ok|okay|oh|ah|yes|yeah|yep|no|nope|sorry|wait"
    r"|oops|actually|honestly"
    r"|frankly|also|anyway|please|btw|by the way|fyi|just so you know|just to let you know|for the record"
    r"|for your information"
    r"|currently|right now|now|nowadays|these days|at the moment|recently|lately|in fact|in general|generally|usually"
    r"|personally|sadly|unfortunately|luckily|and|but|because|since|as for me|apparently|correction"
    r"|update|note|good news"
    r"|nice to meet you|good (?:morning|afternoon|evening)|in my (?:spare|free) time|since (?:19|20)\d\d|as i said"
    r"|as i (?:told you|mentioned)(?: before| earlier)?|last (?:week|month|year|spring|summer|autumn|fall"
    r"|winter)|yesterday|today"
    r"|for the (?:last|past) \w+ (?:months|years)|(?:please )?(?:note|remember|keep in mind|bear in mind)(?: that)?"
    r"|(?:please )?don't forget(?: that)?|(?:just )?(?:a )?reminder(?: that)?|you should know(?: that)?"
    r"|(?:just )?to be clear"
    r"|i(?: already|'ve already)? (?:told you|said|mentioned)(?: before| earlier)?(?: that)?|let me introduce myself"
    r"|a bit about me|about me|for context|important|the thing is(?: that)?|ps|p\.s\.|reminder|background"
    r"|context|also note)"
)
_OPENING = re.compile(rf"(?:{_ADVERBIAL}(?:\s*[,:!-]+\s*|\s+)){{0,4}}", re.IGNORECASE)
_BREAK = re.compile(
    r"[,;]\s*(?:and\s|but\s|so\s|because\s|since\s|also\s)?|\s(?:and|but|so|because|although|though)\s"
    r"|\s[-\u2013\u2014]+\s"
)
_VERBS = (
    r"(?:live|love|like|hate|dislike|enjoy|prefer|speak|work|started?|moved|joined|quit|left|own|have|'m"
    r"|am|was born|grew up"
    r"|studied|study|play|want to|plan to|don't|do not|can't stand|go to|just|also|really|currently|now)\b"
)
_JOINS = re.compile(r"and|but", re.IGNORECASE)
_SHARED = re.compile(_VERBS, re.IGNORECASE)
_SUBJECT = re.compile(
    r"(?:i|i'\w+|im|my|we|our|he|she|they|it|you|your|his|her|their|the|a|an|this|that)\b", re.IGNORECASE
)
_MINE = re.compile(r"(?:i|i'm|im|i've|i'd)\b(?! (?:think|guess|know|hope|told|said)\b)", re.IGNORECASE)
_ABOUT_ME = re.compile(
    r"\b(?:i|i'\w+|im|ive|my|me|our|we|we're|mine)\b|\b(?:answer|reply|respond|this is|name is|budget)\b", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Clause:
    """A part of a sentence that begins with its subject.

    Attributes:
        text: from the subject to the end of the sentence; "and love jazz" after "I ..." is given as "I love jazz".
        offset: where the text's first character stands in the message; before it for a subject that was put in.
        begin: where its own words begin in the message.
    """

    text: str
    offset: int
    begin: int


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence of a message, quotations masked.

    Attributes:
        text: without the mark at its end.
        start: where it begins in the message.
        mark: the mark at its end, such as ``"?"``; may be empty.
    """

    text: str
    start: int
    mark: str

    @property
    def asks(self) -> bool:
        """Whether it is a question."""
        return "?" in self.mark or _ASKS.match(self.text) is not None

    @property
    def imagines(self) -> bool:
        """Whether what it says is supposed, wished or given as an example."""
        return _IMAGINED.search(self.text) is not None


def sentences(message: str) -> Iterator[Sentence]:
    """The sentences of a message, quotations masked, up to one that sets a task about the text after it."""
    text = _QUOTED.sub(lambda match: MASK * len(match[0]), message.translate(_APOSTROPHES))
    start = 0
    for end in [*_ENDS.finditer(text), None]:
        stop, after, mark = (end.start(), end.end(), end[0]) if end else (len(text), len(text), "")
        if mark == "." and after < len(text) and _ABBREVIATED.search(text, max(start, stop - 8), stop):
            continue
        sentence = _trimmed(text, start, stop, mark.strip())
        start = after
        if sentence and _TASK.match(sentence.text.lstrip()) and not _OWN_COLON.match(sentence.text.partition(":")[0]):
            return
        if sentence:
            yield sentence


def _trimmed(text: str, start: int, stop: int, mark: str) -> Sentence | None:
    while start < stop and not (text[start].isalnum() or text[start] in "$\u20ac\u00a3\u00a5+("):
        start += 1
    if start == stop or stop - start > LONGEST_SENTENCE:
        return None
    return Sentence(text[start:stop].rstrip(), start, mark)


def clauses(sentence: Sentence) -> Iterator[Clause]:
    """The clauses of a statement that may be about its author; none of a question or of something imagined."""
    if not _ABOUT_ME.search(sentence.text) or sentence.asks or sentence.imagines:
        return
    limit = _trusted_until(sentence.text)
    opening = _OPENING.match(sentence.text)
    begin = opening.end() if opening else 0
    for at in sorted({0, begin}):
        if at <= limit:
            yield Clause(sentence.text[at:], sentence.start + at, sentence.start + at)
    mine = _MINE.match(sentence.text, begin) is not None
    for match in islice(_BREAK.finditer(sentence.text), MOST_CLAUSES):
        at = match.end()
        if at > limit:
            return
        opening = _OPENING.match(sentence.text, at)
        at = opening.end() if opening else at
        rest, where = sentence.text[at:], sentence.start + at
        if mine and _JOINS.search(match[0]) and _SHARED.match(rest):
            yield Clause(f"I {rest}", where - 2, where)
        else:
            mine = _MINE.match(rest) is not None if _SUBJECT.match(rest) else mine
            yield Clause(rest, where, where)


def _trusted_until(text: str) -> int:
    """How far a sentence is its author's own word: up to a colon or a verb of saying that is not the author's."""
    limit = len(text)
    colon = _COLON.search(text)
    if colon and not _OWN_COLON.match(text[: colon.start()]):
        limit = colon.start()
    reports = _REPORTS.search(text)
    return min(limit, reports.start()) if reports else limit
