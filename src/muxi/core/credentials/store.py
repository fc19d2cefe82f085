"""What credentials need of a store. A store is bound to one formation: nothing it returns is another's."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Protocol

from muxi.core.credentials.types import Credential, DataKey, Sealed
from muxi.ids import UserId


class CredentialWriter(Protocol):
    """One transaction in which a credential of a canonical user is written."""

    def named(self, service: str, name: str) -> list[Credential]:
        """The user's credentials of this name: of users who were merged, there can be one of each."""

    def count(self) -> int:
        """How many credentials the user has."""

    def data_key(self, owner: UserId) -> DataKey | None:
        """The data key of one of those who are the user."""

    def add_data_key(self, key: DataKey) -> DataKey:
        """Keeps a new data key, unless somebody was faster; returns the one that is kept."""

    def put(self, credential: Credential, sealed: str, *, replaces: bool) -> Credential:
        """Keeps it, instead of the one of its user, service and name if there is one, whose id then stays. Audited."""


class CredentialStore(Protocol):
    """Credentials and data keys. ``user_id`` is a canonical user, and means those merged into it, too."""

    def writing(self, user_id: UserId, actor: str, now: datetime) -> AbstractContextManager[CredentialWriter]:
        """A transaction, during which the user cannot be erased.

        Raises:
            UserNotFoundError: the user was erased.
        """

    def of(self, user_id: UserId, service: str) -> list[Credential]:
        """A user's credentials, of one service or (empty) of all, by service, name and id."""

    def sealed(self, user_id: UserId, service: str, name: str) -> list[Sealed]:
        """As `CredentialWriter.named`, with what opens them."""

    def delete(self, user_id: UserId, credential: Credential, actor: str, now: datetime) -> bool:
        """Removes a credential, and the data key with its owner's last one; whether it was there. Audited."""

    def used(self, credential: Credential, actor: str, now: datetime) -> None:
        """Notes that it was given out. Audited."""

    def wrapped_otherwise(self, key_id: str, after: str, limit: int) -> list[DataKey]:
        """Data keys that are not wrapped by this master key, by user, behind a user."""

    def rewrap(self, keys: Sequence[tuple[DataKey, DataKey]], actor: str, now: datetime) -> int:
        """Replaces old data keys by new ones, all in one transaction; how many were still as the old one. Audited."""
