"""How much of a model's context a text takes, estimated."""

from __future__ import annotations

#: English has some four bytes of UTF-8 a token, Chinese three, code about three: at three the estimate is seldom short.
BYTES_A_TOKEN = 3


def tokens(text: str) -> int:
    """About how many tokens a text has: one for every three bytes of its UTF-8, rounded up.

    Every model cuts texts in its own way, and most of their tokenizers are not here; this one errs on the large side.
    """
    size = len(text) if text.isascii() else len(text.encode(errors="replace"))
    return -(-size // BYTES_A_TOKEN)


def cut(text: str, most: int) -> str:
    """The beginning of a text that has at most so many tokens, with an ellipsis where it was cut."""
    if tokens(text) <= most:
        return text
    room = most * BYTES_A_TOKEN - len("…".encode())
    if room <= 0:
        return ""
    return text.encode(errors="replace")[:room].decode(errors="ignore").rstrip() + "…"
