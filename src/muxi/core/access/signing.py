"""With what tokens of users are signed: keys derived from the formation's own, one for each ``kid``.

Nothing secret is stored beside the formation's key: who can read the database can sign, and nobody else. Of a token's
header nothing is believed but that it is, byte for byte, the header that one of our keys writes: that pins the
algorithm, and leaves no ``kid`` to be looked up, ``jku`` to be fetched or ``none`` to be accepted.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from importlib import import_module
from typing import Any, Literal

from muxi.core.access.types import SigningKey

Algorithm = Literal["HS256", "EdDSA"]


@cache
def jwt() -> Any:
    """PyJWT, loaded with the first token only: with its cryptography it takes a third of a second."""
    return import_module("jwt")


@dataclass(frozen=True, slots=True)
class Signer:
    """One key, ready for use.

    Attributes:
        stored: what is kept of it.
        header: the first part of every token that it signs.
        signs: with what a token is signed.
        checks: with what a signature is checked.
    """

    stored: SigningKey
    header: str
    signs: Any
    checks: Any

    @property
    def retired_at(self) -> datetime | None:
        """Since when it signs nothing."""
        return self.stored.retired_at

    def token(self, claims: Mapping[str, Any]) -> str:
        """A signed token."""
        headers = {"kid": self.stored.kid}
        written: str = jwt().encode(dict(claims), self.signs, algorithm=self.stored.algorithm, headers=headers)
        return written

    def public(self) -> dict[str, Any] | None:
        """The public key as a JWK (RFC 8037); ``None``: there is none."""
        if self.stored.algorithm != "EdDSA":
            return None
        written: dict[str, Any] = jwt().algorithms.OKPAlgorithm.to_jwk(self.checks, as_dict=True)
        about = {"kid": self.stored.kid, "alg": "EdDSA", "use": "sig"}
        return {name: value for name, value in written.items() if name != "key_ops"} | about


def signer(key: SigningKey, hash_key: bytes) -> Signer:
    """A stored key, made ready.

    Args:
        key: what is kept.
        hash_key: the formation's own key.
    """
    secret = hmac.digest(hash_key, f"muxi user token {key.algorithm} {key.kid}".encode(), "sha256")
    signs: Any = secret
    checks: Any = secret
    if key.algorithm == "EdDSA":
        ed25519 = import_module("cryptography.hazmat.primitives.asymmetric.ed25519")
        signs = ed25519.Ed25519PrivateKey.from_private_bytes(secret)
        checks = signs.public_key()
    ready = Signer(key, "", signs, checks)
    return Signer(key, ready.token({}).partition(".")[0], signs, checks)
