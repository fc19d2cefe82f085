"""Linking many users' identifiers at once: groups of them, or a file."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import IO, Literal

from muxi.core.clock import Clock
from muxi.core.identity.bulk_linking import Chunk, Linked, Linking, conflict
from muxi.core.identity.bulk_plan import INTERNAL
from muxi.core.identity.bulk_spool import Spool, spooled
from muxi.core.identity.bulk_store import BulkStore, Mark, Prepared
from muxi.core.identity.bulk_types import MOST_CONFLICTS, BulkResult, Conflict, Group
from muxi.core.identity.import_file import BadLineError, Format, ImportFile, format_of, opened
from muxi.core.identity.service import LIBRARY, Identities
from muxi.core.identity.types import Identifier, IdentifierInput
from muxi.errors import InvalidIdentifierError, InvalidImportError, MuxiError
from muxi.ids import UserId, is_id

#: How many identifier values one transaction decides about at most, where the store is not quicker with fewer. More
#: would keep others waiting for longer.
CHUNK = 2000
#: How many identifiers one group may have.
MOST_IN_GROUP = 1000
#: How many wrong lines an error names.
MOST_BAD_LINES = 20

#: Told the step (``checking``, in bytes, then ``linking``, in lines), how much is done, and of how much.
Progress = Callable[[str, int, int], None]


class Bulk:
    """Links the identifiers of many users.

    Args:
        store: bound to the formation.
        identities: gives identifiers their normal form, and knows the limits.
        clock: the time, in UTC.
    """

    def __init__(self, store: BulkStore, identities: Identities, clock: Clock) -> None:
        self._store = store
        self._identities = identities
        self._clock = clock

    def associate_many(
        self,
        groups: Iterable[Group],
        *,
        on_conflict: Literal["report", "raise"] = "report",
        dry_run: bool = False,
        actor: str = LIBRARY,
    ) -> BulkResult:
        """Links each group as `Identities.associate` would, in order, thousands in one transaction.

        A group is linked whole or not at all. Reading a long one never holds more than a chunk of it in memory.

        Args:
            groups: the identifiers of one user each.
            on_conflict: ``report``: what conflicts is reported and left out, and the rest goes on. ``raise``: all
                groups are linked in one transaction, or none and an error; `CHUNK` identifier values at most.
            dry_run: change nothing, and say what would be.
            actor: who does it, for the audit.

        Raises:
            InvalidIdentifierError, IdentifierConflictError, AmbiguousIdentifierError, UserNotFoundError,
            UserDisabledError, IdentifierLimitError: only with ``raise``: the first of what would be reported.
            InvalidImportError: too many groups for one transaction.
        """
        strict = on_conflict == "raise"
        tally = _Tally(dry_run, strict=strict)
        prepared = self._prepared(groups, tally)
        batches = _at_most_one(_batches(prepared, CHUNK)) if strict else _batches(prepared, self._chunk)
        with self._linking(actor, strict=strict, dry_run=dry_run) as linking:
            for linked in linking.linked(map(Chunk, batches)):
                tally.add(linked)
        return tally.result()

    def import_file(
        self,
        path: str | Path,
        *,
        dry_run: bool = False,
        progress: Progress | None = None,
        report: Callable[[Conflict], None] | None = None,
        actor: str = LIBRARY,
    ) -> BulkResult:
        """Links what a file says: CSV with the columns ``user,identifier,type``, or JSON Lines.

        Every line is read and checked before anything is written, and what it says is kept in a temporary file. Then
        chunks of lines are linked, each in a transaction that also notes how far the import has come: when it is
        broken off and started again, it goes on from there.

        A line's ``user`` is a ``usr_`` id, the application's own name of the user (`Group.name`: the same name is the
        same user), or empty: then each line is a user of its own.

        Args:
            path: to a ``.csv``, ``.jsonl`` or ``.ndjson`` file in UTF-8.
            dry_run: change nothing, and say what would be.
            progress: told how far it is.
            report: told each conflict, even those that the result has no room for.
            actor: who does it, for the audit.

        Raises:
            InvalidImportError: the file is empty, or some lines cannot be read; ``details["lines"]`` lists the
                first, and nothing was changed.
            ConflictError: somebody else imports the same file at this moment.
            StorageFullError: there is no room for the temporary file.
        """
        format = format_of(Path(path))
        with opened(Path(path)) as file:
            return self.import_opened(file, format, dry_run=dry_run, progress=progress, report=report, actor=actor)

    def import_opened(
        self,
        file: IO[bytes],
        format: Format,
        *,
        dry_run: bool = False,
        progress: Progress | None = None,
        report: Callable[[Conflict], None] | None = None,
        actor: str = LIBRARY,
    ) -> BulkResult:
        """As `import_file`, of a file that is open for reading."""
        tell = progress or _tell_nobody
        with spooled() as spool:
            source, last = self._checked(ImportFile(file, format), spool, tell)
            resumed = 0 if dry_run else self._store.lines_done(source)
            tally = _Tally(dry_run, report=report)
            with self._linking(actor, strict=False, dry_run=dry_run) as linking:
                for linked in linking.linked(_marked(spool.after(resumed), source, resumed, last)):
                    tally.add(linked)
                    tell("linking", linked.chunk.groups[-1].place, last)
        return replace(tally.result(), resumed_after=resumed)

    @property
    def _chunk(self) -> int:
        return min(CHUNK, self._store.most_values)

    @contextmanager
    def _linking(self, actor: str, *, strict: bool, dry_run: bool) -> Iterator[Linking]:
        with self._store.dry() if dry_run else self._store.for_many() as store:
            yield Linking(store, self._identities, self._clock, actor=actor, strict=strict, dry_run=dry_run)

    def _checked(self, file: ImportFile, spool: Spool, tell: Progress) -> tuple[str, int]:
        """Reads every line, and keeps what it says; the file's digest, and its last line that says something."""
        faults = _Faults()
        last = 0
        for batch in _batches(self._prepared_lines(file, faults, tell), self._chunk):
            spool.add(batch)
            last = batch[-1].place
        faults.check()
        return file.digest, last

    def _prepared_lines(self, file: ImportFile, faults: _Faults, tell: Progress) -> Iterator[Prepared]:
        for line, group in file.groups(lambda read: tell("checking", read, file.size)):
            try:
                yield self._prepare(line, group)
            except (InvalidIdentifierError, BadLineError) as error:
                faults.add(line, group, error)

    def _prepared(self, groups: Iterable[Group], tally: _Tally) -> Iterator[Prepared]:
        for place, group in enumerate(groups, 1):
            try:
                yield self._prepare(place, group)
            except InvalidIdentifierError as error:
                if tally.strict:
                    raise
                tally.refused(conflict(place, error))

    def _prepare(self, place: int, group: Group | BadLineError) -> Prepared:
        if isinstance(group, BadLineError):
            raise group
        if isinstance(group.identifiers, str) or not 0 < len(group.identifiers) <= MOST_IN_GROUP:
            raise InvalidIdentifierError(f"A group is a list of 1 to {MOST_IN_GROUP} identifiers of one user.")
        raws = group.identifiers if group.name is None else [(group.name, INTERNAL), *group.identifiers]
        identifiers = [self._identities.linkable(raw) for raw in raws]
        return Prepared(place, identifiers, self._user(group.user), group.name is not None)

    def _user(self, raw: IdentifierInput | None) -> UserId | Identifier | None:
        if raw is None:
            return None
        if isinstance(raw, str) and is_id(raw, "usr"):
            return UserId(raw)
        return self._identities.normal_form(raw)


