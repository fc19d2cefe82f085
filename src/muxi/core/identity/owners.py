"""Which user is meant by what was found, and whether that user is let in."""

from __future__ import annotations

from muxi.core.identity.types import Identifier, Owner, User
from muxi.errors import AmbiguousIdentifierError, UserDisabledError


def only(found: list[Owner], identifier: Identifier) -> Owner | None:
    """The one user among those that an identifier was found to mean, or ``None``; also one who is shut out.

    Raises:
        AmbiguousIdentifierError: there are several.
    """
    if not found:
        return None
    if len(found) == 1 or len({one.user.id for one in found}) == 1:
        return found[0]
    types = sorted(one.type for one in found)
    raise AmbiguousIdentifierError(
        f"{identifier.shown!r} is a different user under each of the types {types}. Name one of them.", types=types
    )


def let_in(owner: Owner | None) -> User | None:
    """The user.

    Raises:
        UserDisabledError: it is shut out.
    """
    if owner is None:
        return None
    if owner.disabled:
        raise UserDisabledError("This user is disabled. An administrator can enable it again.")
    return owner.user


def owner_of(found: list[Owner], identifier: Identifier) -> User | None:
    """The one user among those that an identifier was found to mean, or ``None``.

    Raises:
        AmbiguousIdentifierError: there are several.
        UserDisabledError: it is shut out.
    """
    return let_in(only(found, identifier))
