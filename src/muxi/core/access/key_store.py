"""What keys and roles need of a store. A store is bound to one formation: nothing it returns is another's."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from muxi.core.access.types import Role
from muxi.ids import KeyId, UserId


@dataclass(frozen=True, slots=True)
class StoredKey:
    """A key as it is kept. Attributes as `muxi.core.access.types.ApiKey`."""

    id: KeyId
    name: str
    owner: str
    role: str
    scopes: tuple[str, ...] | None
    user_id: UserId | None
    created_at: datetime
    created_by: str
    expires_at: datetime | None = None
    last_used_at: datetime | None = None
    revoked_at: datetime | None = None
    rotated_to: KeyId | None = None


class KeyStore(Protocol):
    """Keys. Every change is audited and told to all processes in its own transaction."""

    def watch(self, doubt: Callable[[], None], forget: Callable[[], None]) -> Callable[[], float]:
        """As `muxi.core.access.remembered.Watching`."""

    def add(self, key: StoredKey, hash: str) -> None:
        """Keeps a new key.

        Raises:
            UserNotFoundError: its user was erased.
        """

    def find(self, key_id: KeyId) -> tuple[StoredKey, str] | None:
        """A key and its hash."""

    def before(self, key_id: str, limit: int) -> list[StoredKey]:
        """Keys below an id, newest first."""

    def revoke(self, key_id: KeyId, at: datetime, actor: str) -> bool:
        """False: it was revoked already, or is not there."""

    def replace(self, old: KeyId, until: datetime, key: StoredKey, hash: str) -> bool:
        """Keeps a new key in the place of one that works until a time. False: that was revoked or replaced already."""

    def used(self, at: Mapping[KeyId, datetime]) -> None:
        """Notes when keys were used, unless that was noted less than a minute before."""

    def refused(self, actor: str, user_id: UserId | None, details: Mapping[str, object], at: datetime) -> None:
        """Records in the audit what somebody may not do."""


class RoleStore(Protocol):
    """A formation's own roles. Every change is audited and told to all processes in its own transaction."""

    def all(self) -> Sequence[Role]:
        """By name."""

    def put(self, role: Role, at: datetime, actor: str) -> None:
        """Makes or changes a role."""

    def remove(self, name: str, at: datetime, actor: str) -> bool | None:
        """``None``: there is none. False: keys have it, and it stays."""
