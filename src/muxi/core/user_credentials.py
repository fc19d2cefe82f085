"""Names for users' secrets for outside services: by any identifier, if that is proven."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from muxi.core.credentials.service import DEFAULT
from muxi.core.credentials.types import Credential, Secret
from muxi.core.identity.types import IdentifierInput

if TYPE_CHECKING:
    from muxi.core.formation import Formation


class UserCredentials:
    """What users open outside services with. A part of `muxi.core.orchestrator.Orchestrator`.

    An identifier that is known only from having been used means nobody's credentials: it has to be proven. A ``usr_``
    id is the application's own word.

    Attributes:
        formation: whose users they are.
    """

    formation: Formation

    def put_credential(
        self,
        user_id: IdentifierInput,
        service: str,
        secret: str,
        name: str = DEFAULT,
        metadata: Mapping[str, Any] | None = None,
        *,
        expires_in: timedelta | None = None,
        credential_id: str | None = None,
    ) -> Credential:
        """Stores a user's secret for a service, sealed. As `muxi.core.credentials.service.Credentials.put`.

        Raises:
            UserNotFoundError: nobody has this identifier.
            UnprovenIdentifierError: it is not proven to be the user's.
            SettingsError: no master key is set.
        """
        user = self.formation.identities.require_proven(user_id)
        return self.formation.credentials.put(
            user.id, service, secret, name, metadata, expires_in=expires_in, credential_id=credential_id
        )

    def get_credential(
        self, user_id: IdentifierInput, service: str, name: str = DEFAULT, *, credential_id: str | None = None
    ) -> Secret:
        """A user's secret: `Secret.reveal` gives it, and nothing else shows it. As `Credentials.get`.

        Raises:
            NotFoundError: the user has none of this name, or it has expired.
            UserNotFoundError, UnprovenIdentifierError: as `put_credential`.
        """
        user = self.formation.identities.require_proven(user_id)
        return self.formation.credentials.get(user.id, service, name, credential_id=credential_id)

    def list_credentials(self, user_id: IdentifierInput, service: str = "") -> tuple[Credential, ...]:
        """What a user has, of one service or of all, without the secrets. Errors as `put_credential`."""
        return self.formation.credentials.list(self.formation.identities.require_proven(user_id).id, service)

    def delete_credential(
        self, user_id: IdentifierInput, service: str, name: str = DEFAULT, *, credential_id: str | None = None
    ) -> Credential:
        """Removes a user's secret, and returns what it was. As `Credentials.delete`.

        Raises:
            NotFoundError: the user has none of this name.
            UserNotFoundError, UnprovenIdentifierError: as `put_credential`.
        """
        user = self.formation.identities.require_proven(user_id)
        return self.formation.credentials.delete(user.id, service, name, credential_id=credential_id)
