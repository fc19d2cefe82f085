"""The numbers under which SQLite finds identifiers: `lookups` in the schema is one tree of them."""

from __future__ import annotations

from hashlib import blake2b
from struct import Struct

_AS_NUMBER = Struct("<q").unpack
_WITHOUT_SIGN = 2**63 - 1
_SIGN = -(2**63)


def identifier_key(formation_id: str, type: str, value: str) -> int:
    """A hash of an identifier, of 63 bits. It is stored: it must never come out otherwise.

    Two identifiers may have the same, so whoever finds a row by it compares the rest.
    """
    # No part can hold the character between them: control characters are refused.
    key: int = _AS_NUMBER(blake2b(f"{formation_id}\0{type}\0{value}".encode(), digest_size=8).digest())[0]
    return key & _WITHOUT_SIGN


def written_later(formation_id: str, type: str, value: str) -> int:
    """The same with a sign: whoever links the identifier writes what it is found by, too, and not the trigger."""
    return identifier_key(formation_id, type, value) | _SIGN
