"""Credentials on a store that this process opens itself. Loaded only when a command needs it."""

from __future__ import annotations

from muxi.cli.access import SecretDraft, Shape
from muxi.cli.embedded_users import ACTOR
from muxi.cli.options import Who
from muxi.core.credentials.types import Credential
from muxi.core.formation import Formation


class EmbeddedCredentials:
    """`muxi.cli.access.CredentialAccess` to a formation in this process."""

    def __init__(self, formation: Formation) -> None:
        self._identities = formation.identities
        self._credentials = formation.credentials

    def put(self, who: Who, draft: SecretDraft) -> Shape:
        stored = self._credentials.put(
            self._identities.require_proven(who).id,
            draft.service,
            draft.secret,
            draft.name,
            draft.metadata,
            expires_in=draft.expires_in,
            credential_id=draft.credential_id,
            actor=ACTOR,
        )
        return _shape(stored)

    def list(self, who: Who, service: str) -> Shape:
        found = self._credentials.list(self._identities.require_proven(who).id, service)
        return {"credentials": [_shape(one) for one in found]}

    def reveal(self, who: Who, service: str, name: str, credential_id: str | None) -> Shape:
        user = self._identities.require_proven(who)
        found = self._credentials.get(user.id, service, name, credential_id=credential_id, actor=ACTOR)
        return {"secret": found.reveal(), "credential": _shape(found.credential)}

    def delete(self, who: Who, service: str, name: str, credential_id: str | None) -> Shape:
        user = self._identities.require_proven(who)
        return _shape(self._credentials.delete(user.id, service, name, credential_id=credential_id, actor=ACTOR))


def _shape(one: Credential) -> Shape:
    return {
        "credential_id": one.id,
        "muxi_user_id": one.user_id,
        "service": one.service,
        "name": one.name,
        "preview": one.preview,
        "metadata": dict(one.metadata),
        "created_at": one.created_at.isoformat(),
        "updated_at": one.updated_at.isoformat(),
        "last_used_at": one.last_used_at.isoformat() if one.last_used_at else None,
        "expires_at": one.expires_at.isoformat() if one.expires_at else None,
    }
