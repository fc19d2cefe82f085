"""An embedding model that a test can foresee: words hashed into a few dimensions, no weights, no wheel."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence

import numpy as np

from muxi.core.models.base import Vectors


class WordVectors:
    """Texts that share words are near: a real, if simple, embedding, the same in every process."""

    def __init__(self, name: str = "words-16", dimension: int = 16) -> None:
        self._name = name
        self._dimension = dimension

    @property
    def name(self) -> str:
        return self._name

    async def embed(self, texts: Sequence[str]) -> Vectors:
        return np.stack([self.vector(text) for text in texts])

    def vector(self, text: str) -> Vectors:
        made = np.full(self._dimension, 1e-3, dtype=np.float32)
        for word in re.findall(r"\w+", text.lower()):
            made[int.from_bytes(hashlib.sha256(word.encode()).digest()[:4]) % self._dimension] += 1
        return made / np.linalg.norm(made)
