"""Linking chunk after chunk: each in a transaction of its own, some at once where the store can, and all in order."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, replace

from muxi.core.clock import Clock
from muxi.core.identity.bulk_plan import Plan
from muxi.core.identity.bulk_store import BulkReader, BulkStore, Mark, Prepared
from muxi.core.identity.bulk_types import Conflict
from muxi.core.identity.service import Identities
from muxi.errors import ConflictError, MuxiError, StorageBusyError, StorageConflictError

TRIES = 3
#: How long a chunk waits for the one before it, whatever holds that up.
WAIT_S = 60.0


@dataclass(frozen=True, slots=True)
class Chunk:
    """Groups that are linked in one transaction."""

    groups: Sequence[Prepared]
    mark: Mark | None = None


@dataclass(frozen=True, slots=True)
class Linked:
    """A chunk that was linked: what it added, and what was left out."""

    chunk: Chunk
    plan: Plan
    conflicts: Sequence[Conflict]


class Linking:
    """Links chunks.

    Args:
        store: as quick as it gets at many transactions, or dry.
        identities: knows the limits.
        clock: the time, in UTC.
        actor: who does it, for the audit.
        strict: the first conflict is an error.
        dry_run: whether users that would be made are left out of conflicts.
    """

    def __init__(
        self, store: BulkStore, identities: Identities, clock: Clock, *, actor: str, strict: bool, dry_run: bool
    ) -> None:
        self._store = store
        self._identities = identities
        self._clock = clock
        self._actor = actor
        self._strict = strict
        self._dry_run = dry_run

    def linked(self, chunks: Iterable[Chunk]) -> Iterator[Linked]:
        """Each chunk, in order, when it was linked."""
        if self._store.at_once == 1:
            yield from map(self._link, chunks)
            return
        threads = ThreadPoolExecutor(self._store.at_once)
        waiting: deque[tuple[Chunk, Future[Linked]]] = deque()
        turn: Turn | None = None
        try:
            for chunk in chunks:
                turn = Turn(turn if waiting else None)
                waiting.append((chunk, threads.submit(self._try, chunk, turn)))
                # One more, for whichever thread is free first.
                if len(waiting) > self._store.at_once:
                    yield from self._first(waiting)
            while waiting:
                yield from self._first(waiting)
        finally:
            # Who breaks off waits for those that are being linked: they are whole, and noted.
            threads.shutdown(cancel_futures=True)

    def _first(self, waiting: deque[tuple[Chunk, Future[Linked]]]) -> Iterator[Linked]:
        """The first that waits; if it has to be decided anew, those behind it, too, one after the other."""
        try:
            linked = waiting[0][1].result()
        except StorageConflictError:
            wait([future for _, future in waiting])
            behind = [chunk for chunk, _ in waiting]
            waiting.clear()
            yield from map(self._link, behind)
        else:
            waiting.popleft()
            yield linked

    def _link(self, chunk: Chunk, tries: int = TRIES) -> Linked:
        """When somebody changed a user meanwhile, or linked the same, decides anew."""
        try:
            return self._try(chunk, Turn(None))
        except StorageConflictError:
            if tries == 1:
                raise
        return self._link(chunk, tries - 1)

    def _try(self, chunk: Chunk, turn: Turn) -> Linked:
        groups = chunk.groups
        values = {value for group in groups for one in group.all() for value in (one.value, one.hashed)}
        with turn.waited(), self._store.writing(values, self._actor, self._clock()) as writer:
            plan = Plan(writer, groups, values, self._identities.kinds)
            conflicts = _planned(plan, groups, self._strict)
            if self._dry_run:
                conflicts = _without_made_up(conflicts, writer)
            turn.decided()
            writer.add(plan.additions)
            turn.wait_to_end()
            if not writer.record(plan.additions, chunk.mark):
                raise ConflictError("Somebody else imports this file at this moment. Let one of you finish.")
        if plan.additions.moved:
            self._identities.forget_cached()
        return Linked(chunk, plan, conflicts)


class Turn:
    """A chunk's place in the order. It decides when the chunk before it has decided, and so holds what it decides
    about; it ends when that one has ended. Between the two, both add their rows.

    What a chunk has to wait for while it adds and ends, one behind it must not hold: see `BulkWriter`.
    """

    def __init__(self, before: Turn | None) -> None:
        self._before = before
        self._decided = threading.Event()
        self._ended = threading.Event()
        self._kept = False

    @contextmanager
    def waited(self) -> Iterator[None]:
        """The time in which the chunk is linked, from when it may decide. It is kept if no exception leaves this.

        Raises:
            StorageBusyError: the chunk before does not decide.
        """
        try:
            if self._before:
                _wait(self._before._decided)
            yield
            self._kept = True
        finally:
            self._before = None
            self._decided.set()
            self._ended.set()

    def decided(self) -> None:
        """Lets the chunk behind decide."""
        self._decided.set()

    def wait_to_end(self) -> None:
        """Waits for the end of the chunk before.

        Raises:
            StorageConflictError: that was not kept: both are decided anew.
            StorageBusyError: it does not end.
        """
        if self._before:
            _wait(self._before._ended)
            if not self._before._kept:
                raise StorageConflictError("The part of the import before this one is decided anew.")


def _wait(event: threading.Event) -> None:
    if not event.wait(WAIT_S):
        raise StorageBusyError("The part of the import before this one is held up by others. Try again.")


def conflict(place: int, error: MuxiError) -> Conflict:
    """What is reported of a group that cannot be linked."""
    details = error.details
    return Conflict(
        place, error.code, error.message, tuple(details.get("identifiers", ())), tuple(details.get("owners", ()))
    )


def _planned(plan: Plan, groups: Iterable[Prepared], strict: bool) -> list[Conflict]:
    conflicts = []
    for group in groups:
        try:
            plan.add(group)
        except MuxiError as error:
            if strict:
                raise
            conflicts.append(conflict(group.place, error))
    return conflicts


def _without_made_up(conflicts: Iterable[Conflict], reader: BulkReader) -> list[Conflict]:
    """Without the ids of users who would be made in earnest: those would have others."""
    real = reader.canonical({owner for one in conflicts for owner in one.owners})
    return [replace(one, owners=tuple(owner for owner in one.owners if owner in real)) for one in conflicts]
