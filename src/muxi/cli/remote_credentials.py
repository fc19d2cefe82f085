"""Credentials on a running server. Loaded only when a command needs it."""

from __future__ import annotations

from muxi.cli.access import SecretDraft, Shape
from muxi.cli.options import Who
from muxi.cli.values import shape
from muxi.client.sync import FormationClient


class RemoteCredentials:
    """`muxi.cli.access.CredentialAccess` to a formation of a server."""

    def __init__(self, client: FormationClient) -> None:
        self._client = client

    def put(self, who: Who, draft: SecretDraft) -> Shape:
        stored = self._client.credentials.put(
            draft.service,
            draft.secret,
            who,
            draft.name,
            draft.metadata,
            expires_in=draft.expires_in,
            credential_id=draft.credential_id,
        )
        return shape(stored)

    def list(self, who: Who, service: str) -> Shape:
        return {"credentials": [shape(one) for one in self._client.credentials.list(who, service)]}

    def reveal(self, who: Who, service: str, name: str, credential_id: str | None) -> Shape:
        found = self._client.credentials.get(service, who, name, credential_id=credential_id)
        return {"secret": found.reveal(), "credential": shape(found.credential)}

    def delete(self, who: Who, service: str, name: str, credential_id: str | None) -> Shape:
        return shape(self._client.credentials.delete(service, who, name, credential_id=credential_id))
