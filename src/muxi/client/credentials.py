"""`credentials` of both clients: users' secrets for outside services."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from muxi.client import credential_requests as requests
from muxi.client.credential_replies import Credential, Secret
from muxi.client.identifiers import IdentifierInput
from muxi.client.wire import AsyncWire, Wire

DEFAULT = "default"


class Credentials:
    """What users open outside services with. The user has to be named by an identifier that is proven.

    Args:
        wire: to the server.
    """

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def put(
        self,
        service: str,
        secret: str,
        user_id: IdentifierInput | None = None,
        name: str = DEFAULT,
        metadata: Mapping[str, Any] | None = None,
        *,
        expires_in: timedelta | None = None,
        credential_id: str | None = None,
    ) -> Credential:
        """Stores a user's secret, in the place of the one of this service and name if there is one.

        Args:
            service: 1 to 64 small letters, digits, dots, dashes and underscores: ``github``.
            secret: at most 64 KiB.
            user_id: whose; the user of this client's own key or token if not told.
            name: which of several.
            metadata: kept with it, not encrypted.
            expires_in: how long it is given out; until it is replaced or deleted if not told.
            credential_id: the one to replace, where users who were merged have one of this name each.

        Raises:
            UnprovenIdentifierError: the identifier is not proven to be the user's.
            InvalidInputError: something of it cannot be stored.
            ConflictError: the user has several of this name: name the id.
            SettingsError: the server has no master key.
        """
        request = requests.put_credential(
            service, name, secret, user_id, metadata=metadata, expires_in=expires_in, credential_id=credential_id
        )
        return self._wire.call(request)

    def list(self, user_id: IdentifierInput | None = None, service: str = "") -> list[Credential]:
        """A user's credentials, of one service or of all, without the secrets. Errors as `put`."""
        return self._wire.call(requests.credentials(user_id, service))

    def get(
        self,
        service: str,
        user_id: IdentifierInput | None = None,
        name: str = DEFAULT,
        *,
        credential_id: str | None = None,
    ) -> Secret:
        """A user's secret: `Secret.reveal` gives it. Needs the permission ``credentials:reveal``: the admin key has it.

        Raises:
            NotFoundError: the user has none of this name, or it has expired.
            ConflictError: the user has several: ``details["credentials"]`` lists their ids.
            PermissionDeniedError: this client may not be handed secrets.
        """
        return self._wire.call(requests.reveal_credential(service, name, user_id, credential_id))

    def delete(
        self,
        service: str,
        user_id: IdentifierInput | None = None,
        name: str = DEFAULT,
        *,
        credential_id: str | None = None,
    ) -> Credential:
        """Removes a user's secret, and returns what it was. Errors as `get`."""
        return self._wire.call(requests.delete_credential(service, name, user_id, credential_id))


class AsyncCredentials:
    """`Credentials` for asyncio: the same methods, arguments, results and errors, awaited."""

    def __init__(self, wire: AsyncWire) -> None:
        self._wire = wire

    async def put(
        self,
        service: str,
        secret: str,
        user_id: IdentifierInput | None = None,
        name: str = DEFAULT,
        metadata: Mapping[str, Any] | None = None,
        *,
        expires_in: timedelta | None = None,
        credential_id: str | None = None,
    ) -> Credential:
        """Stores a user's secret, in the place of the one of this service and name if there is one."""
        request = requests.put_credential(
            service, name, secret, user_id, metadata=metadata, expires_in=expires_in, credential_id=credential_id
        )
        return await self._wire.call(request)

    async def list(self, user_id: IdentifierInput | None = None, service: str = "") -> list[Credential]:
        """A user's credentials, of one service or of all, without the secrets."""
        return await self._wire.call(requests.credentials(user_id, service))

    async def get(
        self,
        service: str,
        user_id: IdentifierInput | None = None,
        name: str = DEFAULT,
        *,
        credential_id: str | None = None,
    ) -> Secret:
        """A user's secret: `Secret.reveal` gives it."""
        return await self._wire.call(requests.reveal_credential(service, name, user_id, credential_id))

    async def delete(
        self,
        service: str,
        user_id: IdentifierInput | None = None,
        name: str = DEFAULT,
        *,
        credential_id: str | None = None,
    ) -> Credential:
        """Removes a user's secret, and returns what it was."""
        return await self._wire.call(requests.delete_credential(service, name, user_id, credential_id))
