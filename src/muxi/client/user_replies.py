"""What the server answers about users as things and about proofs, as values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from muxi.client.replies import Holdings, LinkedIdentifier, Merge


@dataclass(frozen=True, slots=True)
class UserSummary:
    """One person in a list.

    Attributes:
        muxi_user_id: ``usr_...``.
        created_at: when the user was made.
        disabled_at: since when the user is shut out; ``None``: is not.
        last_at: when the user last said something; ``None``: never.
        identifiers: in the order in which they were linked.
    """

    muxi_user_id: str
    created_at: datetime
    disabled_at: datetime | None
    last_at: datetime | None
    identifiers: tuple[LinkedIdentifier, ...]


@dataclass(frozen=True, slots=True)
class UserDetails(UserSummary):
    """One person, with what they have.

    Attributes:
        holdings: counted.
        merges: that made this user, and those that were undone, the newest first.
    """

    holdings: Holdings
    merges: tuple[Merge, ...]


@dataclass(frozen=True, slots=True)
class Erased:
    """The receipt of an erasure.

    Attributes:
        muxi_user_id: who it was; this id means nobody from now on.
        users: every id that was erased: this one, and those that were merged into it.
        counts: rows that were erased, by table.
        receipt: the place of its row in the audit.
        erased_at: when.
    """

    muxi_user_id: str
    users: tuple[str, ...]
    counts: Mapping[str, int]
    receipt: int
    erased_at: datetime


@dataclass(frozen=True, slots=True)
class Deleted:
    """The receipt of a deletion of what a user said; the user stays.

    Attributes:
        muxi_user_id: whose.
        counts: rows that were deleted, by table.
        before: only what was older was deleted; ``None``: all.
        receipt: the place of its row in the audit.
        deleted_at: when.
    """

    muxi_user_id: str
    counts: Mapping[str, int]
    before: datetime | None
    receipt: int
    deleted_at: datetime


@dataclass(frozen=True, slots=True)
class Restored:
    """A user who was read from an export.

    Attributes:
        muxi_user_id: the same as in the export.
        counts: rows that were written, by table.
        skipped: rows that could not be taken over, by table.
    """

    muxi_user_id: str
    counts: Mapping[str, int]
    skipped: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Conflict:
    """A group of which nothing was linked.

    Attributes:
        place: which group, from 1; of a file its line.
        code: of the error that linking it alone would raise, such as ``identifier_conflict``.
        message: what is wrong, in words.
        identifiers: those that clash, as they are shown; a secret is masked.
        owners: to whom those belong.
    """

    place: int
    code: str
    message: str
    identifiers: tuple[str, ...]
    owners: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class BulkResult:
    """What came of many groups.

    Attributes:
        groups: how many there were.
        linked: identifiers that were linked.
        users_made: users that were made for them.
        unchanged: identifiers that were linked to that user before.
        conflict_count: groups of which nothing was linked.
        conflicts: those.
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


@dataclass(frozen=True, slots=True)
class Started:
    """A one-time code, to be delivered where only its owner reads it.

    Attributes:
        code: ``XXXX-XXXXXX``; shown this once.
        expires_at: when it ends.
        identifier: what it proves, as it is shown; ``None`` if it links whichever identifier it comes back from.
    """

    code: str
    expires_at: datetime
    identifier: str | None


@dataclass(frozen=True, slots=True)
class LinkToken:
    """A signed token of one identifier, for a link that is sent there.

    Attributes:
        token: works once.
        expires_at: when it ends.
    """

    token: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class AnonymousUser:
    """A visitor who is nobody yet, but has a memory of their own.

    Attributes:
        muxi_user_id: ``usr_...``.
        token: an identifier of type ``anonymous`` that finds them again; the visitor keeps it.
        expires_at: when it ends.
    """

    muxi_user_id: str
    token: str
    expires_at: datetime
