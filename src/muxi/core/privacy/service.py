"""What is known of a user: handed out, brought back, and erased."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from muxi.core.clock import Clock
from muxi.core.identity.service import LIBRARY, Identities
from muxi.core.identity.types import IdentifierInput
from muxi.core.privacy import erase as erasing
from muxi.core.privacy import export as exporting
from muxi.core.privacy import restore as restoring
from muxi.core.privacy.reading import Source
from muxi.core.privacy.store import PrivacyStore
from muxi.core.privacy.types import Erased, Restored, UserExport
from muxi.errors import UserNotFoundError
from muxi.ids import UserId


class Privacy:
    """Export, restoring and erasure, in one formation. For administrators: users who are shut out are reached, too.

    Args:
        store: bound to the formation.
        identities: says whom an identifier means.
        clock: the time, in UTC.
        forget: called with users who were erased: nothing of them may stay at hand.
        restored: called when a user is back: its memories have no vectors yet.
        scrub: takes what was erased out of the files.
    """

    def __init__(
        self,
        store: PrivacyStore,
        identities: Identities,
        clock: Clock,
        forget: Callable[[Sequence[UserId]], None],
        restored: Callable[[], None],
        scrub: Callable[[], object] | None = None,
    ) -> None:
        self._store = store
        self._identities = identities
        self._clock = clock
        self._forget = forget
        self._restored = restored
        self._scrub = scrub

    def erase(self, raw: IdentifierInput, *, actor: str = LIBRARY, scrub: bool = True) -> Erased:
        """Removes everything of a user and of everyone merged into it, in every table, in one transaction.

        Its identifiers are free: seen again, they are a new user's, of whom nothing is known. A row of the audit says
        that it was done and how much there was, without personal data. It cannot be undone.

        Args:
            raw: the user, by any identifier or ``usr_`` id.
            actor: who does it, for the audit.
            scrub: take it out of the files, too; off for many at once, when a sweep follows.

        Raises:
            UserNotFoundError, InvalidIdentifierError, AmbiguousIdentifierError: who is meant is not clear.
            StorageBusyError: others kept the same rows busy; nothing was removed.
        """
        erased = erasing.erase(self._store, self._identities.locate(raw), actor, self._clock())
        self._identities.forget_cached()
        self._forget(erased.users)
        if scrub and self._scrub:
            self._scrub()
        return erased

    def export(self, raw: IdentifierInput) -> UserExport:
        """Everything of a user and of everyone merged into it, in every table, as it is at this moment.

        Vectors are left out: they are made anew. Secrets are in it as keyed hashes only.

        Raises:
            UserNotFoundError, InvalidIdentifierError, AmbiguousIdentifierError: who is meant is not clear.
        """
        made = exporting.export(self._store, self._identities.locate(raw), self._clock())
        if made is None:
            raise UserNotFoundError("This user was merged or erased at this moment. Look again.")
        return made

    def restore(self, source: Source, *, actor: str = LIBRARY) -> Restored:
        """Brings an exported user back, with the ids it had: all of it, or nothing and an error.

        Args:
            source: the document, as text or read already, or its lines (an open file is lines, too).
            actor: who does it, for the audit.

        Raises:
            InvalidImportError: it is no export, or is broken, or of a newer version; ``details["lines"]`` says where.
            ConflictError: something of it is here already.
        """
        with restoring.checked(source, self._store.key_mark) as export:
            counts = self._store.restore(export.user_id, export.rows(), actor, self._clock())
        self._identities.forget_cached()
        self._restored()
        return Restored(export.user_id, counts, export.skipped)
