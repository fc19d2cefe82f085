"""Short-lived tokens of users: what a browser or a bot can hold (JSON Web Tokens, RFC 7519)."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

from muxi.core.access.remembered import Remembered
from muxi.core.access.signing import Algorithm, Signer, jwt, signer
from muxi.core.access.token_store import TokenStore
from muxi.core.access.types import Claims, SigningKey, UserToken
from muxi.core.clock import Clock
from muxi.errors import AuthenticationError, InvalidInputError
from muxi.ids import UserId, is_id

ISSUER = "muxi"
DEFAULT_LIFETIME = timedelta(hours=1)
LONGEST = timedelta(days=7)
LIBRARY = "library"

_LONGEST_TOKEN = 4096
_LONGEST_JTI = 64
_WORTH = "tokens"
_WRONG = "The token is wrong, expired or revoked."


@dataclass(frozen=True, slots=True)
class _Worth:
    """Which tokens are worth something, ready for use."""

    signers: Mapping[str, Signer]
    revoked: frozenset[str]
    floors: Mapping[UserId, datetime]


class Tokens:
    """The tokens of one formation's users.

    Args:
        store: bound to the formation.
        hash_key: the formation's key, from which signing keys are derived.
        formation_id: the audience of its tokens.
        algorithm: with what new signing keys sign.
        known: what is remembered of access.
        clock: the time, in UTC.
    """

    def __init__(
        self,
        store: TokenStore,
        hash_key: bytes,
        formation_id: str,
        algorithm: Algorithm,
        known: Remembered,
        clock: Clock,
    ) -> None:
        self._store = store
        self._hash_key = hash_key
        self._formation_id = formation_id
        self._algorithm = algorithm
        self._known = known
        self._clock = clock

    def create(self, user_id: UserId, expires_in: timedelta = DEFAULT_LIFETIME) -> UserToken:
        """A token with which its holder acts for a user, and for nobody else.

        Args:
            user_id: a canonical user.
            expires_in: how long it works, at most seven days.

        Raises:
            InvalidInputError: ``expires_in`` is not between a second and seven days.
        """
        if not timedelta(seconds=1) <= expires_in <= LONGEST:
            raise InvalidInputError("A token works for one second to seven days.")
        now = self._clock().astimezone(UTC)
        # Whole seconds, rounded down: never longer than asked for.
        expires_at = (now + expires_in).replace(microsecond=0)
        # In hexadecimal: it is typed after a command, where one that began with a hyphen would be an option.
        jti = secrets.token_hex(16)
        claims = {
            "iss": ISSUER,
            "aud": self._formation_id,
            "sub": user_id,
            "jti": jti,
            # To the microsecond, so that all tokens of a user can be revoked and a new one made in the same second.
            "iat": now.timestamp(),
            "nbf": int(now.timestamp()),
            "exp": int(expires_at.timestamp()),
        }
        return UserToken(self._signer().token(claims), jti, user_id, expires_at)

    def validate(self, token: str) -> Claims:
        """What a token says: ``sub`` is whose it is.

        Raises:
            AuthenticationError: it is forged, expired, revoked, or another formation's: one answer for all.
        """
        worth = self._worth()
        signed_by = worth.signers.get(token.partition(".")[0]) if len(token) <= _LONGEST_TOKEN else None
        if signed_by is None or not token.isascii():
            raise AuthenticationError(_WRONG)
        # That a signature is right does not change; all that can change is looked at each time.
        place = ("token", sha256(token.encode()).digest())
        claims: dict[str, Any] | None = self._known.get(place)
        if claims is None:
            generation = self._known.generation
            claims = self._signed(token, signed_by)
            self._known.put(place, claims, generation)
        if not self._works(claims, worth, signed_by):
            raise AuthenticationError(_WRONG)
        return dict(claims)

    def revoke(self, jti: str, user_id: UserId | None = None, *, actor: str = LIBRARY) -> None:
        """Takes one token back, at once here and within a second in every process.

        Args:
            jti: as `UserToken.jti`, or the claim of a token.
            user_id: whose it is, for the audit, if that is known.
            actor: who does it.

        Raises:
            InvalidInputError: no token is named so.
        """
        if not 0 < len(jti) <= _LONGEST_JTI or not jti.isascii() or not jti.isprintable():
            raise InvalidInputError("No token has this jti.")
        now = self._clock()
        self._store.revoke(jti, user_id, now + LONGEST, now, actor)
        self._known.clear()

    def revoke_all(self, user_id: UserId, *, actor: str = LIBRARY) -> None:
        """Takes back every token that a user has now, and those of users who were merged into them."""
        now = self._clock()
        self._store.revoke_all(user_id, now, now - LONGEST, actor)
        self._known.clear()

    def rotate(self, *, actor: str = LIBRARY) -> SigningKey:
        """Signs with a new key from now on. What the old one has signed works until it ends."""
        now = self._clock()
        key = SigningKey(secrets.token_hex(8), self._algorithm, now)
        self._store.add_key(key, now - LONGEST, actor)
        self._known.clear()
        return key

    def public_keys(self) -> dict[str, Any]:
        """The public keys as a JWK set (RFC 7517); empty with HS256, whose key is never shown."""
        keys = (one.public() for one in self._worth().signers.values())
        return {"keys": [key for key in keys if key]}

    def _signer(self) -> Signer:
        """The newest key of the algorithm that is set; made if there is none."""
        found = self._current()
        if found is None:
            self.rotate()
            found = self._current()
        if found is None:
            raise AssertionError("A key that was just made is there.")
        return found

    def _current(self) -> Signer | None:
        signers = [
            one
            for one in self._worth().signers.values()
            if one.retired_at is None and one.stored.algorithm == self._algorithm
        ]
        return max(signers, key=lambda one: one.stored.created_at, default=None)

    def _worth(self) -> _Worth:
        found: _Worth | None = self._known.get(_WORTH)
        if found is None:
            generation, now = self._known.generation, self._clock()
            read = self._store.worth(now, now - LONGEST)
            signers = [signer(key, self._hash_key) for key in read.keys]
            found = _Worth({one.header: one for one in signers}, read.revoked, read.floors)
            self._known.put(_WORTH, found, generation)
        return found

    def _signed(self, token: str, signed_by: Signer) -> dict[str, Any]:
        """The claims, if the signature is right: all else is looked at in `_works`."""
        try:
            payload = jwt().api_jws.decode(token, signed_by.checks, algorithms=[signed_by.stored.algorithm])
        except jwt().PyJWTError as error:
            raise AuthenticationError(_WRONG) from error
        # We have signed it: it is what `create` has written.
        claims: dict[str, Any] = json.loads(payload)
        return claims

    def _works(self, claims: Mapping[str, Any], worth: _Worth, signed_by: Signer) -> bool:
        begins, made, ends, sub = claims["nbf"], claims["iat"], claims["exp"], claims["sub"]
        if claims["iss"] != ISSUER or claims["aud"] != self._formation_id or not is_id(sub, "usr"):
            return False
        if not begins <= self._clock().timestamp() < ends or claims["jti"] in worth.revoked:
            return False
        retired, floor = signed_by.retired_at, worth.floors.get(sub)
        return (retired is None or made <= retired.timestamp()) and (floor is None or made > floor.timestamp())
