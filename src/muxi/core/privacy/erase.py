"""Removing everything of a user."""

from __future__ import annotations

from datetime import datetime

from muxi.core.privacy.store import PrivacyStore
from muxi.core.privacy.types import Erased
from muxi.errors import StorageBusyError, UserNotFoundError
from muxi.ids import UserId

#: A database that finds two transactions waiting for each other ends one of them: then it is tried again.
TRIES = 3


def erase(store: PrivacyStore, user_id: UserId, actor: str, now: datetime) -> Erased:
    """Removes a canonical user, those merged into it, and all their rows, in one transaction.

    Raises:
        UserNotFoundError: it was merged into another or erased at this moment.
        StorageBusyError: others kept the same rows busy.
    """
    for left in reversed(range(TRIES)):
        try:
            erased = store.erase(user_id, actor, now)
        except StorageBusyError:
            if not left:
                raise
            continue
        if erased is None:
            break
        return erased
    raise UserNotFoundError("This user was merged or erased at this moment. Look again.")
