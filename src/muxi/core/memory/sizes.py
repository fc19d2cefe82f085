"""What memories take of the process's memory, estimated."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

from muxi.core.memory.types import Memory

# Without a vector and the text: the object with its two times, session id and numbers.
_MEMORY_BYTES = 600


def object_bytes(memory: Memory) -> int:
    """What a memory without its vectors takes, estimated."""
    return _MEMORY_BYTES + sys.getsizeof(memory.text) + (_size(memory.metadata) if memory.metadata else 64)


def _size(value: Any) -> int:
    """Bytes of a JSON-like value with everything in it."""
    size, left = 0, [value]
    while left:
        part = left.pop()
        size += sys.getsizeof(part)
        if isinstance(part, Mapping):
            left += [*part.keys(), *part.values()]
        elif isinstance(part, (list, tuple)):
            left += part
    return size
