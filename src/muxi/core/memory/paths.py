"""Dotted paths into a user's context, such as ``preferences.theme``; within a key a backslash stands before a dot."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any

from muxi.core.text import is_storable
from muxi.errors import InvalidContextError

MAX_PATH = 512
MAX_KEYS = 16
#: Keys that mean something to a language that may read the document: they are nobody's facts.
REFUSED_KEYS = frozenset({"__proto__", "prototype", "constructor", "__class__", "__dict__", "__init__", "__globals__"})

_KEY = re.compile(r"(?:[^.\\]|\\[.\\])+")


@lru_cache(8192)
def keys_of(path: str) -> tuple[str, ...]:
    """The keys of a path that `checked_path` or `path_of` gave."""
    if "\\" not in path:
        return tuple(path.split("."))
    return tuple(_plain(written) for written in _KEY.findall(path))


def path_of(keys: Iterable[str]) -> str:
    """The path of some keys, which are checked already."""
    return ".".join(_written(key) for key in keys)


def checked_path(path: Any) -> str:
    """A path in its one form, if it can be one.

    Raises:
        InvalidContextError: not a string, empty, with an empty key (``a..b``), a refused key, a key that cannot be
            shown, a backslash before anything but a dot or a backslash; more than 16 keys or 512 characters.
    """
    if not isinstance(path, str):
        raise InvalidContextError(f"A path is a string such as 'preferences.theme', not {type(path).__name__}.")
    if len(path) > MAX_PATH:
        raise InvalidContextError(f"The path has {len(path):,} characters; at most {MAX_PATH} are allowed.")
    return path_of(checked_keys(_split(path)))


def checked_keys(keys: Sequence[Any]) -> tuple[str, ...]:
    """Keys in their one form (NFC), if they can be a path.

    Raises:
        InvalidContextError: as `checked_path`.
    """
    if len(keys) > MAX_KEYS:
        raise InvalidContextError(f"The path goes {len(keys)} keys deep; at most {MAX_KEYS} are allowed.")
    made = tuple(checked_key(key) for key in keys)
    if sum(map(len, made)) + len(made) > MAX_PATH:
        raise InvalidContextError(f"The path is too long; at most {MAX_PATH} characters are allowed.")
    return made


def checked_key(key: Any) -> str:
    """A key in its one form (NFC).

    Raises:
        InvalidContextError: not a string, empty, refused, or with characters that cannot be shown.
    """
    if not isinstance(key, str) or not key.strip():
        raise InvalidContextError("A path has an empty key. Write it like 'preferences.theme'.")
    if not is_storable(key) or not key.isprintable():
        raise InvalidContextError("A path has a key with control or invisible characters.")
    made = unicodedata.normalize("NFC", key)
    if made in REFUSED_KEYS:
        raise InvalidContextError(f"{made!r} cannot be a key of the context.")
    return made


def above(path: str) -> list[str]:
    """The paths that a path is below, the shortest first."""
    keys = keys_of(path)
    return [path_of(keys[:length]) for length in range(1, len(keys))]


def span_below(path: str) -> tuple[str, str]:
    """What every path below this one lies between: from the first (included) to the second, in code-point order."""
    # A slash follows the dot.
    return path + ".", path + "/"


def _split(path: str) -> list[str]:
    """The keys, also empty ones."""
    keys, key, at = [], "", 0
    while at < len(path):
        letter = path[at]
        if letter == ".":
            keys.append(key)
            key = ""
        elif letter == "\\":
            at += 1
            if path[at : at + 1] not in (".", "\\"):
                raise InvalidContextError(r"A backslash in a path stands before a dot or a backslash: 'a\.b'.")
            key += path[at]
        else:
            key += letter
        at += 1
    return [*keys, key]


def _plain(written: str) -> str:
    return re.sub(r"\\(.)", r"\1", written)


def _written(key: str) -> str:
    return key.replace("\\", "\\\\").replace(".", "\\.") if "\\" in key or "." in key else key
