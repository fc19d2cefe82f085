"""`proofs` of both clients: that an identifier is a user's own."""

from __future__ import annotations

from datetime import timedelta

from muxi.client import proof_requests as requests
from muxi.client.identifiers import IdentifierInput
from muxi.client.replies import User
from muxi.client.user_replies import AnonymousUser, LinkToken, Started
from muxi.client.wire import AsyncWire, Wire


class Proofs:
    """Codes, link tokens, ID tokens, and visitors who sign in.

    Every proof is used once, ends after some minutes, and dies when its user or its identifier changes. A code or
    token that is wrong, used, expired or meant for something else raises `InvalidProofError`: one answer for all.

    Args:
        wire: to the server.
    """

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def start_verification(self, user_id: IdentifierInput, identifier: IdentifierInput | None = None) -> Started:
        """A one-time code for the application to deliver where only the owner of the identifier reads it.

        Args:
            user_id: who wants the identifier.
            identifier: what is to be proven; ``None``: whichever identifier the code comes back from.

        Raises:
            UserNotFoundError: there is no such user.
        """
        return self._wire.call(requests.start_verification(user_id, identifier))

    def confirm_verification(self, code: str, identifier: IdentifierInput | None = None, merge: bool = False) -> User:
        """Links the identifier that the code proves. Somebody else's unproven claim to it ends.

        Args:
            code: as it was typed; case, spaces and dashes do not matter.
            identifier: where it came from; needed if it was started without one, else it must be the same.
            merge: if somebody else has proven the identifier too, make both one user.

        Returns:
            The user, with every identifier.

        Raises:
            InvalidProofError: the code proves nothing. Five wrong tries end it.
            IdentifierConflictError: somebody else has proven the identifier, and ``merge`` is not set or cannot be.
        """
        return self._wire.call(requests.confirm_verification(code, identifier, merge))

    def create_link_token(self, identifier: IdentifierInput, expires_in: timedelta | None = None) -> LinkToken:
        """A signed token of an identifier, for a link that is sent there; ten minutes if not told otherwise."""
        return self._wire.call(requests.create_link_token(identifier, expires_in))

    def redeem_link_token(self, token: str, user_id: IdentifierInput, merge: bool = False) -> User:
        """Links the token's identifier to a user. Result and errors as `confirm_verification`."""
        return self._wire.call(requests.redeem_link_token(token, user_id, merge))

    def associate_id_token(self, id_token: str, user_id: IdentifierInput | None = None, merge: bool = False) -> User:
        """Links an OpenID Connect identity, and its e-mail address if the issuer verified it.

        Args:
            id_token: as the issuer signed it.
            user_id: to whom; ``None`` for the one who has the identity, or somebody new.
            merge: as `confirm_verification`.

        Raises:
            InvalidProofError: wrong signature, issuer, audience or time.
            IdentityProviderError: the issuer's keys cannot be fetched.
            IdentifierConflictError: as `confirm_verification`.
        """
        return self._wire.call(requests.associate_id_token(id_token, user_id, merge))

    def resolve_anonymous(self, expires_in: timedelta | None = None) -> AnonymousUser:
        """A new visitor; ``(token, "anonymous")`` is their identifier until they sign in or it ends."""
        return self._wire.call(requests.resolve_anonymous(expires_in))

    def sign_in(self, token: str, identifier: IdentifierInput, verified: bool = False) -> User:
        """A visitor turns out to be somebody: what they said goes along, and the token ends.

        Args:
            token: of `resolve_anonymous`.
            identifier: who it is, as the application has made sure; nobody yet: the visitor gets it.
            verified: you know that it is theirs: it counts as proven, and whoever has it is joined. Only with the
                admin key.

        Raises:
            UserNotFoundError: the token is unknown, used or ended.
            UnprovenIdentifierError: another user has the identifier without having proven it.
            PermissionDeniedError: ``verified`` without the admin key.
        """
        return self._wire.call(requests.sign_in(token, identifier, verified))


class AsyncProofs:
    """`Proofs` for asyncio: the same methods, arguments, results and errors, awaited."""

    def __init__(self, wire: AsyncWire) -> None:
        self._wire = wire

    async def start_verification(self, user_id: IdentifierInput, identifier: IdentifierInput | None = None) -> Started:
        """A one-time code for the application to deliver where only the owner of the identifier reads it."""
        return await self._wire.call(requests.start_verification(user_id, identifier))

    async def confirm_verification(
        self, code: str, identifier: IdentifierInput | None = None, merge: bool = False
    ) -> User:
        """Links the identifier that the code proves."""
        return await self._wire.call(requests.confirm_verification(code, identifier, merge))

    async def create_link_token(self, identifier: IdentifierInput, expires_in: timedelta | None = None) -> LinkToken:
        """A signed token of an identifier, for a link that is sent there."""
        return await self._wire.call(requests.create_link_token(identifier, expires_in))

    async def redeem_link_token(self, token: str, user_id: IdentifierInput, merge: bool = False) -> User:
        """Links the token's identifier to a user."""
        return await self._wire.call(requests.redeem_link_token(token, user_id, merge))

    async def associate_id_token(
        self, id_token: str, user_id: IdentifierInput | None = None, merge: bool = False
    ) -> User:
        """Links an OpenID Connect identity, and its e-mail address if the issuer verified it."""
        return await self._wire.call(requests.associate_id_token(id_token, user_id, merge))

    async def resolve_anonymous(self, expires_in: timedelta | None = None) -> AnonymousUser:
        """A new visitor."""
        return await self._wire.call(requests.resolve_anonymous(expires_in))

    async def sign_in(self, token: str, identifier: IdentifierInput, verified: bool = False) -> User:
        """A visitor turns out to be somebody."""
        return await self._wire.call(requests.sign_in(token, identifier, verified))
