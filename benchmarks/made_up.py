"""People who remember things that nobody said: texts, vectors and models that cost nothing, the same at every run."""

from __future__ import annotations

import random
import zlib
from collections.abc import AsyncGenerator, Sequence

import numpy as np

from muxi.core.formation import Formation
from muxi.core.memory.service import MAX_BATCH, Draft
from muxi.core.models.base import Completion, Prompt, Usage, Vectors
from muxi.ids import UserId

DIMENSION = 384
SETTLED_S = 1800.0
_TABLE_ROWS = 4096
_SYLLABLES = (
    "ba",
    "ce",
    "di",
    "fo",
    "gu",
    "ha",
    "je",
    "ki",
    "lo",
    "mu",
    "na",
    "pe",
    "qui",
    "ro",
    "su",
    "ta",
    "ve",
    "wi",
    "ya",
)
_VOCABULARY = 8000
_SESSION_LENGTH = 20


class TableEmbeddings:
    """An embedding model that looks its vectors up in a table: by the text's checksum, so that any text has one.

    Args:
        name: stored with the vectors.
    """

    def __init__(self, name: str = "table") -> None:
        self.name = name
        rows = np.random.default_rng(1).standard_normal((_TABLE_ROWS, DIMENSION), dtype=np.float32)
        self._table: Vectors = rows / np.linalg.norm(rows, axis=1, keepdims=True)

    async def embed(self, texts: Sequence[str]) -> Vectors:
        """One row per text."""
        return self.now(texts)

    def now(self, texts: Sequence[str]) -> Vectors:
        """As `embed`, without an event loop."""
        found: Vectors = self._table[[zlib.crc32(text.encode()) % _TABLE_ROWS for text in texts]]
        return found


class InstantModel:
    """A chat model that answers the same at once."""

    name = "instant"

    async def complete(self, prompt: Prompt) -> Completion:
        """The whole answer."""
        return Completion("That is good to know, I will keep it in mind.", Usage(10, 10))

    async def stream(self, prompt: Prompt) -> AsyncGenerator[str | Usage]:
        """The answer in one piece."""
        done = await self.complete(prompt)
        yield done.text
        yield done.usage


def texts(count: int, *, seed: str, words: tuple[int, int] = (6, 30)) -> list[str]:
    """Texts as long as what people say, with words as frequent as words are (the n-th comes 1/n as often)."""
    chance = random.Random(seed)
    lengths = [chance.randint(*words) for _ in range(count)]
    ranks = [1 / rank for rank in range(1, _VOCABULARY + 1)]
    drawn = iter(chance.choices(range(_VOCABULARY), ranks, k=sum(lengths)))
    return [" ".join(_word(next(drawn)) for _ in range(length)) for length in lengths]


def remember(formation: Formation, user: str, count: int) -> UserId:
    """Gives a user memories, in sessions of 20, and returns the user's id. Their vectors follow."""
    user_id = formation.identities.resolve(user).id
    drafts = [
        Draft(text, session_id=f"session {place // _SESSION_LENGTH}", metadata={"place": place})
        for place, text in enumerate(texts(count, seed=user))
    ]
    for first in range(0, count, MAX_BATCH):
        formation.memories.add(user_id, drafts[first : first + MAX_BATCH])
    return user_id


def settle(formation: Formation) -> None:
    """Waits until every memory has its vector.

    Raises:
        SystemExit: they have not after half an hour.
    """
    if not formation.memories.settled(SETTLED_S):
        raise SystemExit(f"The memories were not embedded in {SETTLED_S:g} s.")


def _word(number: int) -> str:
    """A word of its own for each number."""
    word = ""
    while number or not word:
        number, digit = divmod(number, len(_SYLLABLES))
        word += _SYLLABLES[digit]
    return word
