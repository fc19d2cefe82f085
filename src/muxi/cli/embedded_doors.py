"""Keys, roles, tokens and sessions, on a store that this process opens itself. Loaded only when a command needs it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from muxi.cli.access import Shape
from muxi.cli.access_doors import KeyDraft
from muxi.cli.embedded_users import ACTOR
from muxi.cli.options import Who
from muxi.core.access.keys import DEFAULT_OVERLAP
from muxi.core.access.policy import ROLES
from muxi.core.access.tokens import DEFAULT_LIFETIME
from muxi.core.access.types import ApiKey, NewApiKey, Role
from muxi.core.formation import Formation
from muxi.core.sessions.types import Session


class EmbeddedDoors:
    """`muxi.cli.access_doors.DoorAccess` to a formation in this process."""

    def __init__(self, formation: Formation) -> None:
        self._formation = formation
        self._access = formation.access

    def keys(self, limit: int, cursor: str | None) -> Shape:
        page = self._access.keys.newest(cursor=cursor, limit=limit)
        return {"keys": [_key(one) for one in page.items], "next_cursor": page.next_cursor}

    def create_key(self, draft: KeyDraft) -> Shape:
        user = None if draft.user is None else self._formation.identities.resolve(draft.user).id
        made = self._access.keys.create(
            draft.name,
            role=draft.role,
            owner=draft.owner,
            scopes=draft.scopes,
            user_id=user,
            expires_in=draft.expires_in,
            actor=ACTOR,
        )
        return _made(made)

    def rotate_key(self, key_id: str, overlap: timedelta | None) -> Shape:
        kept = DEFAULT_OVERLAP if overlap is None else overlap
        return _made(self._access.keys.rotate(key_id, overlap=kept, actor=ACTOR))

    def revoke_key(self, key_id: str) -> Shape:
        return _key(self._access.keys.revoke(key_id, actor=ACTOR))

    def roles(self) -> Shape:
        return {"roles": [_role(one) for one in self._access.roles.all()]}

    def put_role(self, name: str, permissions: Sequence[str], description: str) -> Shape:
        return _role(self._access.roles.put(name, permissions, description, actor=ACTOR))

    def remove_role(self, name: str) -> None:
        self._access.roles.remove(name, actor=ACTOR)

    def create_token(self, who: Who, expires_in: timedelta | None) -> Shape:
        user = self._formation.identities.resolve(who)
        made = self._access.tokens.create(user.id, expires_in or DEFAULT_LIFETIME)
        return {
            "token": made.token,
            "jti": made.jti,
            "muxi_user_id": made.user_id,
            "expires_at": made.expires_at.isoformat(),
        }

    def revoke_token(self, jti: str) -> None:
        self._access.tokens.revoke(jti, actor=ACTOR)

    def revoke_tokens(self, who: Who) -> None:
        self._access.tokens.revoke_all(self._formation.identities.get(who).id, actor=ACTOR)

    def rotate_signing_key(self) -> str:
        return self._access.tokens.rotate(actor=ACTOR).kid

    def sessions(self, who: Who, limit: int, cursor: str | None) -> Shape:
        user = self._formation.identities.find(who)
        if user is None:
            return {"sessions": [], "next_cursor": None}
        page = self._formation.sessions.newest(user.id, cursor=cursor, limit=limit)
        return {"sessions": [_session(one) for one in page.items], "next_cursor": page.next_cursor}

    def create_session(self, who: Who, metadata: Shape, idle: timedelta | None, expires_in: timedelta | None) -> Shape:
        user = self._formation.identities.resolve(who)
        return _session(self._formation.sessions.create(user.id, metadata, idle=idle, expires_in=expires_in))

    def end_session(self, session_id: str, who: Who) -> Shape:
        return _session(self._formation.sessions.end(session_id, self._formation.identities.get(who).id))


def _made(made: NewApiKey) -> Shape:
    return {"key": made.key, "record": _key(made.record)}


def _key(key: ApiKey) -> Shape:
    return {
        "key_id": key.id,
        "name": key.name,
        "owner": key.owner,
        "role": key.role,
        "scopes": None if key.scopes is None else list(key.scopes),
        "muxi_user_id": key.user_id,
        "created_at": key.created_at.isoformat(),
        "created_by": key.created_by,
        "expires_at": _text(key.expires_at),
        "last_used_at": _text(key.last_used_at),
        "revoked_at": _text(key.revoked_at),
        "rotated_to": key.rotated_to,
    }


def _role(role: Role) -> Shape:
    return {
        "name": role.name,
        "description": role.description,
        "permissions": sorted(role.permissions),
        "built_in": role.name in ROLES,
    }


def _session(session: Session) -> Shape:
    return {
        "session_id": session.id,
        "name": session.name,
        "channel": session.channel,
        "started_at": session.started_at.isoformat(),
        "last_at": session.last_at.isoformat(),
        "messages": session.messages,
        "metadata": dict(session.metadata or {}),
        "ends_at": _text(session.end()),
    }


def _text(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None
