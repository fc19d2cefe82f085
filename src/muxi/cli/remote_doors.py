"""Keys, roles, tokens and sessions, on a running server. Loaded only when a command needs it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from muxi.cli.access import Shape
from muxi.cli.access_doors import KeyDraft
from muxi.cli.options import Who
from muxi.cli.values import shape
from muxi.client.sync import FormationClient


class RemoteDoors:
    """`muxi.cli.access_doors.DoorAccess` to a formation of a server."""

    def __init__(self, client: FormationClient) -> None:
        self._client = client

    def keys(self, limit: int, cursor: str | None) -> Shape:
        page = self._client.keys.list(limit, cursor)
        return {"keys": [shape(one) for one in page.items], "next_cursor": page.next_cursor}

    def create_key(self, draft: KeyDraft) -> Shape:
        made = self._client.keys.create(
            draft.name,
            role=draft.role,
            owner=draft.owner,
            scopes=draft.scopes,
            user_id=draft.user,
            expires_in=draft.expires_in,
        )
        return shape(made)

    def rotate_key(self, key_id: str, overlap: timedelta | None) -> Shape:
        return shape(self._client.keys.rotate(key_id, overlap))

    def revoke_key(self, key_id: str) -> Shape:
        return shape(self._client.keys.revoke(key_id))

    def roles(self) -> Shape:
        return {"roles": [shape(one) for one in self._client.roles.list()]}

    def put_role(self, name: str, permissions: Sequence[str], description: str) -> Shape:
        return shape(self._client.roles.put(name, permissions, description))

    def remove_role(self, name: str) -> None:
        self._client.roles.remove(name)

    def create_token(self, who: Who, expires_in: timedelta | None) -> Shape:
        return shape(self._client.tokens.create(who, expires_in))

    def revoke_token(self, jti: str) -> None:
        self._client.tokens.revoke(jti=jti)

    def revoke_tokens(self, who: Who) -> None:
        self._client.tokens.revoke_all(who)

    def rotate_signing_key(self) -> str:
        return self._client.tokens.rotate_signing_key()

    def sessions(self, who: Who, limit: int, cursor: str | None) -> Shape:
        page = self._client.list_sessions(who, limit, cursor)
        return {"sessions": [shape(one) for one in page.items], "next_cursor": page.next_cursor}

    def create_session(self, who: Who, metadata: Shape, idle: timedelta | None, expires_in: timedelta | None) -> Shape:
        return shape(self._client.sessions.create(who, metadata, idle=idle, expires_in=expires_in))

    def end_session(self, session_id: str, who: Who) -> Shape:
        return shape(self._client.sessions.end(session_id, who))