class _Faults:
    """What is wrong with a file's lines."""

    def __init__(self) -> None:
        self._count = 0
        self._first: list[dict[str, str | int]] = []

    def add(self, line: int, group: Group | BadLineError, error: Exception) -> None:
        self._count += 1
        if len(self._first) < MOST_BAD_LINES:
            self._first.append({"line": line, "message": _said(group, error)})

    def check(self) -> None:
        if self._count:
            raise InvalidImportError(
                f"{self._count} of the file's lines cannot be read, the first is line {self._first[0]['line']}: "
                f"{self._first[0]['message']} Nothing was changed.",
                wrong=self._count,
                lines=self._first,
            )


@dataclass(slots=True)
class _Tally:
    dry_run: bool
    strict: bool = False
    report: Callable[[Conflict], None] | None = None
    groups: int = 0
    linked: int = 0
    users_made: int = 0
    unchanged: int = 0
    conflict_count: int = 0
    conflicts: list[Conflict] = field(default_factory=list)

    def add(self, linked: Linked) -> None:
        self.groups += len(linked.chunk.groups)
        self.linked += len(linked.plan.additions.links)
        self.users_made += len(linked.plan.additions.users)
        self.unchanged += linked.plan.unchanged
        for one in linked.conflicts:
            self._keep(one)

    def refused(self, conflict: Conflict) -> None:
        """A group that could not be planned at all."""
        self.groups += 1
        self._keep(conflict)

    def result(self) -> BulkResult:
        in_order = tuple(sorted(self.conflicts, key=lambda one: one.place))
        return BulkResult(
            self.groups, self.linked, self.users_made, self.unchanged, self.conflict_count, in_order, self.dry_run
        )

    def _keep(self, conflict: Conflict) -> None:
        self.conflict_count += 1
        if len(self.conflicts) < MOST_CONFLICTS:
            self.conflicts.append(conflict)
        if self.report:
            self.report(conflict)


def _marked(batches: Iterable[Sequence[Prepared]], source: str, done: int, last: int) -> Iterator[Chunk]:
    for batch in batches:
        mark = Mark(source, done, batch[-1].place, last)
        yield Chunk(batch, mark)
        done = mark.after


def _said(group: Group | BadLineError, error: Exception) -> str:
    # Bytes that are not UTF-8 were read as lone surrogates.
    if any("\ud800" <= character <= "\udfff" for character in str(group)) or "\\udc" in str(group):
        return "It is not UTF-8."
    return error.message if isinstance(error, MuxiError) else str(error)


def _batches(groups: Iterable[Prepared], most: int) -> Iterator[list[Prepared]]:
    batch: list[Prepared] = []
    size = 0
    for group in groups:
        of_group = 0
        for one in group.all():
            # An identifier without a type is looked for under its hash, too.
            of_group += 1 if one.value == one.hashed else 2
        if batch and size + of_group > most:
            yield batch
            batch, size = [], 0
        batch.append(group)
        size += of_group
    if batch:
        yield batch


def _at_most_one(batches: Iterable[Sequence[Prepared]]) -> list[Sequence[Prepared]]:
    # Two tell that there are too many; a generator may have millions.
    found = list(islice(batches, 2))
    if len(found) > 1:
        raise InvalidImportError(
            f"With on_conflict='raise' all is one transaction, of {CHUNK} identifier values at most. "
            "Pass fewer groups, or do a dry run and then report."
        )
    return found


def _tell_nobody(step: str, done: int, total: int) -> None:
    """Nobody wants to know."""
