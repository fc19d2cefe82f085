"""Users as things: listed, looked at, shut out and let in again. For administrators: who is shut out is seen, too."""

from __future__ import annotations

import unicodedata
from urllib.parse import quote, unquote

from muxi.core.clock import Clock
from muxi.core.identity.merge_store import MergeStore
from muxi.core.identity.service import LIBRARY, Identities
from muxi.core.identity.types import IdentifierInput, UserDetails, UserSummary
from muxi.core.identity.user_store import UserStore
from muxi.core.paging import Page, checked_limit, page, read_cursor
from muxi.errors import UserNotFoundError
from muxi.ids import UserId, is_id

#: Follows every user's id.
_AFTER_ALL = UserId("usr_~")


class Users:
    """The users of one formation.

    Args:
        store: bound to the formation.
        merges: bound to the formation: what was merged, and what a user holds.
        identities: says whom an identifier means.
        clock: the time, in UTC.
    """

    def __init__(self, store: UserStore, merges: MergeStore, identities: Identities, clock: Clock) -> None:
        self._store = store
        self._merges = merges
        self._identities = identities
        self._clock = clock

    def list(
        self, search: str = "", *, disabled: bool | None = None, cursor: str | None = None, limit: int = 50
    ) -> Page[UserSummary]:
        """Users, newest first; those that were merged into another are part of that one.

        Args:
            search: the beginning of an identifier, as it was written or in lower case; or a whole ``usr_`` id. Then
                users come in the order of the identifiers that were found.
            disabled: only those who are shut out, or only those who are not; both if not told.
            cursor: `Page.next_cursor` of the page before, with the same ``search``.
            limit: how many, 1 to 200.

        Raises:
            InvalidCursorError: not a cursor of this list, or a limit out of range.
        """
        wanted = unicodedata.normalize("NFC", search).strip()
        checked_limit(limit)
        if is_id(wanted, "usr"):
            return self._one(UserId(wanted), disabled)
        if wanted:
            return self._matching(wanted, disabled, cursor, limit)
        before = UserId(str(read_cursor(cursor, 1)[0])) if cursor else _AFTER_ALL
        rows = self._store.newest(before, limit + 1, disabled=disabled)
        return page(rows, limit, lambda last: [last.id])

    def show(self, raw: IdentifierInput) -> UserDetails:
        """A user, what it holds, and its merges.

        Raises:
            UserNotFoundError, InvalidIdentifierError, AmbiguousIdentifierError: who is meant is not clear.
        """
        summary = self._summary(self.locate(raw))
        return UserDetails(summary, self._merges.holdings(summary.id), tuple(self._merges.merges_of(summary.id)))

    def locate(self, raw: IdentifierInput) -> UserId:
        """The canonical user's id, also of one who is shut out. Errors as `show`."""
        return self._identities.locate(raw)

    def disable(self, raw: IdentifierInput, *, actor: str = LIBRARY) -> UserSummary:
        """Shuts a user out: whoever comes by one of its identifiers gets `UserDisabledError`.

        What it has is kept, and the call twice is as the call once.

        Raises:
            UserNotFoundError, InvalidIdentifierError, AmbiguousIdentifierError: who is meant is not clear.
        """
        return self._set(raw, True, actor)

    def enable(self, raw: IdentifierInput, *, actor: str = LIBRARY) -> UserSummary:
        """Lets a user in again; the call twice is as the call once. Errors as `disable`."""
        return self._set(raw, False, actor)

    def _set(self, raw: IdentifierInput, disabled: bool, actor: str) -> UserSummary:
        user_id = self.locate(raw)
        if not self._store.set_disabled(user_id, disabled, actor, self._clock()):
            raise UserNotFoundError("This user was merged or erased at this moment. Try again.")
        self._identities.forget_cached()
        return self._summary(user_id)

    def _summary(self, user_id: UserId) -> UserSummary:
        summary = self._store.summary(user_id)
        if summary is None:
            raise UserNotFoundError(f"There is no user {user_id}.")
        return summary

    def _one(self, user_id: UserId, disabled: bool | None) -> Page[UserSummary]:
        found = self._store.summary(user_id)
        meant = found is not None and disabled in (None, found.disabled_at is not None)
        return Page([found] if found and meant else [], None)

    def _matching(self, wanted: str, disabled: bool | None, cursor: str | None, limit: int) -> Page[UserSummary]:
        # A cursor is plain ASCII, identifiers may be anything.
        value, type = (unquote(str(text)) for text in read_cursor(cursor, 2)) if cursor else ("", "")
        if not wanted.isprintable() or not (value + type).isprintable():
            return Page([], None)  # no identifier is such a text, and not every database takes it
        # E-mail addresses are stored in lower case, identifiers of most channels as they were written.
        beginnings = list(dict.fromkeys([wanted, unicodedata.normalize("NFKC", wanted).lower()]))
        matches = self._store.matching(beginnings, (value, type), limit + 1, disabled=disabled)
        found = page(matches, limit, lambda last: [quote(last.value), quote(last.type)])
        return Page([match.user for match in found.items], found.next_cursor)
