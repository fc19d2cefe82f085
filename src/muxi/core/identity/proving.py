"""What a proof gives: the identifier, whoever has claimed it without one (rule 8)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from muxi.core.identity.kinds import Kinds
from muxi.core.identity.owners import owner_of
from muxi.core.identity.proof_store import ProofWriter
from muxi.core.identity.service import Identities
from muxi.core.identity.types import Identifier, Owner, User
from muxi.errors import AmbiguousIdentifierError, IdentifierConflictError, UserNotFoundError
from muxi.ids import UserId, new_merge_id


def lock_sides(writer: ProofWriter, identifiers: Sequence[Identifier], user_id: UserId) -> None:
    """Makes every other writer of the users concerned wait.

    Raises:
        UserNotFoundError: one of them was merged or erased meanwhile.
        AmbiguousIdentifierError: an identifier without a type means several users.
    """
    owners = [owner_of(writer.owners(identifier), identifier) for identifier in identifiers]
    if not writer.lock({user_id, *(owner.id for owner in owners if owner)}):
        raise UserNotFoundError("A user was merged or erased at this moment. Try again.")


def give_proven(
    writer: ProofWriter,
    identities: Identities,
    identifier: Identifier,
    user_id: UserId,
    now: datetime,
    *,
    by: str,
    merge: bool,
) -> None:
    """Links an identifier to the user who has proven it; all sides are locked.

    Somebody else's unproven claim to it is evicted: it gave them continuity and nothing more. What is proven on
    both sides is one person with two users: they are merged if ``merge`` says so, and only if nothing unproven of
    the other user would come along. An unproven claim is reason enough to merge only if it is all that the other user
    has: then nobody else can get in by them.

    Raises:
        IdentifierConflictError: it is proven to be another user's, and they are not to be merged or cannot be.
        IdentifierLimitError: the user would have too many of a type.
        AmbiguousIdentifierError: without a type it is linked under several.
    """
    found = writer.owners(identifier)
    row = row_of(identities.kinds, identifier, found)
    owner = owner_of(found, identifier)
    merged = owner is not None and owner.id != user_id and merge
    if owner is not None and owner.id != user_id:
        if merge:
            _merge(writer, row, owner, user_id)
        elif found[0].verified:
            raise _conflict(row, owner, "who has proven it, too. Nothing was linked. Merge the users instead.")
        else:
            writer.evict(row, owner.id)
    wanted = identifier if identifier.type else row
    if writer.link(wanted, user_id, now, by=by):
        writer.claim(wanted, user_id, identities.attractor_users)
    writer.verify(wanted, user_id, by)
    identities.kinds.check_limits(writer, user_id, writer.identifiers(user_id) if merged else [wanted])


def _merge(writer: ProofWriter, row: Identifier, owner: User, user_id: UserId) -> None:
    held = writer.identifiers(owner.id)
    others = [one for one in held if (one.value, one.type) != (row.value, row.type)]
    if not all(one.verified_at is not None for one in others):
        raise _conflict(row, owner, "who has other identifiers that are not proven. Nothing was merged.")
    if others and not all(one.verified_at is not None for one in held):
        # What they have proven is their own way in: who only claimed this one would get in with it.
        raise _conflict(
            row,
            owner,
            "who has not proven it, but has other identifiers. Nothing was merged. Unlink it from there first.",
        )
    writer.merge(new_merge_id(), user_id, [owner.id])


def row_of(kinds: Kinds, identifier: Identifier, found: Sequence[Owner]) -> Identifier:
    """The very row that was found: a look-up without a type may have found a typed one, and the reverse.

    Raises:
        AmbiguousIdentifierError: without a type it is linked under several.
    """
    if not found:
        return identifier
    if len(found) > 1:
        types = sorted(one.type for one in found)
        raise AmbiguousIdentifierError(
            f"{identifier.shown!r} is linked under each of the types {types}. Name one of them.", types=types
        )
    type = found[0].type
    value = identifier.hashed if type in kinds.secret_types else identifier.value
    return identifier._replace(value=value, type=type)


def _conflict(identifier: Identifier, owner: User, why: str) -> IdentifierConflictError:
    return IdentifierConflictError(
        f"{identifier.shown!r} belongs to another user, {why}", identifiers=[identifier.shown], owners=[owner.id]
    )
