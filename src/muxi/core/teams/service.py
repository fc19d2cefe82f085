"""Teams: users who share memories and a context. Leaving ends access at once: each call asks who is in."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime

from muxi.core.clock import Clock
from muxi.core.memory.context import Context
from muxi.core.memory.edits import Edits
from muxi.core.memory.facts import Change, Document, Fact
from muxi.core.memory.service import Draft, Memories
from muxi.core.memory.types import Memory
from muxi.core.paging import Page, checked_limit, page, read_cursor
from muxi.core.teams.store import TeamStore
from muxi.core.teams.types import MANAGER, MEMBER, Member, Membership, Role, Team, TeamDeleted
from muxi.core.text import is_storable
from muxi.errors import InvalidInputError, NotFoundError, PermissionDeniedError, UserNotFoundError
from muxi.ids import TeamId, UserId, is_id, new_team_id

#: Who does it, in the audit, unless the caller says otherwise.
LIBRARY = "library"
LONGEST_NAME = 100
#: Follows every team's id.
_AFTER_ALL = TeamId(UserId("team_~"))


class Teams:
    """The teams of one formation, and what they share.

    ``by`` is the canonical user on whose behalf something is done: a team that they are not in is as unknown to them as
    one that is not there. Without it the application itself does it, and reaches every team.

    Args:
        store: bound to the formation.
        memories, edits: of the same formation: a team has memories as a user has.
        context: of the same formation, without a schema: that is for what is known of people.
        clock: the time, in UTC.
        forget: called with a team that was deleted: nothing of it may stay at hand.
        scrub: takes what was deleted out of the files.
    """

    def __init__(
        self,
        store: TeamStore,
        memories: Memories,
        edits: Edits,
        context: Context,
        clock: Clock,
        forget: Callable[[Sequence[UserId]], None] = lambda _: None,
        scrub: Callable[[], object] = lambda: None,
    ) -> None:
        self._store = store
        self._memories = memories
        self._edits = edits
        self._context = context
        self._clock = clock
        self._forget = forget
        self._scrub = scrub

    def create(self, name: str, *, actor: str = LIBRARY) -> Team:
        """Makes a team without members.

        Raises:
            InvalidInputError: the name is empty, over 100 characters, or has some that cannot be shown.
            ConflictError: another team has it, in capitals or not.
        """
        team = Team(new_team_id(), checked_team_name(name), self._clock(), actor)
        self._store.add(team, actor)
        return team

    def rename(self, team_id: str, name: str, *, by: UserId | None = None, actor: str = LIBRARY) -> Team:
        """Gives a team another name; a manager may, too.

        Raises:
            NotFoundError: there is no such team, or they are not in it: the same answer.
            PermissionDeniedError: they are no manager of it.
            InvalidInputError, ConflictError: as `create`.
        """
        known = self._managed(team_id, by)
        if not self._store.rename(known, checked_team_name(name), actor, self._clock()):
            raise _unknown(team_id)
        return self.get(known)

    def delete(self, team_id: str, *, actor: str = LIBRARY) -> TeamDeleted:
        """Removes a team with all that it shares, in one transaction. It cannot be undone. For the application only.

        Raises:
            NotFoundError: there is no such team.
        """
        known = self._entered(team_id, None)
        deleted = self._store.delete(known, actor, self._clock())
        if deleted is None:
            raise _unknown(team_id)
        self._forget([known])
        self._scrub()
        return deleted

    def get(self, team_id: str, *, by: UserId | None = None) -> Team:
        """A team. Errors as `members`."""
        team = self._store.find(self._entered(team_id, by))
        if team is None:
            raise _unknown(team_id)
        return team

    def newest(self, *, cursor: str | None = None, limit: int = 50) -> Page[Team]:
        """Every team, newest first. For the application only.

        Raises:
            InvalidCursorError: not a cursor of this list, or a limit out of range.
        """
        before = TeamId(UserId(str(read_cursor(cursor, 1)[0]))) if cursor else _AFTER_ALL
        rows = self._store.newest(before, checked_limit(limit) + 1)
        return page(rows, limit, lambda last: [last.id])

    def of(self, user_id: UserId) -> list[Membership]:
        """The teams that a canonical user is in at this moment, the oldest first."""
        return self._store.of(user_id)

    def members(self, team_id: str, *, by: UserId | None = None) -> list[Member]:
        """Who is in a team, in the order in which they joined.

        Raises:
            NotFoundError: there is no such team, or ``by`` is not in it: the same answer.
        """
        return self._store.members(self._entered(team_id, by))

    def add_member(
        self, team_id: str, user_id: UserId, role: Role = MEMBER, *, by: UserId | None = None, actor: str = LIBRARY
    ) -> None:
        """Lets a canonical user in, or changes their role; the call twice is as the call once. A manager may, too.

        Raises:
            InvalidInputError: a role that there is not.
            UserNotFoundError: the user was merged or erased at this moment.
            NotFoundError, PermissionDeniedError: as `rename`.
        """
        if role not in (MEMBER, MANAGER):
            raise InvalidInputError(f"role is {str(role)[:64]!r}; it must be {MEMBER} or {MANAGER}.")
        known = self._managed(team_id, by)
        if not self._store.put_member(known, user_id, role, actor, self._clock()):
            if self._store.find(known) is None:
                raise _unknown(team_id)
            raise UserNotFoundError("This user was merged or erased at this moment. Try again.")

    def remove_member(self, team_id: str, user_id: UserId, *, by: UserId | None = None, actor: str = LIBRARY) -> None:
        """Puts a canonical user out: from then on they see nothing of the team, in every process.

        Everybody may leave, and managers put anybody out.

        Raises:
            UserNotFoundError: the user is not in it.
            NotFoundError, PermissionDeniedError: as `rename`.
        """
        known = self._entered(team_id, by) if by == user_id else self._managed(team_id, by)
        if not self._store.remove_member(known, user_id, actor, self._clock()):
            raise UserNotFoundError("This user is not in the team.")

    def require_manager(self, team_id: str, *, by: UserId | None) -> None:
        """Whether somebody may let others in and put them out. Errors as `rename`."""
        self._managed(team_id, by)

    def remember(
        self, team_id: str, drafts: Sequence[Draft], *, by: UserId | None = None, request_key: str | None = None
    ) -> list[Memory]:
        """Shares texts with a team, all or none: each member recalls them beside their own memories.

        Args:
            team_id: whose.
            drafts: 1 to 1,000.
            by: who shares them, and is named as their author.
            request_key: a second call with the same key returns what the first one stored.

        Raises:
            NotFoundError: as `members`.
            InvalidMemoryError, MessageTooLargeError: as `muxi.core.memory.service.Memories.add`.
        """
        known = self._entered(team_id, by)
        with _still_there(team_id):
            return self._memories.add(known, drafts, request_key=request_key, author_id=by)

    def memories(
        self, team_id: str, *, by: UserId | None = None, cursor: str | None = None, limit: int = 50
    ) -> Page[Memory]:
        """What a team shares, newest first, each with its author.

        Raises:
            InvalidCursorError: not a cursor of this list, or a limit out of range.
            NotFoundError: as `members`.
        """
        return self._memories.newest(self._entered(team_id, by), cursor=cursor, limit=limit)

    def forget(self, team_id: str, memory_id: str, *, by: UserId | None = None) -> None:
        """Deletes what was shared: for all. Its author may, and a manager.

        Raises:
            MemoryNotFoundError: the team shares none of this id.
            PermissionDeniedError: somebody else shared it.
            NotFoundError: as `members`.
        """
        known = self._entered(team_id, by)
        if by is not None and self._store.role(known, by) != MANAGER:
            author = self._edits.get(known, memory_id).author_id
            if author is None or self._store.canonical(author) != by:
                raise PermissionDeniedError("Only who shared it, or a manager of the team, may delete it.")
        self._memories.delete(known, memory_id)

    def context(self, team_id: str, *, by: UserId | None = None, at: datetime | None = None) -> Document:
        """What a team's context holds, or held at a time. Errors as `members`."""
        return self._context.get(self._entered(team_id, by), at=at)

    def facts(self, team_id: str, *, by: UserId | None = None) -> list[Fact]:
        """The facts that a team's context rests on. Errors as `members`."""
        return self._context.facts(self._entered(team_id, by))

    def history(
        self,
        team_id: str,
        path: str = "",
        *,
        by: UserId | None = None,
        cursor: str | None = None,
        limit: int = 50,
    ) -> Page[Fact]:
        """How a team's context came to be, newest first.

        Raises:
            InvalidContextError, InvalidCursorError: as `muxi.core.memory.context.Context.history`.
            NotFoundError: as `members`.
        """
        return self._context.history(self._entered(team_id, by), path, cursor=cursor, limit=limit)

    def write(self, team_id: str, changes: Sequence[Change], *, by: UserId | None = None) -> list[Fact]:
        """Changes a team's context, all or nothing; every member may, and what was there stays in its history.

        Raises:
            InvalidContextError: as `muxi.core.memory.context.Context.write`.
            NotFoundError: as `members`.
        """
        known = self._entered(team_id, by)
        with _still_there(team_id):
            return self._context.write(known, changes)

    def delete_path(self, team_id: str, path: str, *, by: UserId | None = None, forget: bool = False) -> bool:
        """Ends what is at a path of a team's context; with ``forget``, for managers, its history goes, too.

        Returns:
            Whether there was something.

        Raises:
            PermissionDeniedError: they may not make it forgotten.
            InvalidContextError: it cannot be a path.
            NotFoundError: as `members`.
        """
        known = self._managed(team_id, by) if forget else self._entered(team_id, by)
        with _still_there(team_id):
            return self._context.delete(known, path, forget=forget)

    def _entered(self, team_id: str, by: UserId | None) -> TeamId:
        """The team, if it is there for them."""
        known = TeamId(UserId(team_id))
        if not is_id(team_id, "team") or (
            self._store.find(known) is None if by is None else self._store.role(known, by) is None
        ):
            raise _unknown(team_id)
        return known

    def _managed(self, team_id: str, by: UserId | None) -> TeamId:
        known = self._entered(team_id, by)
        if by is not None and self._store.role(known, by) != MANAGER:
            raise PermissionDeniedError("Only a manager of the team may do this.")
        return known


def checked_team_name(name: str) -> str:
    """A team's name, trimmed.

    Raises:
        InvalidInputError: it is empty, over 100 characters, or has some that cannot be shown.
    """
    written = unicodedata.normalize("NFC", name).strip() if is_storable(name) else ""
    if not 1 <= len(written) <= LONGEST_NAME or not written.isprintable():
        raise InvalidInputError(f"A team's name has 1 to {LONGEST_NAME} printable characters.")
    return written


@contextmanager
def _still_there(team_id: str) -> Iterator[None]:
    """A team that is deleted at this moment is not there, like any other."""
    try:
        yield
    except UserNotFoundError as error:
        raise _unknown(team_id) from error


def _unknown(team_id: str) -> NotFoundError:
    return NotFoundError(f"There is no team {team_id[:64]!r}.")
