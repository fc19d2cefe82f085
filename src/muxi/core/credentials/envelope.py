"""Envelopes: a secret is sealed under its user's data key, and that one under a master key (AES-256-GCM).

What is sealed is bound to its place by associated data: taken to another row, it does not open.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field

from muxi.core.sealing import sealed, unsealed
from muxi.errors import SettingsError, StorageCorruptError

KEY_BYTES = 32
#: First byte of what is sealed: how to read the rest.
_FORM = b"\x01"


@dataclass(frozen=True, slots=True)
class MasterKey:
    """A key that wraps data keys.

    Attributes:
        id: made of the key, and tells nothing of it: 16 hexadecimal digits.
        key: 32 bytes.
    """

    id: str
    key: bytes = field(repr=False)


def new_key() -> bytes:
    """32 random bytes."""
    return secrets.token_bytes(KEY_BYTES)


def new_master_key() -> str:
    """A new master key, as it is written into a setting or a file: 44 characters of base64."""
    return base64.b64encode(new_key()).decode()


def read_master_key(written: str) -> MasterKey:
    """A master key, as `new_master_key` writes it.

    Raises:
        SettingsError: it is not 32 bytes as base64. The message does not hold it.
    """
    try:
        key = base64.b64decode(written, validate=True)
    except (ValueError, binascii.Error):
        key = b""
    if len(key) != KEY_BYTES:
        # Not "from error": it would hold the key.
        raise SettingsError(
            "A master key of credentials is 32 bytes as base64, 44 characters. `muxi credentials new-key` makes one."
        ) from None
    return MasterKey(hashlib.sha256(b"muxi.master key\0" + key).hexdigest()[:16], key)


def seal(key: bytes, secret: bytes, place: Sequence[str]) -> str:
    """A secret that opens with this key, at this place only; as base64.

    Args:
        key: 32 bytes.
        secret: what is sealed.
        place: what it is bound to: who seals it for what.
    """
    return base64.b64encode(_FORM + sealed(key, secret, _bound(place))).decode()


def unseal(key: bytes, written: str, place: Sequence[str]) -> bytes:
    """What `seal` has sealed.

    Raises:
        StorageCorruptError: it was changed, or sealed by another key or for another place: which, nobody can tell.
    """
    try:
        raw = base64.b64decode(written, validate=True)
    except (ValueError, binascii.Error):
        raw = b""
    # An empty secret is never sealed.
    opened = unsealed(key, raw[1:], _bound(place)) if raw[:1] == _FORM else None
    if not opened:
        raise StorageCorruptError(
            "A stored credential does not open: its row is not as it was written. "
            "Delete it, and store the secret again."
        )
    return opened


def _bound(place: Sequence[str]) -> bytes:
    # As JSON, so that no two places read the same.
    return json.dumps(list(place)).encode()
