"""What may be kept of what people say."""

from __future__ import annotations

from collections.abc import Callable

from muxi.core.memory.private import redact

#: Makes a text into what may be kept of it.
Keep = Callable[[str], str]


def without_private_values(text: str) -> str:
    """The text with payment cards, bank accounts, keys, national ids and passwords cut out."""
    return redact(text).text


def as_it_is(text: str) -> str:
    """The text itself."""
    return text
