"""Context: the structured part of what is known of a user, as facts, each with where it comes from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Protocol

from muxi.core.clock import Clock
from muxi.core.memory.disagreements import disagreements
from muxi.core.memory.document import document_of, replay, standing
from muxi.core.memory.fact_store import FactStore, FactWriter
from muxi.core.memory.facts import UNTOLD, Change, Document, Fact, Origin, Plan
from muxi.core.memory.keeping import Keep, without_private_values
from muxi.core.memory.paths import checked_path
from muxi.core.memory.planning import Planning
from muxi.core.memory.private_values import kept_change
from muxi.core.memory.values import checked_value, merging
from muxi.core.paging import Page, checked_limit, page, read_cursor
from muxi.core.text import checked_name
from muxi.errors import InvalidContextError, InvalidCursorError
from muxi.ids import FactId, UserId, is_id

MAX_CHANGES = 2000


class Schema(Protocol):
    """What contexts have to fit."""

    def check(self, before: Document, after: Document) -> None:
        """Raises `InvalidContextError` if a change spoils a document."""


class Context:
    """The contexts of one formation's users.

    Args:
        store: bound to the formation.
        clock: the time, in UTC.
        schema: what contexts have to fit; anything will do if not told.
        keep: what may be kept of the texts in them.
    """

    def __init__(
        self, store: FactStore, clock: Clock, schema: Schema | None = None, keep: Keep = without_private_values
    ) -> None:
        self._keep = keep
        self._store = store
        self._clock = clock
        self._schema = schema

    def get(self, user_id: UserId, *, at: datetime | None = None) -> Document:
        """What is known of a user, as a plain nested document.

        Args:
            user_id: canonical; what those who were merged into it had is in it, and of what disagrees the latest.
            at: as it was at this time, by when things were observed; a time without a zone is UTC.
        """
        return document_of(self._store.entries(user_id, _in_utc(at) if at else None))

    def facts(self, user_id: UserId) -> list[Fact]:
        """The facts that the document rests on, in the order in which they were last said."""
        live = self._store.live(user_id)
        found = {fact.id for fact in standing(replay(live))}
        return [fact for fact in live if fact.id in found]

    def history(self, user_id: UserId, path: str = "", *, cursor: str | None = None, limit: int = 50) -> Page[Fact]:
        """How the context came to be: facts that hold and that held, newest first.

        Args:
            user_id: canonical.
            path: only what was said about this path, those below it, and those above it that it was part of.
            cursor: ``next_cursor`` of the page before.
            limit: of the page, 1 to 200.

        Raises:
            InvalidContextError: it cannot be a path.
            InvalidCursorError: not a cursor of this list, or a limit out of range.
        """
        before = _place(cursor) if cursor else None
        wanted = checked_path(path) if path else ""
        rows = self._store.history(user_id, wanted, before, checked_limit(limit) + 1)
        return page(rows, limit, lambda last: [last.observed_at.isoformat(), last.id])

    def disagreements(self, user_ids: Sequence[UserId]) -> dict[str, dict[UserId, Any]]:
        """Where canonical users would contradict each other, if they were merged. As `disagreements.disagreements`."""
        return disagreements({user_id: self._store.live(user_id) for user_id in user_ids})

    def merge(self, user_id: UserId, knowledge: Any, origin: Origin = UNTOLD) -> list[Fact]:
        """Adds a document: each of its values replaces the one at its path, and nothing else is touched.

        Args:
            user_id: canonical.
            knowledge: a mapping of keys to any JSON; lists replace lists.
            origin: where it comes from.

        Returns:
            The facts that were written, and those that were said again.

        Raises:
            InvalidContextError: a key, a value or the origin cannot be, or the formation's schema refuses it.
            UserNotFoundError: the user was merged into another, or erased, at this moment.
        """
        return self.write(user_id, merging(knowledge, _checked(origin)))

    def set(self, user_id: UserId, path: str, value: Any, origin: Origin = UNTOLD) -> list[Fact]:
        """Gives a path its value: it replaces what was there, and below. Returns and raises as `merge`."""
        return self.write(user_id, [Change("set", path, value, origin)])

    def add(self, user_id: UserId, path: str, value: Any, origin: Origin = UNTOLD) -> list[Fact]:
        """Adds a value to the list at a path, once; a single value there becomes the list's first.

        Returns and raises as `merge`.
        """
        return self.write(user_id, [Change("add", path, value, origin)])

    def remove(self, user_id: UserId, path: str, value: Any, origin: Origin = UNTOLD) -> list[Fact]:
        """Takes a value from the list at a path, or the path's value if it is this one. Empty: it was not there.

        Returns and raises as `merge`.
        """
        return self.write(user_id, [Change("remove", path, value, origin)])

    def delete(self, user_id: UserId, path: str, origin: Origin = UNTOLD, *, forget: bool = False) -> bool:
        """Ends what is at a path and below it.

        Args:
            user_id: canonical.
            path: what is to be deleted.
            origin: who wants it, for the history.
            forget: remove the history, too, of everyone merged into the user: nothing of it is left.

        Returns:
            Whether there was something.

        Raises:
            As `merge`.
        """
        if not forget:
            return bool(self.write(user_id, [Change("delete", path, None, origin)]))
        wanted = checked_path(path)
        with self._store.writing(user_id) as writer:
            if self._schema:
                planning = Planning(writer.live(), user_id, self._clock())
                self._taken(planning, [Change("delete", wanted)])
            return writer.forget(wanted) > 0

    def write(self, user_id: UserId, changes: Sequence[Change]) -> list[Fact]:
        """Makes several changes, all or none, in their order. Returns and raises as `merge`."""
        if len(changes) > MAX_CHANGES:
            raise InvalidContextError(
                f"{len(changes):,} changes were given; at most {MAX_CHANGES:,} can be made at once."
            )
        checked = [kept_change(checked_change(change), self._keep) for change in changes]
        if not checked:
            return []
        with self._store.writing(user_id) as writer:
            planning = Planning(writer.live(), user_id, self._clock())
            self._taken(planning, checked)
            plan = planning.plan()
            if not plan.empty:
                writer.write(plan)
        return plan.facts

    def write_what_fits(
        self, writer: FactWriter, user_id: UserId, changes: Sequence[Change], now: datetime
    ) -> tuple[Plan, list[InvalidContextError]]:
        """Makes several changes inside a transaction under way, but those that the context or its schema refuses.

        Args:
            writer: of the transaction.
            user_id: canonical.
            changes: their paths, values and origins are checked (`checked_change`).
            now: the time they are written at.

        Returns:
            What was written, and why the rest was not.
        """
        live = writer.live()
        kept, private = self._what_may_be_kept(changes)
        planning, refused = self._fitting(live, user_id, kept, now)
        plan = planning.plan()
        if not plan.empty:
            writer.write(plan)
        return plan, [*private, *refused]

    def _what_may_be_kept(self, changes: Sequence[Change]) -> tuple[list[Change], list[InvalidContextError]]:
        kept: list[Change] = []
        refused: list[InvalidContextError] = []
        for change in changes:
            try:
                kept.append(kept_change(change, self._keep))
            except InvalidContextError as error:
                refused.append(error)
        return kept, refused

    def _fitting(
        self, live: Sequence[Fact], user_id: UserId, changes: Sequence[Change], now: datetime
    ) -> tuple[Planning, list[InvalidContextError]]:
        try:
            planning = Planning(live, user_id, now)
            self._taken(planning, changes)
            planning.plan()
            return planning, []
        except InvalidContextError:
            if not changes:
                raise
        kept: list[Change] = []
        refused: list[InvalidContextError] = []
        for change in changes:
            try:
                planning = Planning(live, user_id, now)
                self._taken(planning, [*kept, change])
                planning.plan()
                kept.append(change)
            except InvalidContextError as error:
                refused.append(error)
        planning = Planning(live, user_id, now)
        self._taken(planning, kept)
        return planning, refused

    def version(self, user_id: UserId) -> int:
        """Counts the writes to a user's context: what was made of it at the same count is up to date."""
        return self._store.version(user_id)

    def _taken(self, planning: Planning, changes: Sequence[Change]) -> None:
        before = planning.document() if self._schema else {}
        for change in changes:
            planning.take(change)
        if self._schema:
            self._schema.check(before, planning.document())


