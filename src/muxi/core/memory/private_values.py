"""Private values in what is written into a context: cut out of values, refused in keys."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from muxi.core.memory.facts import Change
from muxi.core.memory.keeping import Keep
from muxi.core.memory.paths import keys_of
from muxi.errors import InvalidContextError

#: Only what is remembered: who deletes something may name it.
_WRITES = ("set", "add")
_PASSWORD = re.compile(r"pass|pwd|pw", re.IGNORECASE)
_QUOTES = re.compile(r"[\"\u201c\u201d'\u2018\u2019`\n]")
# What a value begins with that only its key makes private: then it is as a whole.
_KIND = re.compile(r"\[[a-z ]+\]")
_BETWEEN_WORDS = re.compile(r"[\W_]+|(?<=[a-z\d])(?=[A-Z])")


def kept_change(change: Change, keep: Keep) -> Change:
    """A checked change as it may be kept.

    A value is read with the key before it, as a sentence would say it: ``{"password": "swordfish"}`` is a password.

    Args:
        change: its path and value are checked.
        keep: what may be kept of a text.

    Raises:
        InvalidContextError: a key holds a private value. It is not repeated.
    """
    keys = keys_of(change.path)
    if change.op in _WRITES:
        _check_keys(keys, keep)
    if change.op == "delete":
        return change
    value = kept_value(change.value, keep, keys[-1])
    return change if value is change.value else replace(change, value=value)


def kept_value(value: Any, keep: Keep, key: str = "") -> Any:
    """Plain JSON with what may be kept of its texts and whole numbers; the value itself if that is all of it.

    Args:
        value: plain JSON.
        keep: what may be kept of a text.
        key: what the value is called.

    Raises:
        InvalidContextError: as `kept_change`.
    """
    if isinstance(value, str):
        return _kept_text(value, keep, key)
    if isinstance(value, int) and not isinstance(value, bool):
        written = str(value)
        kept = _kept_text(written, keep, key)
        return value if kept == written else kept
    if isinstance(value, list):
        members = [kept_value(one, keep, key) for one in value]
        return members if _any_new(members, value) else value
    if isinstance(value, dict):
        _check_keys(value, keep)
        named = {name: kept_value(one, keep, name) for name, one in value.items()}
        return named if _any_new(named.values(), value.values()) else value
    return value


def _any_new(made: Iterable[Any], given: Iterable[Any]) -> bool:
    return any(one is not before for one, before in zip(made, given, strict=True))


def _kept_text(text: str, keep: Keep, key: str) -> str:
    label = " ".join(filter(None, _BETWEEN_WORDS.split(key))) + ": "
    named = keep(label + text)
    if not named.startswith(label):
        return keep(text)
    kept = named.removeprefix(label)
    if kept == text and _PASSWORD.search(key):
        # Between quotes anything can be one, even "secret" or "none of your business".
        kept = keep(f'{label}"{_QUOTES.sub(" ", text)}"').removeprefix(f'{label}"').removesuffix('"')
        kept = text if kept == _QUOTES.sub(" ", text) else kept
    whole = _KIND.match(kept) if kept != text and keep(text) == text else None
    return whole[0] if whole else kept


def _check_keys(keys: Iterable[str], keep: Keep) -> None:
    if any(keep(key) != key for key in keys):
        raise InvalidContextError(
            "A key holds a private value, such as a card number or a password. Name it otherwise."
        )
