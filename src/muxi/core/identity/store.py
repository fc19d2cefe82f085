"""What identity needs of a store. A store is bound to one formation: nothing it returns is another's."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Protocol

from muxi.core.identity.types import Identifier, LinkedIdentifier, Owner
from muxi.ids import MergeId, UserId

#: Who links an identifier that writes for the first time, and the actor of it in the audit.
FIRST_CONTACT = "resolve"


class IdentityStore(Protocol):
    """Users and their identifiers."""

    def owners(self, identifier: Identifier) -> list[Owner]:
        """Who an identifier means.

        With a type: the user of that type, else of the untyped row of that value; at most one. Without: every
        row of that value, each with its user. Users are canonical (the survivor of a merge).
        """

    def by_id(self, user_id: UserId) -> Owner | None:
        """The user of this id; of a merged user, the survivor."""

    def anonymous(self, identifier: Identifier, now: datetime) -> Owner | None:
        """The user of an anonymous token that has not ended."""

    def identifiers(self, user_id: UserId) -> list[LinkedIdentifier]:
        """A canonical user's identifiers, in the order they were linked."""

    def watch(self, forget: Callable[[], None]) -> Callable[[], float]:
        """Has ``forget`` called, from any thread, when a link that existed has changed its meaning (in any process).

        Returns what says until when (`time.monotonic`) nothing can have been missed; ask it again after that.
        """

    def first_contact(self, identifier: Identifier, user_id: UserId, now: datetime) -> list[Owner]:
        """Makes a user of this id who has the identifier. Owners, as `owners`: somebody has it, and nobody was made."""

    def writing(
        self, identifiers: Sequence[Identifier], actor: str, now: datetime
    ) -> AbstractContextManager[IdentityWriter]:
        """One transaction, in which nobody else decides about these identifiers; all of it is kept or nothing.

        What it changes is recorded in the audit, as done by ``actor``.
        """


class IdentityWriter(Protocol):
    """What can be read and changed inside one transaction."""

    #: Whether a link that existed has changed its meaning: caches must forget.
    moved: bool

    def owners(self, identifier: Identifier) -> list[Owner]:
        """As `IdentityStore.owners`, as this transaction sees it."""

    def identifiers(self, user_id: UserId) -> list[LinkedIdentifier]:
        """As `IdentityStore.identifiers`, as this transaction sees it."""

    def lock(self, user_ids: Iterable[UserId]) -> bool:
        """Makes other writers of these users' identifiers wait. False: one of them is not a canonical user."""

    def add_user(self, user_id: UserId) -> None:
        """A user without identifiers."""

    def link(self, identifier: Identifier, user_id: UserId, at: datetime, by: str) -> bool:
        """Links the identifier. False: it is linked already, to whomever."""

    def verify(self, identifier: Identifier, user_id: UserId, by: str) -> None:
        """Marks the linked identifier of exactly this value and type as proven.

        ``by`` says how: ``code``, ``link_token``, ``id_token`` or ``trusted``.
        """

    def claim(self, identifier: Identifier, user_id: UserId, attractor_users: int) -> None:
        """As `muxi.core.identity.claims.ClaimWriter.claim`."""

    def merge(self, merge_id: MergeId, survivor: UserId, users: Sequence[UserId]) -> None:
        """Points locked users, and whoever was merged into them, to a locked survivor."""

    def unlink(self, identifier: Identifier, user_id: UserId) -> bool:
        """Removes the identifier of exactly this value and type. False: this user has none."""