def checked_change(change: Change) -> Change:
    """A change whose path, value and origin can be.

    Raises:
        InvalidContextError: one of them cannot.
    """
    value = None if change.op == "delete" else checked_value(change.value)
    return replace(change, path=checked_path(change.path), value=value, origin=_checked(change.origin))


def _checked(origin: Origin) -> Origin:
    for name in ("importance", "confidence"):
        given = getattr(origin, name)
        if isinstance(given, bool) or not isinstance(given, int | float) or not 0.0 <= given <= 1.0:  # nor NaN
            raise InvalidContextError(f"{name} is {given!r}; it must be 0 to 1.")
    if not all(is_id(one, "msg") for one in origin.evidence):
        raise InvalidContextError("evidence lists ids of messages (msg_...).")
    return replace(
        origin,
        source=checked_name(origin.source, "source", InvalidContextError),
        importance=float(origin.importance),
        confidence=float(origin.confidence),
        observed_at=_in_utc(origin.observed_at) if origin.observed_at else None,
    )


def _in_utc(moment: datetime) -> datetime:
    """A time without a zone is taken as UTC."""
    try:
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except OverflowError as error:
        raise InvalidContextError(f"{moment.isoformat()} is out of the range of dates in UTC.") from error


def _place(cursor: str) -> tuple[datetime, FactId]:
    at, fact_id = read_cursor(cursor, 2)
    try:
        return _in_utc(datetime.fromisoformat(at)), FactId(str(fact_id))
    except (TypeError, ValueError) as error:
        raise InvalidCursorError("The cursor is of another list. Pass next_cursor of the page before.") from error
