"""The chat model of last resort: it quotes what was recalled, and says that no chat model is configured."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from itertools import islice

import snowballstemmer

from muxi.core.models.base import Completion, Prompt, Recalled, Usage

NOTICE = "(No chat model is configured: I can only quote what you told me.)"

_MOST_QUOTES = 3
_LONGEST_QUOTE = 300
# Characters of a text that are compared: enough for its subject, and a bound on the work.
_LONGEST_READ = 2000
_WORD = re.compile(r"[^\W_]+")
# fmt: off
_QUESTION_STARTS = frozenset({
    "what", "when", "where", "who", "whom", "whose", "which", "why", "how", "is", "are", "was", "were", "does",
    "did", "can", "could", "tell", "remind", "show",
})
# Words that say nothing about what a sentence is about.
_COMMON_WORDS = frozenset({
    "a", "about", "am", "an", "and", "are", "as", "at", "be", "been", "but", "by", "can", "could", "d", "did", "do",
    "does", "for", "from", "had", "has", "have", "he", "her", "him", "his", "how", "i", "if", "in", "is", "it",
    "its", "know", "ll", "m", "me", "mine", "my", "of", "on", "or", "our", "please", "re", "remember", "remind",
    "s", "said", "say", "she", "should", "show", "so", "some", "t", "tell", "than", "that", "the", "their", "them",
    "then", "there", "they", "this", "to", "told", "up", "us", "ve", "was", "we", "were", "what", "when", "where",
    "which", "who", "whom", "whose", "why", "will", "with", "would", "you", "your", "yours",
})
# Not from `calendar`, whose names follow the machine's locale: the answer is the same everywhere.
_MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)
# fmt: on


@dataclass(frozen=True, slots=True)
class _Said:
    text: str
    where: str


class QuoteModel:
    """A chat model that is honest, instant and deterministic, and needs no key and no network.

    A question is answered with what the user said that shares a word with it, each with its channel and date; if
    none does, the answer says so, and quotes the most relevant one as the nearest. A statement is noted.
    """

    @property
    def name(self) -> str:
        """``quote``."""
        return "quote"

    async def complete(self, prompt: Prompt) -> Completion:
        """The whole answer; it costs no token."""
        return Completion(f"{_answer(prompt)} {NOTICE}")

    async def stream(self, prompt: Prompt) -> AsyncGenerator[str | Usage]:
        """The answer word by word, then a `Usage` of nothing."""
        completion = await self.complete(prompt)
        for word in re.findall(r"\S+\s*", completion.text):
            yield word
        yield completion.usage


def _answer(prompt: Prompt) -> str:
    message = prompt.message[:_LONGEST_READ]
    told = [said for said in _told(prompt) if _tells(said.text, message)]
    about = _topics(message)
    fitting = (said for said in told if about & _topics(said.text))
    quotes = "; ".join(_quote(said) for said in islice(fitting, _MOST_QUOTES))
    if not quotes and _is_question(message):
        quotes = "; ".join(_quote(said) for said in islice(_known(prompt, about), _MOST_QUOTES))
    if not _is_question(message):
        return f"Noted. You also told me: {quotes}." if quotes else "Noted."
    if quotes:
        return f"You told me: {quotes}."
    if told:
        return f"I know nothing of that. The nearest that you told me: {_quote(told[0])}."
    return "I know nothing of that."


def _told(prompt: Prompt) -> list[_Said]:
    """What the user said: in this conversation, the newest first, then what was recalled, the best first."""
    lines = [line.text for line in reversed(prompt.recent) if line.role == "user"]
    here = [_Said(text[:_LONGEST_READ], "in this conversation") for text in lines]
    return here + [_Said(one.text[:_LONGEST_READ], _where(one)) for one in prompt.recalled]


def _where(one: Recalled) -> str:
    if not one.shared_by:
        return f"{one.channel}, {_day(one.said_at)}"
    return f"shared by {f'the team {one.team}' if one.team else one.shared_by}, {_day(one.said_at)}"


def _known(prompt: Prompt, about: frozenset[str]) -> Iterator[_Said]:
    """What is known of the user about something, where none of their own words tells it."""
    known = [(one, "") for one in prompt.known]
    known += [(one, f"shared by the team {team.name}, ") for team in prompt.teams for one in team.known]
    for one, by in known:
        label = " ".join(re.split(r"[._\\]+", one.path))
        if about & _topics(label):
            yield _Said(f"{label}: {one.value[:_LONGEST_READ]}", f"{by}{_day(one.since)}")


def _tells(text: str, message: str) -> bool:
    """Whether a recalled text can answer: earlier questions, and the message itself, cannot."""
    return not _is_question(text) and text.strip().casefold() != message.strip().casefold()


@lru_cache(maxsize=4096)
def _is_question(text: str) -> bool:
    first = _WORD.search(text)
    return "?" in text or (first is not None and first.group().casefold() in _QUESTION_STARTS)


@lru_cache(maxsize=4096)
def _topics(text: str) -> frozenset[str]:
    words = (word.casefold() for word in _WORD.findall(text))
    return frozenset(_stem(word) for word in words if word not in _COMMON_WORDS)


@lru_cache(maxsize=4096)
def _stem(word: str) -> str:
    # A stemmer holds the word it works on: one for all would not be safe between threads.
    stem: str = snowballstemmer.stemmer("english").stemWord(word)
    return stem


def _quote(said: _Said) -> str:
    text = " ".join(said.text.split())
    if len(text) > _LONGEST_QUOTE:
        text = f"{text[:_LONGEST_QUOTE].rstrip()}…"
    return f'"{text}" ({said.where})'


def _day(moment: datetime) -> str:
    return f"{moment.day} {_MONTHS[moment.month - 1]} {moment.year}"
