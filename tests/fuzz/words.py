"""Sentinel words: each says whose it is and of what kind, occurs nowhere else, and cannot be guessed."""

from __future__ import annotations

import random
import re
import string

#: Who somebody is, what they said, their secrets, what is known of these, and what is the formation's own.
IDENTITY, CONTENT, SECRET, LABEL, FORMATION = "i", "c", "s", "k", "f"
#: No word's: an answer may name those who administer, by the ids of their keys.
ACTORS = "a"

WORD = re.compile(r"zq[icskf]\d{4}[a-z]{8}")
ID = re.compile(r"(?:usr|ses|msg|mem|mrg|fct|exf|key|crd|tem|team)_[0-7][0-9a-hjkmnp-tv-z]{25}")


class Words:
    """Makes sentinel words, and knows whose each one is."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._made: dict[tuple[str, str], str] = {}
        self._owners: dict[str, tuple[str, str]] = {}
        self._numbers: dict[str, int] = {}

    def of(self, owner: str, kind: str) -> str:
        """The word of an owner and a kind."""
        if (owner, kind) not in self._made:
            number = self._numbers.setdefault(owner, len(self._numbers))
            word = f"zq{kind}{number:04d}" + "".join(self._rng.choices(string.ascii_lowercase, k=8))
            self._made[owner, kind] = word
            self._owners[word] = (owner, kind)
        return self._made[owner, kind]

    def owner(self, word: str) -> tuple[str, str]:
        """Whose it is, and of what kind; of nobody if it was made up."""
        return self._owners.get(word, ("nobody", ""))
