"""The words of identity: an identifier, and the user it means."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from muxi.ids import MergeId, UserId

#: Whatever an application knows a person by: ``"alice@acme.com"``, ``42``, ``("U98765ABC", "slack")``
#: (value first, then type) or ``{"identifier": "U98765ABC", "type": "slack"}``.
IdentifierInput = str | int | tuple[str | int, str | None] | Mapping[str, str | int | None]

EMAIL = "email"
API_KEY = "api_key"
ANONYMOUS = "anonymous"


class Identifier(NamedTuple):
    """An identifier in its normal form. (Imports make millions: a data class would take more than twice as long.)

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
        linked_by: ``"resolve"`` (first contact), ``"associate"``, ``"import"``, ``"anonymous"``, ``"sign_in"``, or the
            proof: ``"code"``, ``"link_token"``, ``"id_token"``.
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
    """What a user has, counted: of facts those that hold."""

    identifiers: int
    sessions: int
    messages: int
    memories: int
    facts: int


@dataclass(frozen=True, slots=True)
class Disagreement:
    """A path of the context at which users say different things; after a merge what was said last is shown.

    Attributes:
        path: dotted.
        values: of each user that has one there.
    """

    path: str
    values: Mapping[UserId, Any]


@dataclass(frozen=True, slots=True)
class MergePreview:
    """What a merge would do.

    Attributes:
        survivor_id: the user that all would be.
        holdings: what each user has now, the survivor first.
        disagreements: where their contexts say different things.
    """

    survivor_id: UserId
    holdings: Mapping[UserId, Holdings]
    disagreements: tuple[Disagreement, ...] = ()


@dataclass(frozen=True, slots=True)
class Started:
    """A one-time code, to be delivered where only its owner reads it.

    Attributes:
        code: ``XXXX-XXXXXX``; nothing else knows it, and it is shown this once.
        expires_at: in UTC.
        identifier: what it proves, for display; ``None`` if it links whichever identifier it comes back from.
    """

    code: str
    expires_at: datetime
    identifier: str | None


@dataclass(frozen=True, slots=True)
class LinkToken:
    """A signed token of one identifier: whoever brings it has read what is sent there.

    Attributes:
        token: fits into a link; works once.
        expires_at: in UTC.
    """

    token: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class AnonymousUser:
    """A visitor who is nobody yet, but has a memory of their own.

    Attributes:
        user_id: their user.
        token: an identifier of type ``anonymous`` that finds them again; kept by the visitor only.
        expires_at: when the token ends, in UTC.
    """

    user_id: UserId
    token: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class UserSummary:
    """One line of a list of users.

    Attributes:
        id: the canonical user's.
        created_at: in UTC.
        disabled_at: when it was shut out; ``None`` if it is not.
        identifiers: as `Identities.identifiers` lists them; secrets masked.
        last_at: when something was last said in one of its conversations; ``None`` if nothing was.
    """

    id: UserId
    created_at: datetime
    disabled_at: datetime | None
    identifiers: tuple[LinkedIdentifier, ...]
    last_at: datetime | None


@dataclass(frozen=True, slots=True)
class UserDetails:
    """Everything about a user but the contents.

    Attributes:
        summary: as in the list.
        holdings: what it has, counted.
        merges: those that made it what it is, and those that were undone; newest first.
    """

    summary: UserSummary
    holdings: Holdings
    merges: tuple[Merge, ...]
