"""What a key looks like: ``muxi_<environment>_<id>_<secret><checksum>``.

The id finds it in the database, the secret (256 bits) opens, and the checksum tells a key that was cut off or mistyped
without asking anybody. It is made of characters that a double click takes whole, and a secret scanner finds it.
"""

from __future__ import annotations

import re
import secrets
import string
import zlib

from muxi.ids import KeyId

_DIGITS = string.digits + string.ascii_uppercase + string.ascii_lowercase
_SECRET_LENGTH, _CHECK_LENGTH = 43, 6
LONGEST = 128
#: For secret scanners: docs/access.md says it, too.
FORM = re.compile(r"muxi_[a-z]{2,12}_([0-7][0-9a-hjkmnp-tv-z]{25})_[0-9A-Za-z]{49}")


def make_key(environment: str, key_id: KeyId) -> str:
    """A new key with this id."""
    body = f"muxi_{environment}_{key_id.removeprefix('key_')}_{_base62(secrets.randbits(256), _SECRET_LENGTH)}"
    return body + _checksum(body)


def id_in(key: str) -> KeyId | None:
    """The id that stands in a key, or ``None``: this was never one."""
    found = FORM.fullmatch(key) if len(key) <= LONGEST else None
    if found is None or _checksum(key[:-_CHECK_LENGTH]) != key[-_CHECK_LENGTH:]:
        return None
    return KeyId(f"key_{found[1]}")


def _checksum(body: str) -> str:
    return _base62(zlib.crc32(body.encode()), _CHECK_LENGTH)


def _base62(number: int, length: int) -> str:
    digits = []
    for _ in range(length):
        number, digit = divmod(number, 62)
        digits.append(_DIGITS[digit])
    return "".join(reversed(digits))
