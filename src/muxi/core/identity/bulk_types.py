"""The words of linking in bulk: a group of one user's identifiers, and what came of many."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from muxi.core.identity.types import IdentifierInput
from muxi.ids import UserId


@dataclass(frozen=True, slots=True)
class Group:
    """Identifiers of one user.

    Attributes:
        identifiers: at least one, in any form but a ``usr_`` id.
        user: the user to link them to, who must be there, by any identifier or ``usr_`` id; ``None``: whoever has one
            of them, else a new user.
        name: the application's own name of the user, which becomes an identifier of type ``internal``. Of groups with
            different names no user is made one, even if they share an identifier.
    """

    identifiers: Sequence[IdentifierInput]
    user: IdentifierInput | None = None
    name: str | None = None


@dataclass(frozen=True, slots=True)
class Conflict:
    """A group of which nothing was linked.

    Attributes:
        place: its line in the file; of groups that were passed, its place, from 1.
        code: of the error that `Identities.associate` would raise: ``identifier_conflict``, ``ambiguous_identifier``,
            ``user_not_found``, ``user_disabled``, ``identifier_limit`` or ``invalid_identifier``.
        message: what is wrong, in words.
        identifiers: those that clash, as they are shown; a secret is masked.
        owners: to whom those belong: for admins only. In a dry run without users that do not exist yet.
    """

    place: int
    code: str
    message: str
    identifiers: tuple[str, ...] = ()
    owners: tuple[UserId, ...] = ()


@dataclass(frozen=True, slots=True)
class BulkResult:
    """What came of many groups.

    Attributes:
        groups: how many were read, the conflicting ones included.
        linked: identifiers that were linked.
        users_made: users that were made for them.
        unchanged: identifiers that were linked to that user before.
        conflict_count: groups of which nothing was linked.
        conflicts: the first of those, `MOST_CONFLICTS` at most.
        dry_run: whether nothing was changed, and this only says what would be.
        resumed_after: lines of the file that an import which was broken off had done before.
    """

    groups: int
    linked: int
    users_made: int
    unchanged: int
    conflict_count: int
    conflicts: tuple[Conflict, ...]
    dry_run: bool
    resumed_after: int = 0


#: How many conflicts a result keeps.
MOST_CONFLICTS = 1000
