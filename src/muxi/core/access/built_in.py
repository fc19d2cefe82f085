"""The two keys that every formation has: of its settings, or made at the first start."""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Literal

BuiltIn = Literal["client", "admin"]
BUILT_IN: tuple[BuiltIn, ...] = ("client", "admin")


@dataclass(frozen=True, slots=True)
class Keys:
    """The two keys of one formation.

    Attributes:
        client: opens everything but administration.
        admin: opens everything.
        made: whether this very start made one of them: then they are shown, once.
    """

    client: str = field(repr=False)
    admin: str = field(repr=False)
    made: bool = False

    def which(self, key: str) -> BuiltIn | None:
        """Which of them a key is, if any. Takes the same time for every wrong key."""
        admin, client = _same(key, self.admin), _same(key, self.client)
        return "admin" if admin else "client" if client else None


def _same(given: str, key: str) -> bool:
    # Digests are of one length and tell nothing of where the first difference is.
    return hmac.compare_digest(sha256(given.encode(errors="surrogatepass")).digest(), sha256(key.encode()).digest())
