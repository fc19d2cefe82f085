"""`tokens` and `sessions` of both clients: users who come in by themselves, and their conversations."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from muxi.client import access_requests as requests
from muxi.client.access_replies import UserToken
from muxi.client.identifiers import IdentifierInput
from muxi.client.replies import Session
from muxi.client.wire import AsyncWire, Wire
from muxi.errors import InvalidInputError


class Tokens:
    """Short-lived tokens of users, for a browser or a bot to hold: ``FormationClient(token=...)``.

    Args:
        wire: to the server.
    """

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def create(self, user_id: IdentifierInput, expires_in: timedelta | None = None) -> UserToken:
        """A token with which its holder acts for a user, who is made if new, and for nobody else.

        Args:
            user_id: whose.
            expires_in: a second to seven days; an hour if not told.

        Raises:
            PermissionDeniedError: this client may not make tokens.
        """
        return self._wire.call(requests.create_token(user_id, expires_in))

    def revoke(self, token: str | None = None, *, jti: str | None = None) -> None:
        """Takes a token back, in every process within a second: by itself, or by its ``jti``.

        Raises:
            InvalidProofError: it is worth nothing already.
            InvalidInputError: neither or both were told.
        """
        if (token is None) == (jti is None):
            raise InvalidInputError("Tell the token, or its jti.")
        self._wire.call(requests.revoke_token(token, jti))

    def revoke_all(self, user_id: IdentifierInput) -> None:
        """Takes back every token that a user has now.

        Raises:
            UserNotFoundError: nobody has this identifier.
        """
        self._wire.call(requests.revoke_tokens(user_id))

    def rotate_signing_key(self) -> str:
        """Signs with a new key from now on, and returns its ``kid``. What was signed before works until it ends."""
        return self._wire.call(requests.rotate_signing_key())

    def public_keys(self) -> dict[str, Any]:
        """The public keys as a JWK set; empty unless tokens are signed with EdDSA. Needs no key."""
        return self._wire.call(requests.public_keys())


class Sessions:
    """Conversations that are opened and ended by themselves.

    Args:
        wire: to the server.
    """

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def create(
        self,
        user_id: IdentifierInput | None = None,
        metadata: Mapping[str, Any] | None = None,
        *,
        idle: timedelta | None = None,
        expires_in: timedelta | None = None,
    ) -> Session:
        """Opens a session of a user, before anything is said in it.

        Args:
            user_id: whose; the user of this client's own key or token if not told.
            metadata: kept with it.
            idle: how much silence ends it; as the server is set if not told.
            expires_in: how long it lasts at most; as the server is set if not told.
        """
        return self._wire.call(requests.create_session(user_id, metadata, idle, expires_in))

    def end(self, session_id: str, user_id: IdentifierInput | None = None) -> Session:
        """Ends a session: `chat` in it raises `SessionEndedError` from then on. What was said stays.

        Raises:
            SessionNotFoundError: there is no such session, or it is another user's.
        """
        return self._wire.call(requests.end_session(session_id, user_id))


class AsyncTokens:
    """`Tokens` for asyncio: the same methods, arguments, results and errors, awaited."""

    def __init__(self, wire: AsyncWire) -> None:
        self._wire = wire

    async def create(self, user_id: IdentifierInput, expires_in: timedelta | None = None) -> UserToken:
        """A token with which its holder acts for a user, who is made if new, and for nobody else."""
        return await self._wire.call(requests.create_token(user_id, expires_in))

    async def revoke(self, token: str | None = None, *, jti: str | None = None) -> None:
        """Takes a token back, in every process within a second: by itself, or by its ``jti``."""
        if (token is None) == (jti is None):
            raise InvalidInputError("Tell the token, or its jti.")
        await self._wire.call(requests.revoke_token(token, jti))

    async def revoke_all(self, user_id: IdentifierInput) -> None:
        """Takes back every token that a user has now."""
        await self._wire.call(requests.revoke_tokens(user_id))

    async def rotate_signing_key(self) -> str:
        """Signs with a new key from now on, and returns its ``kid``. What was signed before works until it ends."""
        return await self._wire.call(requests.rotate_signing_key())

    async def public_keys(self) -> dict[str, Any]:
        """The public keys as a JWK set; empty unless tokens are signed with EdDSA. Needs no key."""
        return await self._wire.call(requests.public_keys())


class AsyncSessions:
    """`Sessions` for asyncio: the same methods, arguments, results and errors, awaited."""

    def __init__(self, wire: AsyncWire) -> None:
        self._wire = wire

    async def create(
        self,
        user_id: IdentifierInput | None = None,
        metadata: Mapping[str, Any] | None = None,
        *,
        idle: timedelta | None = None,
        expires_in: timedelta | None = None,
    ) -> Session:
        """Opens a session of a user, before anything is said in it."""
        return await self._wire.call(requests.create_session(user_id, metadata, idle, expires_in))

    async def end(self, session_id: str, user_id: IdentifierInput | None = None) -> Session:
        """Ends a session: `chat` in it raises `SessionEndedError` from then on. What was said stays."""
        return await self._wire.call(requests.end_session(session_id, user_id))
