"""Whom a caller means: the accepted forms of an identifier, as JSON and as headers."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping
from typing import Any

from muxi.errors import InvalidIdentifierError

#: Whatever an application knows a person by: ``"alice@acme.com"``, ``42``, ``("U98765ABC", "slack")``
#: (value first, then type) or ``{"identifier": "U98765ABC", "type": "slack"}``.
IdentifierInput = str | int | tuple[str | int, str | None] | Mapping[str, str | int | None]

#: As the server has it. A header could not carry what is far longer.
MAX_LENGTH = 255
_FORMS = 'a string, a number, (value, type) or {"identifier": value, "type": type}'


def as_json(identifier: Any) -> dict[str, str]:
    """The identifier as a body carries it: ``{"identifier": ..., "type": ...}``, without a type if none is told.

    Raises:
        InvalidIdentifierError: not one of the forms, empty, too long, or with control characters.
    """
    value, type = _value_and_type(identifier)
    carried = {"identifier": _printable(str(value), "identifier")}
    return carried | ({"type": _printable(type, "type of an identifier")} if type else {})


def list_as_json(identifiers: Any) -> list[dict[str, str]]:
    """Several identifiers, as a body carries them. Raises as `as_json`."""
    if isinstance(identifiers, str | bytes | Mapping) or not isinstance(identifiers, Iterable):
        raise InvalidIdentifierError("The identifiers are not a list. Put a single one into a list too.")
    return [as_json(identifier) for identifier in identifiers]


def as_headers(identifier: Any) -> dict[str, str]:
    """The headers that say who is acting; none for ``None``. Raises as `as_json`."""
    if identifier is None:
        return {}
    carried = as_json(identifier)
    headers = {"X-Muxi-User-Id": carried["identifier"]}
    return headers | ({"X-Muxi-User-Id-Type": carried["type"]} if "type" in carried else {})


def _value_and_type(identifier: Any) -> tuple[str | int, Any]:
    type: Any = None
    if isinstance(identifier, tuple) and len(identifier) == 2:
        identifier, type = identifier
    elif isinstance(identifier, Mapping):
        unknown = set(identifier) - {"identifier", "type"}
        if unknown or "identifier" not in identifier:
            raise InvalidIdentifierError(
                f"An identifier is {_FORMS}, not a mapping with {sorted(map(str, identifier))}."
            )
        identifier, type = identifier["identifier"], identifier.get("type")
    # bool is an int to Python, but True is nobody's name.
    if isinstance(identifier, bool) or not isinstance(identifier, str | int):
        raise InvalidIdentifierError(f"An identifier is {_FORMS}, not {identifier.__class__.__name__}.")
    return identifier, type


def _printable(text: Any, what: str) -> str:
    if not isinstance(text, str):
        raise InvalidIdentifierError(f"The {what} must be text, not {text.__class__.__name__}.")
    written = unicodedata.normalize("NFC", text).strip()
    if not written:
        raise InvalidIdentifierError(f"The {what} is empty.")
    if len(written) > MAX_LENGTH:
        raise InvalidIdentifierError(f"The {what} has {len(written)} characters; at most {MAX_LENGTH} are allowed.")
    # A line break would end the header and begin another one.
    if not written.isprintable():
        raise InvalidIdentifierError(f"The {what} {written!r} has control or invisible characters. Remove them.")
    return written
