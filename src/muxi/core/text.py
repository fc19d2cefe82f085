"""What may be stored: texts and metadata, checked at the door of every service."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from muxi.errors import InvalidInputError, MessageTooLargeError

MAX_TEXT_BYTES = 256 * 1024
MAX_METADATA_BYTES = 16 * 1024
MAX_NAME = 255


def checked_text(text: Any, error: type[InvalidInputError]) -> str:
    """The text, if it can be stored by every database.

    Raises:
        MessageTooLargeError: over 256 KiB as UTF-8.
        InvalidInputError: (the class given) not a string, empty, with NUL or with lone surrogates.
    """
    if not isinstance(text, str):
        raise error(f"The text is {type(text).__name__}, not a string.")
    if not text.strip():
        raise error("The text is empty.")
    try:
        size = len(text.encode())
    except UnicodeEncodeError as cause:
        raise error(f"The text is not valid Unicode at character {cause.start}.") from cause
    if size > MAX_TEXT_BYTES:
        raise MessageTooLargeError(f"The text has {size:,} bytes; at most {MAX_TEXT_BYTES:,} are allowed.")
    if "\x00" in text:
        raise error(f"The text has a NUL character at {text.index(chr(0))}: is it binary data? Send text.")
    return text


def is_storable(text: str) -> bool:
    """Whether every database stores this text: valid Unicode, without NUL."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return "\x00" not in text


def checked_metadata(metadata: Any, error: type[InvalidInputError]) -> dict[str, Any]:
    """The metadata as a plain JSON object.

    Raises:
        InvalidInputError: (the class given) not a mapping, not JSON, with NaN or NUL, or over 16 KiB.
    """
    if not isinstance(metadata, Mapping):
        raise error(f"metadata is {type(metadata).__name__}, not a mapping.")
    try:
        written = json.dumps(dict(metadata), allow_nan=False, ensure_ascii=False).encode()
    except (TypeError, ValueError, RecursionError) as cause:
        raise error("metadata is not JSON: use strings, finite numbers, booleans, null, lists and mappings.") from cause
    if len(written) > MAX_METADATA_BYTES:
        raise error(f"metadata has {len(written):,} bytes as JSON; at most {MAX_METADATA_BYTES:,} are allowed.")
    # An escaped backslash before "u0000" is text about NUL, not NUL.
    if b"\\u0000" in written.replace(b"\\\\", b""):
        raise error("metadata holds a NUL character, which cannot be stored.")
    plain: dict[str, Any] = json.loads(written)
    return plain


def checked_name(name: Any, what: str, error: type[InvalidInputError]) -> str:
    """A short name that can be stored and shown: of a session, of an agent; may be empty.

    Raises:
        InvalidInputError: (the class given) not a string, over 255 characters, or not printable.
    """
    if not isinstance(name, str) or len(name) > MAX_NAME or not name.isprintable():
        raise error(f"{what} must be at most {MAX_NAME} printable characters.")
    return name
