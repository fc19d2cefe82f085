"""Authenticated encryption (AES-256-GCM): what is sealed opens with its key, and where it was bound to, only."""

from __future__ import annotations

import secrets
from functools import cache
from importlib import import_module
from typing import Any

#: Of a nonce: 96 bits, random for each sealing (NIST SP 800-38D, 8.2.2).
NONCE_BYTES = 12
TAG_BYTES = 16


def sealed(key: bytes, plain: bytes, bound: bytes) -> bytes:
    """A nonce, then the cipher text with its tag.

    Args:
        key: 32 bytes.
        plain: what is sealed.
        bound: associated data: what has to be the same when it is opened.
    """
    nonce = secrets.token_bytes(NONCE_BYTES)
    cipher_text: bytes = _aead()(key).encrypt(nonce, plain, bound)
    return nonce + cipher_text


def unsealed(key: bytes, given: bytes, bound: bytes) -> bytes | None:
    """What `sealed` has sealed; ``None`` if it was changed, or sealed by another key or bound to something else."""
    if len(given) < NONCE_BYTES + TAG_BYTES:
        return None
    try:
        plain: bytes = _aead()(key).decrypt(given[:NONCE_BYTES], given[NONCE_BYTES:], bound)
    except _invalid_tag():
        return None
    return plain


@cache
def _aead() -> Any:
    # Loaded here only: it takes tens of milliseconds, and who seals nothing does not pay for it.
    return import_module("cryptography.hazmat.primitives.ciphers.aead").AESGCM


@cache
def _invalid_tag() -> type[Exception]:
    kind: type[Exception] = import_module("cryptography.exceptions").InvalidTag
    return kind
