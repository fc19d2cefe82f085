"""The documented names of authentication: keys, tokens of users, and their sessions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from muxi.core.access.keys import DEFAULT_OVERLAP, role_of
from muxi.core.access.types import ApiKey, Claims, NewApiKey
from muxi.core.identity.types import IdentifierInput
from muxi.core.paging import Page
from muxi.core.sessions.types import Session
from muxi.errors import AuthenticationError, NotFoundError, UserDisabledError
from muxi.ids import SessionId, UserId

if TYPE_CHECKING:
    from muxi.core.formation import Formation


class Authentication:
    """Who may come in. A part of `muxi.core.orchestrator.Orchestrator`.

    Attributes:
        formation: whose keys, tokens and sessions they are.
    """

    formation: Formation

    @property
    def user_api_key(self) -> str:
        """The formation's client key: everything but administration, for any user.

        Of the settings (``keys.client_key``), or made once and kept in ``keys.json`` in the data directory.

        Raises:
            SettingsError: the file cannot be read or written.
        """
        return self.formation.access.keys.built_in().client

    @property
    def admin_api_key(self) -> str:
        """The formation's admin key: everything. As `user_api_key`."""
        return self.formation.access.keys.built_in().admin

    def create_api_key(
        self,
        is_admin: bool = False,
        *,
        name: str = "",
        user_id: IdentifierInput | None = None,
        role: str | None = None,
        scopes: Iterable[str] | None = None,
        expires_in: timedelta | None = None,
    ) -> str:
        """A new key, as ``muxi_live_...``: shown this once, kept as a hash.

        Args:
            is_admin: may do what the role ``admin`` may, else what ``developer`` may.
            name: what it is for.
            user_id: it acts for this user only, who is made if new.
            role: another role; ``is_admin`` is not looked at then.
            scopes: narrows the role: permissions such as ``memories:read``, or ``memories:*``.
            expires_in: how long it works; until it is revoked if not told.

        Raises:
            InvalidInputError: there is no such role or permission, or it could do nothing.
        """
        user = None if user_id is None else self.formation.identities.resolve(user_id).id
        keys = self.formation.access.keys
        made = keys.create(name, role=role or role_of(is_admin), scopes=scopes, user_id=user, expires_in=expires_in)
        return made.key

    def validate_api_key(self, key: str, require_admin: bool = False) -> bool:
        """Whether a key opens this formation, and, if that is asked, as an administrator.

        `find_api_key` says whose it is and what may be done with it.
        """
        return self.formation.access.keys.is_valid(key, require_admin=require_admin)

    def find_api_key(self, key: str) -> ApiKey:
        """What a key is of: its role, its permissions, and the user it acts for (`ApiKey.user_id`).

        Raises:
            AuthenticationError: it is wrong, revoked or expired.
        """
        return self.formation.access.keys.validate(key)

    def list_api_keys(self, cursor: str | None = None, limit: int = 50) -> Page[ApiKey]:
        """Every key that was made, newest first. As `muxi.core.access.keys.ApiKeys.newest`."""
        return self.formation.access.keys.newest(cursor=cursor, limit=limit)

    def rotate_api_key(self, key_id: str, overlap: timedelta = DEFAULT_OVERLAP) -> NewApiKey:
        """A new key in the place of one. As `muxi.core.access.keys.ApiKeys.rotate`."""
        return self.formation.access.keys.rotate(key_id, overlap=overlap)

    def revoke_api_key(self, key_id: str) -> ApiKey:
        """Ends a key. As `muxi.core.access.keys.ApiKeys.revoke`."""
        return self.formation.access.keys.revoke(key_id)

    def generate_jwt_token(self, user_id: IdentifierInput, expiration: float = 3600) -> str:
        """A token with which its holder acts for a user, and for nobody else: for a browser or a bot to hold.

        Args:
            user_id: whose, by any identifier; made if new.
            expiration: seconds, 1 to 604,800 (seven days).

        Raises:
            InvalidInputError: ``expiration`` is out of range.
        """
        user = self.formation.identities.resolve(user_id)
        return self.formation.access.tokens.create(user.id, timedelta(seconds=expiration)).token

    def validate_jwt_token(self, token: str) -> Claims | None:
        """What a token says: ``sub`` is the user's ``usr_`` id.

        ``None``: it is wrong, expired or revoked, or its user is not there any more or shut out.
        """
        try:
            claims = self.formation.access.tokens.validate(token)
            self.formation.identities.get(UserId(claims["sub"]))
        except (AuthenticationError, NotFoundError, UserDisabledError):
            return None
        return claims

    def revoke_jwt_token(self, token: str) -> None:
        """Takes one token back. One that is worth nothing already stays so."""
        claims = self.validate_jwt_token(token)
        if claims is not None:
            self.formation.access.tokens.revoke(claims["jti"], claims["sub"])

    def revoke_jwt_tokens(self, user_id: IdentifierInput) -> None:
        """Takes back every token that a user has now.

        Raises:
            UserNotFoundError: there is no such user.
        """
        self.formation.access.tokens.revoke_all(self.formation.identities.get(user_id).id)

    def create_user_session(self, user_id: IdentifierInput, metadata: Mapping[str, Any] | None = None) -> SessionId:
        """Opens a session of a user, who is made if new. As `muxi.core.sessions.service.Sessions.create`."""
        user = self.formation.identities.resolve(user_id)
        return self.formation.sessions.create(user.id, metadata).id

    def end_user_session(self, session_id: str) -> Session:
        """Ends a session: nothing can be said in it any more. As `muxi.core.sessions.service.Sessions.end`."""
        return self.formation.sessions.end(session_id)

    def list_user_sessions(self, user_id: IdentifierInput, cursor: str | None = None, limit: int = 50) -> Page[Session]:
        """A user's sessions, the last used first; none for a user nobody knows."""
        user = self.formation.identities.find(user_id)
        return self.formation.sessions.newest(user.id, cursor=cursor, limit=limit) if user else Page([], None)
