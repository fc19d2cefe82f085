"""`users` of both clients: users as things."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from muxi.client import imports
from muxi.client import user_requests as requests
from muxi.client.identifiers import IdentifierInput
from muxi.client.paging import every, every_awaited
from muxi.client.replies import Page
from muxi.client.requests import owner
from muxi.client.streams import lines, lines_awaited
from muxi.client.user_replies import BulkResult, Conflict, Deleted, Erased, Restored, UserDetails, UserSummary
from muxi.client.user_requests import Group
from muxi.client.wire import AsyncWire, Wire
from muxi.ids import is_id


class Users:
    """List, show, disable, erase, export, restore, and link many. All but an export of oneself need the admin key.

    Args:
        wire: to the server.
    """

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def list(
        self, search: str = "", *, disabled: bool | None = None, limit: int = 50, cursor: str | None = None
    ) -> Page[UserSummary]:
        """A page of users, the newest first.

        Args:
            search: how one of the identifiers begins, or a ``usr_`` id; all users if empty.
            disabled: only those who are, or only those who are not.
            limit: of the page, 1 to 200.
            cursor: ``next_cursor`` of the page before.

        Raises:
            PermissionDeniedError: this is not the admin key.
        """
        return self._wire.call(requests.users(search, disabled=disabled, limit=limit, cursor=cursor))

    def iter(self, search: str = "", *, disabled: bool | None = None, limit: int = 50) -> Iterator[UserSummary]:
        """All users, the newest first, fetched ``limit`` at a time. Arguments and errors as `list`."""
        return every(lambda cursor: self.list(search, disabled=disabled, limit=limit, cursor=cursor))

    def show(self, user_id: IdentifierInput) -> UserDetails:
        """A user with identifiers, merges and what they have, also if they are disabled.

        Raises:
            UserNotFoundError: nobody has this identifier.
            PermissionDeniedError: this is not the admin key.
        """
        return self._wire.call(requests.details(self._id(user_id)))

    def disable(self, user_id: IdentifierInput) -> UserSummary:
        """Shuts a user out, at once and in every process: nothing of them is read or written. Errors as `show`."""
        return self._wire.call(requests.disable(self._id(user_id)))

    def enable(self, user_id: IdentifierInput) -> UserSummary:
        """Lets a user in again. Errors as `show`."""
        return self._wire.call(requests.enable(self._id(user_id)))

    def erase(self, user_id: IdentifierInput) -> Erased:
        """Erases a user, and everyone who was merged into them, for good. Errors as `show`."""
        return self._wire.call(requests.erase(self._id(user_id)))

    def delete_data(self, user_id: IdentifierInput, before: datetime | str | None = None) -> Deleted:
        """Deletes what a user said and what is remembered of them; the user and the identifiers stay.

        With the client key only of the acting user, by an identifier that is proven.

        Args:
            user_id: whose.
            before: only what is older, by when it was said or stored; UTC if it has no zone. All if not told.

        Raises:
            UserNotFoundError: nobody has this identifier.
            UnprovenIdentifierError: this is the client key, and the identifier was never proven.
            InvalidInputError: ``before`` is not a time.
        """
        return self._wire.call(requests.delete_data(self._id(user_id), user_id, before))

    def export(self, user_id: IdentifierInput) -> dict[str, Any]:
        """Everything that is stored of a user, as one document; `export_lines` if it is much.

        With the client key only of the acting user, by an identifier that is proven.

        Raises:
            UserNotFoundError: nobody has this identifier.
            UnprovenIdentifierError: this is the client key, and the identifier was never proven.
        """
        return self._wire.call(requests.export(self._id(user_id), user_id))

    def export_lines(self, user_id: IdentifierInput) -> Iterator[str]:
        """As `export`, in JSON Lines, one by one: ``file.writelines(...)`` keeps them. Errors as `export`."""
        return lines(self._wire.opened, requests.export_lines(self._id(user_id), user_id), self._wire.connection)

    def expire_anonymous(self) -> int:
        """Erases visitors whose token has ended and who never signed in, and says how many they were."""
        return self._wire.call(requests.expire_anonymous())

    def restore(self, export: Mapping[str, Any] | Iterable[str]) -> Restored:
        """Brings back a user whom nobody knows here, from a document of `export` or lines of `export_lines`.

        Raises:
            InvalidImportError: it is no export, or is broken, or of a newer version.
            ConflictError: something of it is here already. Nothing was written.
            PermissionDeniedError: this is not the admin key.
        """
        return self._wire.call(requests.restore(export))

    def associate_many(self, groups: Iterable[Group | Iterable[IdentifierInput]], dry_run: bool = False) -> BulkResult:
        """Links the identifiers of up to 1,000 users. A group that conflicts is reported, and the rest is linked.

        Args:
            groups: of each user a list of identifiers, or a mapping of ``identifiers`` and ``user_id``.
            dry_run: change nothing, and say what would be.

        Raises:
            PermissionDeniedError: this is not the admin key.
        """
        return self._wire.call(requests.associate_many(groups, dry_run))

    def import_file(
        self,
        path: str | Path,
        dry_run: bool = False,
        *,
        progress: imports.Progress | None = None,
        report: Callable[[Conflict], None] | None = None,
    ) -> BulkResult:
        """Links what a CSV or JSON Lines file says, of any number of users. Every line is checked first.

        Broken off and called again with the same file, it goes on after the last chunk that was linked.

        Args:
            path: to a ``.csv`` file with the columns ``user,identifier,type``, or to a ``.jsonl`` or ``.ndjson`` file.
            dry_run: change nothing, and say what would be.
            progress: told the step (``sending`` and ``checking``, in bytes, then ``linking``, in lines), how much is
                done, and of how much.
            report: told each conflict, even those that the result has no room for.

        Raises:
            InvalidImportError: it is no such file, is empty, or some lines cannot be read: ``details["lines"]`` lists
                the first, and nothing was changed.
            ConflictError: somebody else imports the same file at this moment.
            ServerUnreachableError: the connection broke. Call it again.
            PermissionDeniedError: this is not the admin key.
        """
        follower = imports.Follower(self._wire.connection, progress, report)
        with imports.opened(path) as file:
            request = imports.import_file(path, file, dry_run, progress)
            for line in lines(self._wire.opened, request, self._wire.connection):
                follower.take(line)
        return follower.end()

    def _id(self, user_id: IdentifierInput) -> str:
        # By its id: an identifier in a path would be in every log on the way.
        known = isinstance(user_id, str) and is_id(user_id, "usr")
        return str(user_id) if known else self._wire.call(owner(user_id))


class AsyncUsers:
    """`Users` for asyncio: the same methods, arguments, results and errors, awaited."""

    def __init__(self, wire: AsyncWire) -> None:
        self._wire = wire

    async def list(
        self, search: str = "", *, disabled: bool | None = None, limit: int = 50, cursor: str | None = None
    ) -> Page[UserSummary]:
        """A page of users, the newest first."""
        return await self._wire.call(requests.users(search, disabled=disabled, limit=limit, cursor=cursor))

    def iter(self, search: str = "", *, disabled: bool | None = None, limit: int = 50) -> AsyncIterator[UserSummary]:
        """All users, the newest first, fetched ``limit`` at a time."""
        return every_awaited(lambda cursor: self.list(search, disabled=disabled, limit=limit, cursor=cursor))

    async def show(self, user_id: IdentifierInput) -> UserDetails:
        """A user with identifiers, merges and what they have, also if they are disabled."""
        return await self._wire.call(requests.details(await self._id(user_id)))

    async def disable(self, user_id: IdentifierInput) -> UserSummary:
        """Shuts a user out, at once and in every process."""
        return await self._wire.call(requests.disable(await self._id(user_id)))

    async def enable(self, user_id: IdentifierInput) -> UserSummary:
        """Lets a user in again."""
        return await self._wire.call(requests.enable(await self._id(user_id)))

    async def erase(self, user_id: IdentifierInput) -> Erased:
        """Erases a user, and everyone who was merged into them, for good."""
        return await self._wire.call(requests.erase(await self._id(user_id)))

    async def delete_data(self, user_id: IdentifierInput, before: datetime | str | None = None) -> Deleted:
        """Deletes what a user said and what is remembered of them; the user and the identifiers stay."""
        return await self._wire.call(requests.delete_data(await self._id(user_id), user_id, before))

    async def export(self, user_id: IdentifierInput) -> dict[str, Any]:
        """Everything that is stored of a user, as one document; `export_lines` if it is much."""
        return await self._wire.call(requests.export(await self._id(user_id), user_id))

    async def export_lines(self, user_id: IdentifierInput) -> AsyncIterator[str]:
        """As `export`, in JSON Lines, one by one: not awaited itself, but looped over with ``async for``."""
        request = requests.export_lines(await self._id(user_id), user_id)
        async for line in lines_awaited(self._wire.opened, request, self._wire.connection):
            yield line

    async def expire_anonymous(self) -> int:
        """Erases visitors whose token has ended and who never signed in, and says how many they were."""
        return await self._wire.call(requests.expire_anonymous())

    async def restore(self, export: Mapping[str, Any] | Iterable[str]) -> Restored:
        """Brings back a user whom nobody knows here, from a document of `export` or lines of `export_lines`."""
        return await self._wire.call(requests.restore(export))

    async def associate_many(
        self, groups: Iterable[Group | Iterable[IdentifierInput]], dry_run: bool = False
    ) -> BulkResult:
        """Links the identifiers of up to 1,000 users. A group that conflicts is reported, and the rest is linked."""
        return await self._wire.call(requests.associate_many(groups, dry_run))

    async def import_file(
        self,
        path: str | Path,
        dry_run: bool = False,
        *,
        progress: imports.Progress | None = None,
        report: Callable[[Conflict], None] | None = None,
    ) -> BulkResult:
        """Links what a CSV or JSON Lines file says, of any number of users. Every line is checked first."""
        follower = imports.Follower(self._wire.connection, progress, report)
        with imports.opened(path) as file:
            request = imports.import_file(path, file, dry_run, progress)
            async for line in lines_awaited(self._wire.opened, request, self._wire.connection):
                follower.take(line)
        return follower.end()

    async def _id(self, user_id: IdentifierInput) -> str:
        known = isinstance(user_id, str) and is_id(user_id, "usr")
        return str(user_id) if known else await self._wire.call(owner(user_id))
