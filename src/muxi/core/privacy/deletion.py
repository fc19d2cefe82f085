"""Deleting what a user said and what is remembered of them: the user stays."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from muxi.core.clock import Clock
from muxi.core.identity.service import LIBRARY, Identities
from muxi.core.identity.types import IdentifierInput
from muxi.core.privacy.retention_store import RetentionStore
from muxi.core.privacy.types import Deleted
from muxi.errors import InvalidInputError, StorageBusyError, UserNotFoundError
from muxi.ids import UserId

#: A database that finds two transactions waiting for each other ends one of them: then it is tried again.
TRIES = 3


class Deletion:
    """Deletes users' data in one formation. For administrators: users who are shut out are reached, too.

    Args:
        store: bound to the formation.
        identities: says whom an identifier means.
        clock: the time, in UTC.
        forget: called with users whose data was deleted: nothing of it may stay at hand.
        scrub: takes what was deleted out of the files.
    """

    def __init__(
        self,
        store: RetentionStore,
        identities: Identities,
        clock: Clock,
        forget: Callable[[Sequence[UserId]], None],
        scrub: Callable[[], bool],
    ) -> None:
        self._store = store
        self._identities = identities
        self._clock = clock
        self._forget = forget
        self._scrub = scrub

    def delete_data(self, raw: IdentifierInput, before: datetime | None = None, *, actor: str = LIBRARY) -> Deleted:
        """Removes messages, memories, facts, conversations, buffers and synopses of a user and everyone merged into it.

        The user, its identifiers, default agent and merges stay: `muxi.core.privacy.service.Privacy.erase` removes
        those, too. A row of the audit says that it was done and how much there was, without personal data. It cannot
        be undone.

        Args:
            raw: the user, by any identifier or ``usr_`` id.
            before: only what is older: messages by when they were stored, memories by when they were said or stored,
                unless changed since, facts by when they were last said, conversations by their last message. A time
                without a zone is UTC. Synopses go in any case and are made anew.
            actor: who does it, for the audit.

        Raises:
            UserNotFoundError, InvalidIdentifierError, AmbiguousIdentifierError: who is meant is not clear.
            InvalidInputError: ``before`` is not a time, or out of the range of dates in UTC.
            StorageBusyError: others kept the same rows busy; nothing was removed.
        """
        until = None if before is None else _in_utc(before)
        user_id = self._identities.locate(raw)
        deleted = self._delete(user_id, until, actor)
        if deleted is None:
            raise UserNotFoundError("This user was merged or erased at this moment. Look again.")
        self._forget([user_id])
        self._scrub()
        return deleted

    def _delete(self, user_id: UserId, before: datetime | None, actor: str) -> Deleted | None:
        for left in reversed(range(TRIES)):
            try:
                return self._store.delete_data(user_id, before, actor, self._clock())
            except StorageBusyError:
                if not left:
                    raise
        return None


def _in_utc(moment: datetime) -> datetime:
    """A time without a zone is taken as UTC."""
    if not isinstance(moment, datetime):
        raise InvalidInputError(f"before_date is a datetime, not {type(moment).__name__}.")
    try:
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except OverflowError as error:
        raise InvalidInputError("before_date is out of the range of dates in UTC.") from error
