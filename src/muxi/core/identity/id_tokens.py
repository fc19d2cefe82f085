"""Proof by an OpenID Connect ID token: an identity provider says who has just signed in there.

Source of the checks: OpenID Connect Core 1.0, section 3.1.3.7.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any

from muxi.core.clock import Clock
from muxi.core.identity.kinds import OIDC
from muxi.core.identity.owners import owner_of
from muxi.core.identity.proof_store import ProofStore, ProofWriter
from muxi.core.identity.proving import give_proven, lock_sides
from muxi.core.identity.service import LIBRARY, Identities
from muxi.core.identity.types import EMAIL, Identifier, IdentifierInput, User
from muxi.errors import IdentityProviderError, InvalidIdentifierError, InvalidProofError, SettingsError
from muxi.ids import UserId, new_user_id

if TYPE_CHECKING:
    from jwt import PyJWK

#: How far the provider's clock may be from ours.
LEEWAY = timedelta(minutes=1)
TIMEOUT_S = 5.0
#: How long a provider's keys are believed; a token with a key that is not among them asks for them again.
KEYS_KEPT_S = 300.0

_LONGEST_TOKEN = 16_384
_UNREACHABLE = "The keys of the identity provider cannot be fetched. Try again later, or check jwks_url."
# The times are compared by the formation's own clock.
_OPTIONS: Any = {
    "require": ["iss", "aud", "sub", "exp", "iat"],
    "verify_exp": False,
    "verify_iat": False,
    "verify_nbf": False,
}


@cache
def _jwt() -> Any:
    # Loaded with the first token only: with its cryptography it takes a third of a second.
    return import_module("jwt")


@dataclass(frozen=True, slots=True)
class Provider:
    """An identity provider whose ID tokens are accepted.

    Attributes:
        issuer: as its tokens name it, exactly.
        audience: the application's own id there: tokens for others are refused.
        algorithms: with which it signs; a token's own word on that is not asked.
        jwks_url: where its public keys are.
        jwks: its public keys themselves (RFC 7517, section 5), instead.
        any_client: whichever application of the provider a token was given to; else it has to be the audience.
    """

    issuer: str
    audience: str
    algorithms: tuple[str, ...]
    jwks_url: str | None = None
    jwks: Mapping[str, Any] | None = None
    any_client: bool = False


class IdTokens:
    """Links accounts at identity providers, and the e-mail addresses that these have verified.

    Args:
        providers: whose tokens are accepted.
        store: bound to the formation.
        identities: says whom an identifier means.
        clock: the time, in UTC.

    Raises:
        SettingsError: the keys of a provider cannot be read.
    """

    def __init__(self, providers: Sequence[Provider], store: ProofStore, identities: Identities, clock: Clock) -> None:
        self._providers = [(provider, _Keys(provider)) for provider in providers]
        self._store = store
        self._identities = identities
        self._clock = clock

    def associate_id_token(
        self, token: str, user: IdentifierInput | None = None, *, merge: bool = False, actor: str = LIBRARY
    ) -> User:
        """Links the account that an ID token is about, and its e-mail address if the provider has verified that.

        Without ``user``: whoever has proven the account, else whoever has proven the e-mail address, else a new user.
        An address that the provider has not verified is not looked at, and whoever claimed a verified one without
        a proof loses it.

        Args:
            token: the ID token, as the provider gave it.
            user: who has signed in, by any identifier or ``usr_`` id.
            merge: make them one user if the account or the address is another user's.
            actor: who does it, for the audit.

        Raises:
            InvalidProofError: it is forged, expired, for another application, or of a provider that is not set.
            IdentityProviderError: the provider's keys cannot be fetched.
            IdentifierConflictError: as `muxi.core.identity.proofs.Proofs.confirm_verification`.
            UserNotFoundError: there is no such user.
        """
        claims = self._claims(token)
        identifiers = self._identifiers(claims)
        target = self._identities.get(user) if user is not None else None
        now = self._clock()
        with (
            self._identities.noting_disputes(actor) as disputed,
            self._store.proving(identifiers, actor, now) as writer,
        ):
            user_id = target.id if target else self._meant(writer, identifiers)
            new = user_id is None
            if user_id is None:
                user_id = new_user_id()
                writer.add_user(user_id)
            disputed += [(identifier, user_id) for identifier in identifiers]
            lock_sides(writer, identifiers, user_id)
            for identifier in identifiers:
                give_proven(writer, self._identities, identifier, user_id, now, by="id_token", merge=merge)
        self._identities.forget_if(writer.moved)
        found = self._identities.get(user_id)
        return User(found.id, found.created_at, new=new)

    def subject(self, token: str) -> IdentifierInput:
        """Whom a provider's token is about, as an identifier of the type ``oidc``. Nothing is linked.

        Raises:
            InvalidProofError, IdentityProviderError: as `associate_id_token`.
        """
        claims = self._claims(token)
        return f"{claims['iss']}|{claims['sub']}", OIDC

    def _meant(self, writer: ProofWriter, identifiers: Sequence[Identifier]) -> UserId | None:
        for identifier in identifiers:
            found = writer.owners(identifier)
            owner = owner_of(found, identifier)
            if owner and found[0].verified:
                return owner.id
        return None

    def _identifiers(self, claims: Mapping[str, Any]) -> list[Identifier]:
        found = [self._identities.linkable((f"{claims['iss']}|{claims['sub']}", OIDC))]
        email, verified = claims.get("email"), claims.get("email_verified")
        # Some providers write the truth value as a word.
        if isinstance(email, str) and (verified is True or verified == "true"):
            try:
                found.append(self._identities.linkable((email, EMAIL)))
            except InvalidIdentifierError:
                # The account is what was proven; an address that is none adds nothing to it.
                return found
        return found

    def _claims(self, token: str) -> dict[str, Any]:
        """What a token says, if one of the providers has signed it for this application, now."""
        if not token.isascii() or len(token) > _LONGEST_TOKEN:
            raise InvalidProofError
        try:
            issuer = _jwt().decode(token, options={"verify_signature": False}).get("iss")
            for provider, keys in self._providers:
                if provider.issuer == issuer and (claims := self._signed(token, provider, keys)):
                    return claims
        except _jwt().PyJWTError as error:
            raise InvalidProofError from error
        raise InvalidProofError

    def _signed(self, token: str, provider: Provider, keys: _Keys) -> dict[str, Any] | None:
        """``None``: it is meant for another audience; the same issuer may be set for several."""
        try:
            claims: dict[str, Any] = _jwt().decode(
                token,
                keys.key_of(token),
                algorithms=list(provider.algorithms),
                issuer=provider.issuer,
                audience=provider.audience,
                options=_OPTIONS,
            )
        except _jwt().InvalidAudienceError:
            return None
        self._check(claims, provider)
        return claims

    def _check(self, claims: Mapping[str, Any], provider: Provider) -> None:
        now, leeway = self._clock().timestamp(), LEEWAY.total_seconds()
        times = [claims["exp"], claims["iat"], claims.get("nbf", claims["iat"])]
        if not all(type(time) in (int, float) for time in times):
            raise InvalidProofError
        expires, *begins = times
        several = isinstance(claims["aud"], list) and len(claims["aud"]) > 1
        authorized = (
            provider.audience if provider.any_client else claims.get("azp", None if several else provider.audience)
        )
        if now >= expires + leeway or max(begins) > now + leeway or authorized != provider.audience:
            raise InvalidProofError
        if not isinstance(claims["sub"], str) or not claims["sub"]:
            raise InvalidProofError


class _Keys:
    """The public keys of a provider, as set or as fetched and kept for a while."""

    def __init__(self, provider: Provider) -> None:
        self._set = _read(provider) if provider.jwks is not None else None
        self._client = None
        if provider.jwks_url:
            self._client = _jwt().PyJWKClient(provider.jwks_url, lifespan=KEYS_KEPT_S, timeout=TIMEOUT_S)

    def key_of(self, token: str) -> PyJWK:
        """The key that a token names; if it names none, the only one.

        Raises:
            InvalidProofError: the provider has no such key.
            IdentityProviderError: its keys cannot be fetched or read.
        """
        key_id = _jwt().get_unverified_header(token).get("kid")
        keys = self._fetched(key_id) if self._set is None else self._set
        named = [key for key in keys if key.key_id == key_id] if key_id else keys
        if len(named) != 1:
            raise InvalidProofError
        return named[0]

    def _fetched(self, key_id: str | None) -> list[PyJWK]:
        if self._client is None:
            return []
        try:
            keys: list[PyJWK] = self._client.get_signing_keys()
        except (_jwt().PyJWTError, ValueError) as error:
            raise IdentityProviderError(_UNREACHABLE) from error
        if key_id is None or key_id in {key.key_id for key in keys}:
            return keys
        try:
            # The provider may have changed its keys since; asked for again not more often than every 30 seconds.
            return [self._client.get_signing_key(key_id)]
        except _jwt().PyJWKClientConnectionError as error:
            raise IdentityProviderError(_UNREACHABLE) from error


def _read(provider: Provider) -> list[PyJWK]:
    try:
        keys: list[PyJWK] = _jwt().PyJWKSet.from_dict(provider.jwks).keys
    except _jwt().PyJWTError as error:
        raise SettingsError(f"identity.oidc: the jwks of {provider.issuer} holds no key that can be used.") from error
    return keys
