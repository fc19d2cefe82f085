"""Merging users, and undoing it: a pointer moves and nothing is copied (rule 7)."""

from __future__ import annotations

from collections.abc import Sequence

from muxi.core.clock import Clock
from muxi.core.identity.merge_store import MergeStore
from muxi.core.identity.service import LIBRARY, Identities
from muxi.core.identity.types import IdentifierInput, Merge, MergePreview, User
from muxi.errors import MergeConflictError, MergeNotFoundError
from muxi.ids import MergeId, UserId, is_id, new_merge_id


class Merges:
    """Makes users of one formation one person, and separates them again.

    What was written before a merge keeps its user, so it costs the same at any size, every old ``usr_`` id
    keeps working, and a split restores both sides as they were. What was written after it is the survivor's.

    Args:
        store: bound to the formation.
        identities: says whom an identifier means.
        clock: the time, in UTC.
    """

    def __init__(self, store: MergeStore, identities: Identities, clock: Clock) -> None:
        self._store = store
        self._identities = identities
        self._clock = clock

    def merge(
        self, users: Sequence[IdentifierInput], into: IdentifierInput | None = None, *, actor: str = LIBRARY
    ) -> Merge:
        """Makes users one: all of them, or none and an error.

        Args:
            users: two or more, by any identifier or ``usr_`` id; with ``into``, one or more.
            into: the user that survives; the oldest if not told.
            actor: who does it, for the audit.

        Raises:
            MergeConflictError: they are one user already, or somebody merged one of them at this moment.
            UserNotFoundError: one of them is not there, or is another formation's.
            InvalidIdentifierError, AmbiguousIdentifierError: one of them is not clear.
        """
        survivor, others = self._sides(users, into)
        ids = [survivor.id, *(user.id for user in others)]
        now = self._clock()
        with self._store.merging(actor, now) as writer:
            if not writer.lock(ids):
                raise MergeConflictError("One of these users was merged at this moment. Look again, then merge.")
            merge = Merge(new_merge_id(), survivor.id, tuple(ids[1:]), now, actor)
            writer.merge(merge)
        self._identities.forget_cached()
        return merge

    def preview(self, users: Sequence[IdentifierInput], into: IdentifierInput | None = None) -> MergePreview:
        """What `merge` with the same arguments would do. Changes nothing. Errors as `merge`."""
        survivor, others = self._sides(users, into)
        return MergePreview(survivor.id, {user.id: self._store.holdings(user.id) for user in (survivor, *others)})

    def split(self, merge_id: str, *, actor: str = LIBRARY) -> Merge:
        """Undoes a merge: each side is as it was, and what was written since stays with the survivor.

        Raises:
            MergeNotFoundError: there is no such merge.
            MergeConflictError: it was split already, or its survivor was merged since: split that one first.
        """
        merge = self.get(merge_id)
        now = self._clock()
        with self._store.merging(actor, now) as writer:
            if not writer.lock([merge.survivor_id]):
                later = writer.later_merge(merge.survivor_id)
                raise MergeConflictError(
                    f"{merge.id} is under a later merge, {later}. Split that one first.", later=later
                )
            if not writer.split(merge):
                raise MergeConflictError(f"{merge.id} was split already.")
        self._identities.forget_cached()
        return self.get(merge_id)

    def get(self, merge_id: str) -> Merge:
        """A merge, whether it still stands or was undone.

        Raises:
            MergeNotFoundError: there is none of this id.
        """
        found = self._store.merge(MergeId(merge_id)) if is_id(merge_id, "mrg") else None
        if found is None:
            raise MergeNotFoundError(f"There is no merge {merge_id[:64]!r}.")
        return found

    def of(self, user: IdentifierInput) -> list[Merge]:
        """The merges that made a user what it is, and those that were undone; newest first.

        Raises:
            UserNotFoundError, InvalidIdentifierError, AmbiguousIdentifierError: whose is not clear.
        """
        return self._store.merges_of(self._identities.get(user).id)

    def _sides(self, users: Sequence[IdentifierInput], into: IdentifierInput | None) -> tuple[User, list[User]]:
        named = [self._identities.get(user) for user in users]
        survivor = self._identities.get(into) if into is not None else min(named, key=_age, default=None)
        distinct: dict[UserId, User] = {user.id: user for user in named if survivor and user.id != survivor.id}
        if survivor is None or not distinct:
            raise MergeConflictError("These are one user already, or only one was named. Name at least two users.")
        return survivor, sorted(distinct.values(), key=_age)


def _age(user: User) -> tuple[float, str]:
    return user.created_at.timestamp(), user.id
