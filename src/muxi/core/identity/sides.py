"""The users whom an association concerns, and whether it may join them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from muxi.core.identity.types import Identifier, Owner, User
from muxi.errors import IdentifierConflictError


def sides_of(owners: Mapping[Identifier, User | None], target: User | None) -> list[User]:
    """The users concerned: the one named, else the oldest, first."""
    found = {owner.id: owner for owner in owners.values() if owner is not None}
    if target is not None:
        found[target.id] = target
    return sorted(found.values(), key=lambda user: (target is None or user.id != target.id, user.created_at, user.id))


def check_reach(found: Mapping[Identifier, Sequence[Owner]], target: User | None, *, verified: bool) -> None:
    """The pre-hijacking rule: who is only a person reaches no other user but by what is proven on both sides.

    Args:
        found: of each identifier, whom it means.
        target: the user to link to, who needs no finding.
        verified: whether the identifiers are proven on the side of who passes them.

    Raises:
        IdentifierConflictError: somebody else would be joined by what is not proven.
    """
    owners = {identifier: rows[0].user if rows else None for identifier, rows in found.items()}
    if target is None and len(set(owners.values())) == 1:
        return  # They are one user already, or nobody's: nothing is joined.
    others = {owner.id for owner in owners.values() if owner and (not target or owner.id != target.id)}
    proven = {one.user.id for rows in found.values() for one in rows if one.verified}
    if others and (not verified or others - proven):
        raise conflict(owners, target)


def conflict(owners: Mapping[Identifier, User | None], target: User | None) -> IdentifierConflictError:
    """The error for identifiers that are not all one user's."""
    clashing = {i.shown: owner.id for i, owner in owners.items() if owner and (not target or owner.id != target.id)}
    return IdentifierConflictError(
        f"{', '.join(map(repr, clashing))} {'belongs' if len(clashing) == 1 else 'belong'} to "
        f"{'another user' if target else 'several users'}. "
        "Nothing was linked. Unlink them first, leave them out, or merge the users.",
        identifiers=list(clashing),
        owners=sorted(set(clashing.values())),
    )
