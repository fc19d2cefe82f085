"""Who asks for an identifier: one that many users ask for is no single person's, like a shared device or mailbox."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import takewhile
from typing import Protocol

from muxi.core.identity.types import Identifier, User
from muxi.ids import UserId

#: An identifier that more users than these have asked for is told of in the audit.
ATTRACTOR_USERS = 5

#: An identifier, and a user who asks for it.
Claim = tuple[Identifier, UserId]


class ClaimWriter(Protocol):
    """A transaction in which claims are noted."""

    def lock(self, user_ids: Iterable[UserId]) -> bool:
        """Makes other writers of these users wait. False: one of them is not a canonical user."""

    def claim(self, identifier: Identifier, user_id: UserId, attractor_users: int) -> None:
        """Notes that a locked user asks for an identifier whose value is locked.

        The one that makes them more than ``attractor_users`` gets a row in the audit.
        """


def note(writer: ClaimWriter, claims: Sequence[Claim], attractor_users: int) -> None:
    """Notes claims of users that are still there; those of others are nobody's any more."""
    users = sorted({user_id for _, user_id in claims})
    # Up to the first that was merged or erased at this moment: who has met one must not wait for another.
    there = set(takewhile(lambda user_id: writer.lock([user_id]), users))
    for identifier, user_id in claims:
        if user_id in there:
            writer.claim(identifier, user_id, attractor_users)


def contested(owners: Mapping[Identifier, User | None], target: User | None) -> list[Claim]:
    """The claims in identifiers that cannot be linked together: each that has an owner, by the owner and who else asks.

    Args:
        owners: of all the identifiers that were to be linked.
        target: the user to link to; without one, every owner asks for the others' identifiers.
    """
    askers = {target.id} if target else {owner.id for owner in owners.values() if owner}
    return [(identifier, user) for identifier, owner in owners.items() if owner for user in {owner.id} | askers]
