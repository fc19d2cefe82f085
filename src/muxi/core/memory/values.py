"""Values of the context: any JSON up to a bound, in one written form, and whole documents as changes."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from muxi.core.memory.facts import Change, Document, Origin
from muxi.core.memory.paths import checked_key, checked_keys, keys_of, path_of
from muxi.core.text import is_storable
from muxi.errors import InvalidContextError

MAX_BYTES = 64 * 1024
#: How deep lists and objects may lie within each other in one value.
MAX_NESTING = 32

_encode = json.JSONEncoder(allow_nan=False, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode


def written(value: Any) -> str:
    """The one form in which a checked value is stored and compared: 1 is not true, and not 1.0."""
    return _encode(value)


def token(value: Any) -> tuple[str, Any]:
    """What tells two values apart, quicker than their written forms."""
    return ("", written(value)) if isinstance(value, dict | list) else (type(value).__name__, value)


def checked_value(value: Any) -> Any:
    """The value as plain JSON.

    Raises:
        InvalidContextError: it is not JSON (NaN is none), over 64 KiB, nested too deep, with a key that a context
            cannot have, or with text that cannot be stored.
    """
    try:
        text = json.dumps(value, allow_nan=False, ensure_ascii=False)
        size = len(text.encode())
    except (TypeError, ValueError, RecursionError) as cause:
        raise InvalidContextError(
            "The value is not JSON: use strings, finite numbers, booleans, null, lists and mappings."
        ) from cause
    if size > MAX_BYTES:
        raise InvalidContextError(f"The value has {size:,} bytes as JSON; at most {MAX_BYTES:,} are allowed.")
    return _checked(json.loads(text), MAX_NESTING)


def _checked(value: Any, room: int) -> Any:
    if not room:
        raise InvalidContextError(f"The value is nested more than {MAX_NESTING} deep.")
    if isinstance(value, str) and not is_storable(value):
        raise InvalidContextError("The value holds a NUL character, which cannot be stored.")
    if isinstance(value, list):
        return [_checked(one, room - 1) for one in value]
    if isinstance(value, dict):
        return {checked_key(key): _checked(of_key, room - 1) for key, of_key in value.items()}
    return value


def merging(knowledge: Any, origin: Origin) -> list[Change]:
    """A document as changes: each value replaces the one at its path, and nothing else is touched.

    Raises:
        InvalidContextError: it is not a mapping, or as `checked_value`.
    """
    if not isinstance(knowledge, Mapping):
        raise InvalidContextError(f"knowledge is {type(knowledge).__name__}, not a mapping of keys to what is known.")
    checked: Document = checked_value(dict(knowledge))
    return [Change("set", path, value, origin) for path, value in leaves(checked)]


def leaves(document: Document, above: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
    """Each path of a document that has a value, with the value; an empty object is one.

    Raises:
        InvalidContextError: a path is too deep or too long.
    """
    for key, value in document.items():
        keys = (*above, key)
        if isinstance(value, dict) and value:
            yield from leaves(value, keys)
        else:
            yield path_of(checked_keys(keys)), value


def placed(path: str, value: Any) -> list[tuple[str, Any]]:
    """A value at a path, as `leaves` would give it in a document."""
    return list(leaves(value, keys_of(path))) if isinstance(value, dict) and value else [(path, value)]
