"""What linking in bulk needs of a store. A store is bound to one formation: nothing it returns is another's."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple, Protocol

from muxi.core.identity.types import Identifier
from muxi.ids import UserId


class Known(NamedTuple):
    """A linked identifier: its value and type, the canonical user, and whether that user is disabled."""

    value: str
    type: str
    user_id: UserId
    disabled: bool


@dataclass(slots=True)
class Additions:
    """What a chunk adds.

    Attributes:
        users: that are made.
        links: new identifiers and their users, in the order in which they are listed.
        touched: users that were there before and get identifiers.
        moved: whether a value gets a second type, so that a look-up without a type means something else.
    """

    users: list[UserId] = field(default_factory=list)
    links: list[tuple[Identifier, UserId]] = field(default_factory=list)
    touched: set[UserId] = field(default_factory=set)
    moved: bool = False


@dataclass(frozen=True, slots=True)
class Mark:
    """How far an import has come before a chunk, and after it, and its last line. After that one nothing is noted.

    Attributes:
        source: the file's digest.
    """

    source: str
    before: int
    after: int
    last: int


class BulkStore(Protocol):
    """Many users and identifiers at once.

    Attributes:
        at_once: how many transactions of its go on at once and are quicker for it; 1: as one thread has for itself.
        most_values: how many identifier values one of them is best about.
    """

    @property
    def at_once(self) -> int: ...

    @property
    def most_values(self) -> int: ...

    def writing(self, values: Collection[str], actor: str, now: datetime) -> AbstractContextManager[BulkWriter]:
        """One transaction, in which nobody else decides about identifiers of these values; all is kept or nothing.

        What it adds is recorded in the audit, as done by ``actor``: one row for each user.

        Raises:
            StorageConflictError: somebody linked one of them in spite of it: plan again.
        """

    def for_many(self) -> AbstractContextManager[BulkStore]:
        """Itself, as quick as it gets at many transactions of this thread."""

    def reading(self) -> AbstractContextManager[BulkReader]:
        """What is there at this moment, outside of a transaction."""

    def dry(self) -> AbstractContextManager[BulkStore]:
        """A store that answers as this one would if what is written to it had been kept. Nothing is."""

    def lines_done(self, source: str) -> int:
        """How far the import of a file (its SHA-256) has come; 0 if it was never begun, or has ended."""


class BulkReader(Protocol):
    """What can be read."""

    def known(self, values: Collection[str]) -> list[Known]:
        """Every identifier of one of these values, of any type."""

    def canonical(self, user_ids: Collection[UserId]) -> dict[UserId, tuple[UserId, bool]]:
        """The users of these ids that are there: of a merged one the survivor; and whether it is disabled."""

    def counts(self, user_ids: Collection[UserId]) -> Mapping[tuple[UserId, str], int]:
        """How many identifiers of each type these canonical users have."""


class BulkWriter(BulkReader, Protocol):
    """What can be read and added inside one transaction.

    Whoever holds the locks that `BulkStore.writing` and `lock` take waits for nobody in `add`: another transaction
    that goes on meanwhile and has come as far holds nothing that it needs. From `record` on, all others of the
    formation wait for the end.
    """

    def lock(self, user_ids: Collection[UserId]) -> bool:
        """Makes other writers of these users' identifiers wait. False: one of them is not a canonical user."""

    def add(self, additions: Additions) -> None:
        """Adds its users and identifiers; the touched users are locked."""

    def record(self, additions: Additions, mark: Mark | None = None) -> bool:
        """Says in the audit what was added, does what follows from it, and notes how far an import has come.

        False: the import is not at ``mark.before``: somebody else imports this file.
        """


class Prepared(NamedTuple):
    """A group in its normal form: its place, its identifiers, the user to link to, and whether the first identifier is
    the application's own name of the user."""

    place: int
    identifiers: Sequence[Identifier]
    user: UserId | Identifier | None
    named: bool

    def all(self) -> Sequence[Identifier]:
        """Every identifier that decides about the group, the one of its user included."""
        return [*self.identifiers, self.user] if isinstance(self.user, Identifier) else self.identifiers
