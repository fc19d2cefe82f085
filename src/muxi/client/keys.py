"""`keys` and `roles` of both clients: who may do what."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator
from datetime import timedelta

from muxi.client import access_requests as requests
from muxi.client.access_replies import ApiKey, Caller, NewApiKey, Role
from muxi.client.identifiers import IdentifierInput
from muxi.client.paging import every, every_awaited
from muxi.client.replies import Page
from muxi.client.wire import AsyncWire, Wire


class Keys:
    """Keys of applications. All but `whoami` need a key that may do so, as the admin key may.

    Args:
        wire: to the server.
    """

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def whoami(self) -> Caller:
        """Whom the server takes this client for, and what that one may do.

        Raises:
            AuthenticationError: for nobody: the key or token is wrong, expired or revoked.
        """
        return self._wire.call(requests.caller())

    def create(
        self,
        name: str = "",
        *,
        role: str = "developer",
        owner: str = "",
        scopes: Iterable[str] | None = None,
        user_id: IdentifierInput | None = None,
        expires_in: timedelta | None = None,
    ) -> NewApiKey:
        """Makes a key. What opens is in the answer, and nowhere afterwards.

        Args:
            name: what it is for.
            role: ``owner``, ``admin``, ``support``, ``developer``, ``user``, or one of the formation's own.
            owner: who answers for it; whoever makes it if not told.
            scopes: narrows the role: permissions such as ``memories:read``, or ``memories:*``.
            user_id: it acts for this user only.
            expires_in: how long it works; until it is revoked if not told.

        Raises:
            InvalidInputError: there is no such role or permission, or it could do nothing.
            PermissionDeniedError: this client may not do so, or not as much itself.
        """
        request = requests.create_key(
            name, role=role, owner=owner, scopes=scopes, user_id=user_id, expires_in=expires_in
        )
        return self._wire.call(request)

    def list(self, limit: int = 50, cursor: str | None = None) -> Page[ApiKey]:
        """A page of every key that was made, the newest first, without what opens."""
        return self._wire.call(requests.keys(limit, cursor))

    def iter(self, limit: int = 50) -> Iterator[ApiKey]:
        """All of `list`, fetched ``limit`` at a time."""
        return every(lambda cursor: self.list(limit, cursor))

    def show(self, key_id: str) -> ApiKey:
        """What is kept of a key.

        Raises:
            NotFoundError: there is no such key.
        """
        return self._wire.call(requests.key(key_id))

    def rotate(self, key_id: str, overlap: timedelta | None = None) -> NewApiKey:
        """A new key in the place of one: the same name, owner, role, scopes and user.

        Args:
            key_id: ``key_...``.
            overlap: how long the old one still works, at most 90 days; a day if not told.

        Raises:
            NotFoundError: there is no such key.
            ConflictError: it was revoked or replaced already, or has expired.
        """
        return self._wire.call(requests.rotate_key(key_id, overlap))

    def revoke(self, key_id: str) -> ApiKey:
        """Ends a key, in every process within a second. Errors as `show`."""
        return self._wire.call(requests.revoke_key(key_id))


class Roles:
    """Roles: what keys may do. Needs the owner's permissions, as the admin key of the settings has them.

    Args:
        wire: to the server.
    """

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def list(self) -> list[Role]:
        """Those that every formation has, then the formation's own."""
        return self._wire.call(requests.roles())

    def put(self, name: str, permissions: Iterable[str], description: str = "") -> Role:
        """Makes a role, or changes it: keys that have it may do then what it says.

        Raises:
            InvalidInputError: the name cannot be one, or a permission means nothing.
            ConflictError: every formation has a role of this name.
        """
        return self._wire.call(requests.put_role(name, permissions, description))

    def remove(self, name: str) -> None:
        """Removes a role that no key has.

        Raises:
            NotFoundError: there is none of this name that could be removed.
            ConflictError: keys have it; revoke them first.
        """
        self._wire.call(requests.remove_role(name))


class AsyncKeys:
    """`Keys` for asyncio: the same methods, arguments, results and errors, awaited."""

    def __init__(self, wire: AsyncWire) -> None:
        self._wire = wire

    async def whoami(self) -> Caller:
        """Whom the server takes this client for, and what that one may do."""
        return await self._wire.call(requests.caller())

    async def create(
        self,
        name: str = "",
        *,
        role: str = "developer",
        owner: str = "",
        scopes: Iterable[str] | None = None,
        user_id: IdentifierInput | None = None,
        expires_in: timedelta | None = None,
    ) -> NewApiKey:
        """Makes a key. What opens is in the answer, and nowhere afterwards."""
        request = requests.create_key(
            name, role=role, owner=owner, scopes=scopes, user_id=user_id, expires_in=expires_in
        )
        return await self._wire.call(request)

    async def list(self, limit: int = 50, cursor: str | None = None) -> Page[ApiKey]:
        """A page of every key that was made, the newest first, without what opens."""
        return await self._wire.call(requests.keys(limit, cursor))

    def iter(self, limit: int = 50) -> AsyncIterator[ApiKey]:
        """All of `list`, fetched ``limit`` at a time."""
        return every_awaited(lambda cursor: self.list(limit, cursor))

    async def show(self, key_id: str) -> ApiKey:
        """What is kept of a key."""
        return await self._wire.call(requests.key(key_id))

    async def rotate(self, key_id: str, overlap: timedelta | None = None) -> NewApiKey:
        """A new key in the place of one: the same name, owner, role, scopes and user."""
        return await self._wire.call(requests.rotate_key(key_id, overlap))

    async def revoke(self, key_id: str) -> ApiKey:
        """Ends a key, in every process within a second. Errors as `show`."""
        return await self._wire.call(requests.revoke_key(key_id))


class AsyncRoles:
    """`Roles` for asyncio: the same methods, arguments, results and errors, awaited."""

    def __init__(self, wire: AsyncWire) -> None:
        self._wire = wire

    async def list(self) -> list[Role]:
        """Those that every formation has, then the formation's own."""
        return await self._wire.call(requests.roles())

    async def put(self, name: str, permissions: Iterable[str], description: str = "") -> Role:
        """Makes a role, or changes it: keys that have it may do then what it says."""
        return await self._wire.call(requests.put_role(name, permissions, description))

    async def remove(self, name: str) -> None:
        """Removes a role that no key has."""
        await self._wire.call(requests.remove_role(name))
