"""What extraction needs of a store. A store is bound to one formation: nothing it returns is another's."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from muxi.core.memory.extraction.work import Batch, Claim, Failure, Known, Status
from muxi.core.memory.fact_store import FactWriter
from muxi.core.memory.types import Memory
from muxi.ids import ExtractionFailureId, MemoryId, MessageId, UserId


class LeaseLostError(Exception):
    """Somebody else has the user now, or nobody may: what was found is thrown away, and found again by others."""


@dataclass(frozen=True, slots=True)
class Due:
    """Who may be claimed.

    Attributes:
        now: the time. A time in the store that can only be of a clock that went back since counts as past.
        before: whoever has waited since then is due;
        enough: and so is who has so many tokens waiting.
        lease_until: until when the claim is the claimer's own.
        latest_try: no try is put off beyond this.
        today: for counting model calls (an ISO date).
        cost: model calls that a batch costs.
        most: how many a user may cost a day.
    """

    now: datetime
    before: datetime
    enough: int
    lease_until: datetime
    latest_try: datetime
    today: str
    cost: int
    most: int


@dataclass(frozen=True, slots=True)
class Remembered:
    """A memory, as much of it as says whether another one is the same, or takes its place.

    Attributes:
        id: of the memory.
        user_id: under whom it is stored.
        text: its words.
        times: how often it was said.
        scope: what else has to be the same: whom it was said to, and the application's metadata.
        evidence: of a statement, the messages that it rests on.
    """

    id: MemoryId
    user_id: UserId
    text: str
    times: int
    scope: str
    evidence: tuple[MessageId, ...] = ()


class Results(Protocol):
    """What can be done inside the transaction that moves the watermark. The user's row is held."""

    @property
    def user_id(self) -> UserId:
        """The canonical user."""

    @property
    def heard_until(self) -> datetime | None:
        """The time that was given to the last thing found, before this."""

    @property
    def facts_until(self) -> int:
        """Up to which place facts are kept already, though the watermark is not there; 0 where they move together."""

    def facts(self) -> FactWriter:
        """Writes the user's facts."""

    def repeated(self, first: int, last: int) -> set[str]:
        """Of the messages from one place to another, the keys of those whose words are remembered of others, too."""

    def alike(self, key: str, kind: str) -> list[Remembered]:
        """Memories of a kind with the same words (`muxi.core.memory.same_text`) that stand, the oldest first."""

    def count(self, memory: Remembered, times: int) -> None:
        """Says how often a memory was said."""

    def supersede(self, memory: Remembered, by: str, now: datetime) -> None:
        """A memory is not recalled any more; ``by`` is the id of the one in its place, or empty."""

    def resting_on(self, message_id: MessageId) -> tuple[int, int]:
        """How many facts rest on a message, and how many of them hold."""

    def memories_of(self, message_id: MessageId) -> list[Remembered]:
        """The memories of a message that stand: its own words, and statements that rest on it alone."""

    def stated(self, ids: Collection[MemoryId]) -> list[Remembered]:
        """Those of these memories that are statements and stand."""

    def remember(self, memories: Sequence[Memory], model: str) -> None:
        """Stores memories, all of this user."""

    def finish(self, last: int, tokens: int, heard_until: datetime | None) -> None:
        """Moves the watermark to this place; the claim ends with it.

        Args:
            last: the place of the last message that was read.
            tokens: how many do not wait any more.
            heard_until: the time that was given to the last thing found.

        Raises:
            LeaseLostError: the claim is not ours any more.
        """

    def bury(self, failure: Failure) -> None:
        """Keeps a dead letter."""


class ExtractionStore(Protocol):
    """The log as a queue. ``user_id`` is a canonical user, and means those merged into it, too."""

    def claim(self, due: Due, token: str) -> Claim | None:
        """One user whose messages wait, of those due the one who waits longest; nobody else gets it until then."""

    def batch(self, claim: Claim, limit: int) -> Batch | None:
        """The next messages of a claimed user; none if they were erased since.

        ``None``: the user has opted out, under whichever name.
        """

    def statements(self, user_id: UserId, limit: int) -> list[Known]:
        """The newest statements that were found and stand, the newest first."""

    def finishing(self, claim: Claim) -> AbstractContextManager[Results]:
        """One transaction, all of it kept or nothing.

        Raises:
            LeaseLostError: the claim is not ours any more, or the user was merged, erased or opted out meanwhile.
        """

    def pass_over(self, claim: Claim) -> None:
        """Ends a claim of whom there is nothing to read: what waited was erased, or they have opted out."""

    def put_off(self, claim: Claim, code: str, tries: int, next_try: datetime) -> None:
        """Ends a claim that came to nothing."""

    def waiting(self) -> bool:
        """Whether anybody waits, due or not."""

    def status(self) -> Status:
        """How the work stands."""

    def failures(
        self, user_id: UserId | None, before: tuple[datetime, ExtractionFailureId] | None, limit: int
    ) -> list[Failure]:
        """Dead letters, newest first; of one user if told. ``before`` is the place of the last one of a page."""

    def failure(self, failure_id: ExtractionFailureId) -> Failure | None:
        """A dead letter."""

    def failed_batch(self, failure: Failure) -> Batch | None:
        """Its messages; ``None`` as `batch`."""

    def replaying(self, failure: Failure) -> AbstractContextManager[Results]:
        """As `finishing`; at its end the letter is gone. Its `Results.finish` moves nothing.

        Raises:
            LeaseLostError: somebody else has replayed it, or as `finishing`.
        """

    def failed_again(self, failure: Failure, code: str, message: str, now: datetime) -> None:
        """Counts a replay that came to nothing."""

    def opted_out(self, user_id: UserId) -> datetime | None:
        """Since when nothing is looked for in what a user says; ``None``: it is."""

    def opt_out(self, user_id: UserId, now: datetime) -> None:
        """From now on nothing is, and what waits is passed over. Dead letters and synopses go.

        Raises:
            UserNotFoundError: there is no such user.
        """

    def opt_in(self, user_id: UserId) -> None:
        """What is said from now on is looked at again."""
