"""What a text comes down to, so that the same thing said twice is seen to be the same."""

from __future__ import annotations

import hashlib
import re
import unicodedata

_WORD = re.compile(r"\w+")


def text_key(text: str) -> str:
    """A hash of the words of a text: case, punctuation, spacing and the way characters are composed do not count.

    Two texts with the same key say the same. A text without words (an emoji) is its own characters.
    """
    folded = unicodedata.normalize("NFKC", text).casefold()
    words = _WORD.findall(folded.replace("'", "").replace("\u2019", ""))
    said = " ".join(words) or "".join(folded.split())
    return hashlib.blake2b(said.encode(errors="replace"), digest_size=16).hexdigest()
