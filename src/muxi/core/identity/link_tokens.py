"""Proof by a signed token: it goes into a link that is sent to the identifier, and works once (rule 8)."""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
from datetime import UTC, datetime, timedelta
from functools import cache
from importlib import import_module
from typing import Any

from muxi.core.clock import Clock
from muxi.core.identity.owners import owner_of
from muxi.core.identity.proof_store import ProofStore
from muxi.core.identity.proving import give_proven, lock_sides
from muxi.core.identity.service import LIBRARY, Identities
from muxi.core.identity.types import Identifier, IdentifierInput, LinkToken, User
from muxi.errors import InvalidInputError, InvalidProofError

DEFAULT_LIFETIME = timedelta(minutes=10)
LONGEST = timedelta(days=7)

_ISSUER = "muxi"
_ALGORITHM = "HS256"
_CLAIMS = ["iss", "aud", "sub", "jti", "iat", "nbf", "exp", "type", "shown", "hashed", "owner"]
# The times are compared by the formation's own clock.
_OPTIONS: Any = {"require": _CLAIMS, "verify_exp": False, "verify_iat": False, "verify_nbf": False}
_LONGEST_TOKEN = 4096


@cache
def _jwt() -> Any:
    # Loaded with the first token only: with its cryptography it takes a third of a second.
    return import_module("jwt")


class LinkTokens:
    """Makes tokens of an identifier, and links it to whoever brings one back.

    A token is bound to the formation, to the identifier, and to whoever had the identifier when it was made:
    linked, unlinked or merged since, it proves nothing any more.

    Args:
        store: bound to the formation.
        identities: says whom an identifier means.
        hash_key: the formation's key, from which the signing key is derived.
        formation_id: the audience of its tokens.
        clock: the time, in UTC.
    """

    def __init__(
        self, store: ProofStore, identities: Identities, hash_key: bytes, formation_id: str, clock: Clock
    ) -> None:
        self._store = store
        self._identities = identities
        self._key = hmac.digest(hash_key, b"muxi link token", "sha256")
        self._formation_id = formation_id
        self._clock = clock

    def create_link_token(
        self, identifier: IdentifierInput, *, expires_in: timedelta = DEFAULT_LIFETIME, actor: str = LIBRARY
    ) -> LinkToken:
        """A token of an identifier, to be sent to it.

        Args:
            identifier: what it proves; nobody needs to have it.
            expires_in: how long it works, at most seven days.
            actor: who makes it, for the audit.

        Raises:
            InvalidIdentifierError, AmbiguousIdentifierError: it cannot be linked, or is not clear.
            InvalidInputError: ``expires_in`` is not between a second and seven days.
        """
        if not timedelta(seconds=1) <= expires_in <= LONGEST:
            raise InvalidInputError("expires_in has to be between one second and seven days.")
        wanted = self._identities.linkable(identifier)
        owner = self._identities.find(identifier)
        # A token has whole seconds: never longer than asked for.
        now = self._clock().astimezone(UTC).replace(microsecond=0)
        jti = secrets.token_urlsafe(16)
        claims = {
            "iss": _ISSUER,
            "aud": self._formation_id,
            "sub": wanted.value,
            "jti": jti,
            "iat": now,
            "nbf": now,
            "exp": now + expires_in,
            "type": wanted.type,
            "shown": wanted.shown,
            "hashed": wanted.hashed,
            "owner": self._owner_digest(jti, owner),
        }
        with self._store.proving([], actor, self._clock()) as writer:
            writer.made_token(wanted, owner.id if owner else None)
        return LinkToken(_jwt().encode(claims, self._key, algorithm=_ALGORITHM), now + expires_in)

    def redeem_link_token(
        self, token: str, user: IdentifierInput, *, merge: bool = False, actor: str = LIBRARY
    ) -> User:
        """Links the identifier of a token to a user, as proven. Whoever claimed it without a proof loses it.

        Args:
            token: as it came back.
            user: who brings it, by any identifier or ``usr_`` id.
            merge: if another user has the identifier, merge that user into this one.
            actor: who does it, for the audit.

        Raises:
            InvalidProofError: it is forged, used, expired, another formation's, or the identifier's owner has changed.
            UserNotFoundError: there is no such user.
            IdentifierConflictError: as `muxi.core.identity.proofs.Proofs.confirm_verification`.
        """
        claims = self._claims(token)
        identifier = Identifier(claims["sub"], claims["type"], claims["shown"], claims["hashed"])
        target = self._identities.get(user)
        now = self._clock()
        with (
            self._identities.noting_disputes(actor) as disputed,
            self._store.proving([identifier], actor, now) as writer,
        ):
            disputed.append((identifier, target.id))
            lock_sides(writer, [identifier], target.id)
            owner = owner_of(writer.owners(identifier), identifier)
            unchanged = hmac.compare_digest(claims["owner"], self._owner_digest(claims["jti"], owner))
            writer.forget_used_tokens()
            if not unchanged or not writer.use_token(claims["jti"], datetime.fromtimestamp(claims["exp"], UTC)):
                raise InvalidProofError
            give_proven(writer, self._identities, identifier, target.id, now, by="link_token", merge=merge)
        self._identities.forget_if(writer.moved)
        return self._identities.get(target.id)

    def _claims(self, token: str) -> dict[str, Any]:
        """What a token says, if it was made here and is neither too old nor too new."""
        if not token.isascii() or len(token) > _LONGEST_TOKEN:
            raise InvalidProofError
        try:
            claims: dict[str, Any] = _jwt().decode(
                token,
                self._key,
                algorithms=[_ALGORITHM],
                issuer=_ISSUER,
                audience=self._formation_id,
                options=_OPTIONS,
            )
        except _jwt().InvalidTokenError as error:
            raise InvalidProofError from error
        if not claims["nbf"] <= self._clock().timestamp() < claims["exp"]:
            raise InvalidProofError
        return claims

    def _owner_digest(self, jti: str, owner: User | None) -> str:
        """Says whose the identifier is to nobody but this formation."""
        text = json.dumps([jti, owner.id if owner else None])
        return hmac.new(self._key, text.encode(), hashlib.sha256).hexdigest()
