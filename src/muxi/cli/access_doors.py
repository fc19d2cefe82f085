"""What commands about keys, roles, tokens and sessions ask for, of a store or of a running server."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from muxi.cli.access import Shape
from muxi.cli.options import Who


@dataclass(frozen=True, slots=True)
class KeyDraft:
    """A key to be made."""

    name: str
    role: str
    owner: str
    scopes: Sequence[str] | None
    user: Who | None
    expires_in: timedelta | None


class DoorAccess(Protocol):
    """Who may do what."""

    def keys(self, limit: int, cursor: str | None) -> Shape:
        """``keys``, newest first, and ``next_cursor``."""

    def create_key(self, draft: KeyDraft) -> Shape:
        """``key``, this once, and ``record``."""

    def rotate_key(self, key_id: str, overlap: timedelta | None) -> Shape:
        """As `create_key`."""

    def revoke_key(self, key_id: str) -> Shape:
        """One of `keys`."""

    def roles(self) -> Shape:
        """``roles``, each with its ``permissions``."""

    def put_role(self, name: str, permissions: Sequence[str], description: str) -> Shape:
        """One of `roles`."""

    def remove_role(self, name: str) -> None:
        """Removes a role that no key has."""

    def create_token(self, who: Who, expires_in: timedelta | None) -> Shape:
        """``token``, ``jti``, ``muxi_user_id``, ``expires_at``."""

    def revoke_token(self, jti: str) -> None:
        """Takes one token back."""

    def revoke_tokens(self, who: Who) -> None:
        """Takes back every token of a user."""

    def rotate_signing_key(self) -> str:
        """The new ``kid``."""

    def sessions(self, who: Who, limit: int, cursor: str | None) -> Shape:
        """``sessions``, the last used first, and ``next_cursor``."""

    def create_session(self, who: Who, metadata: Shape, idle: timedelta | None, expires_in: timedelta | None) -> Shape:
        """One of `sessions`."""

    def end_session(self, session_id: str, who: Who) -> Shape:
        """One of `sessions`."""
