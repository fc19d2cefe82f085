"""The words of identity: an identifier, and the user it means."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from muxi.ids import MergeId, UserId

#: Whatever an application knows a person by: ``"alice@acme.com"``, ``42``, ``("U98765ABC", "slack")``
#: (value first, then type) or ``{"identifier": "U98765ABC", "type": "slack"}``.
IdentifierInput = str | int | tuple[str | int, str | None] | Mapping[str, str | int | None]

EMAIL = "email"
API_KEY = "api_key"


@dataclass(frozen=True, slots=True)
class Identifier:
    """An identifier in its normal form.

    Attributes:
        value: what is stored and compared; for a secret, its keyed hash.
        type: the channel that knows the user by it; empty if not told.
        shown: how it was written, for display; for a secret, a masked form.
        hashed: the value as it would be stored if it were a secret (an untyped look-up finds both).
    """

    value: str
    type: str
    shown: str
    hashed: str


@dataclass(frozen=True, slots=True)
class User:
    """One person.

    Attributes:
        id: ``usr_...``, the only id of a user that leaves the system.
        created_at: in UTC.
        new: whether this very call made the user.
    """

    id: UserId
    created_at: datetime
    new: bool = False


@dataclass(frozen=True, slots=True)
class Owner:
    """Whom an identifier was found to mean.

    Attributes:
        user: canonical (the survivor of a merge).
        type: what it was found under.
        verified: whether it is proven to be the user's.
        disabled: whether the user is shut out.
    """

    user: User
    type: str
    verified: bool = False
    disabled: bool = False


@dataclass(frozen=True, slots=True)
class LinkedIdentifier:
    """An identifier that is linked to a user.

    Attributes:
        type: empty if not told.
        value: the normal form, as stored.
        shown: as it was written; a secret is masked.
        linked_at: in UTC.
        linked_by: ``"resolve"`` (first contact) or ``"associate"``.
        verified_at: when the user proved that it is theirs; ``None`` until then.
    """

    type: str
    value: str
    shown: str
    linked_at: datetime
    linked_by: str
    verified_at: datetime | None


@dataclass(frozen=True, slots=True)
class Merge:
    """Users that were made one.

    Attributes:
        id: ``mrg_...``: what undoes it.
        survivor_id: the user that all of them are since.
        merged_ids: the users that were merged into it.
        merged_at: in UTC.
        merged_by: who did it.
        split_at: when it was undone; ``None`` while it stands.
    """

    id: MergeId
    survivor_id: UserId
    merged_ids: tuple[UserId, ...]
    merged_at: datetime
    merged_by: str
    split_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Holdings:
    """What a user has, counted."""

    identifiers: int
    sessions: int
    messages: int
    memories: int


@dataclass(frozen=True, slots=True)
class MergePreview:
    """What a merge would do.

    Attributes:
        survivor_id: the user that all would be.
        holdings: what each user has now, the survivor first.
    """

    survivor_id: UserId
    holdings: Mapping[UserId, Holdings]
