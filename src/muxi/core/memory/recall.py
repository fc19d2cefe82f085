"""The recall of one owner's memories: all of them in arrays, ranked by one weighted sum."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from muxi.core.memory.bm25 import Found, Places, best_around
from muxi.core.memory.features import (
    NAMES,
    Candidates,
    Deviations,
    Floats,
    Marks,
    Scale,
    columns_of,
    features_of,
)
from muxi.core.memory.layout import ASKS, DAY, ENDS_ASKING, IMPORTANCE, LENGTH, SAID_AT, SAID_BY, TIMED, Layout, Shown
from muxi.core.memory.packed import Packed
from muxi.core.memory.question import Question
from muxi.core.memory.rows import Keep, Rows
from muxi.core.memory.traits import Days
from muxi.core.memory.types import Hit, Memory
from muxi.core.memory.vectors import Steps, Vector, VectorColumn, dots, in_steps
from muxi.core.memory.weights import total, total_of
from muxi.errors import EmbeddingMismatchError
from muxi.ids import MemoryId

#: Up to so many memories the vectors of all are compared; of more, those of the shortlist.
MOST_COMPARED = 16_384
#: How many the shortlist takes for their words, and for the signs of their vectors.
BY_WORDS, BY_SIGNS = 512, 1_536
#: Up to so many all are scored exactly; of more, those that score best by the best of the texts around them, and so
#: many for each that is wanted. Among 10,000 the first 50 were the same with 512.
MOST_READ, READ_EACH = 512, 4
_SAMPLE = 1_024

_READ_AT_ONCE = 1_000

# Scores are compared to this many decimals, so that the last bits of a sum decide nothing.
_DECIMALS = 6

# An answer about a day is often given a little after it.
_DAYS_AFTER = 14


Read = Callable[[Sequence[MemoryId]], Iterable[Memory]]


@dataclass(frozen=True, slots=True)
class _Asked:
    """A question.

    Attributes:
        question, vector, now: as given; no vector if it cannot be used.
        days: that it means.
        speaker: the number of the one whom it names.
        found: where its words are.
        words: by place what they score.
    """

    question: Question
    vector: NDArray[np.float32] | None
    days: Sequence[Days]
    speaker: int | None
    now: datetime
    found: Found
    words: Floats


class MemoryIndex:
    """One owner's memories in arrays, ready to be ranked. Thread-safe (one lock)."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._rows = Rows()

    def __len__(self) -> int:
        return len(self._rows)

    @property
    def embedded(self) -> int:
        """How many memories have their vector."""
        with self._lock:
            return self._rows.embedded

    @property
    def nbytes(self) -> int:
        """Bytes held, estimated: vectors, columns, words and the memories themselves."""
        with self._lock:
            return self._rows.nbytes

    def put(self, memories: Iterable[Memory]) -> None:
        """Add memories, or replace the ones of the same id. All or nothing.

        Raises:
            EmbeddingMismatchError: a vector has another dimension than the vectors here.
        """
        given = {memory.id: memory for memory in memories}
        with self._lock:
            self._check_dimensions([v for one in given.values() for v in (one.vector, one.window) if v is not None])
            moved = [memory for memory in given.values() if not self._rows.update(memory)]
            self._rows.drop(memory.id for memory in moved)
            self._rows.add(moved)
            self._write_anew_if_stale()

    def load(self, packed: Packed) -> None:
        """Adds packed memories, none of which is here.

        Raises:
            EmbeddingMismatchError: their vectors have another dimension than the vectors here.
        """
        with self._lock:
            held = self._rows.dimension
            if packed.dimension and held not in (None, packed.dimension):
                raise _mismatch(packed.vectors[0], held)
            self._rows.load(packed)
            self._write_anew_if_stale()

    def remove(self, ids: Iterable[MemoryId]) -> None:
        """Take memories out; ids that are not here are passed over."""
        with self._lock:
            self._rows.drop(ids)
            self._write_anew_if_stale()

    def search(
        self,
        query: str,
        vector: NDArray[np.float32] | None,
        *,
        limit: int,
        now: datetime,
        keep: Keep | None = None,
        shown: Shown | None = None,
        explain: bool = False,
        read: Read = lambda _: (),
    ) -> list[Hit]:
        """The memories that answer a question best: by the weighted sum of their features.

        All are scored exactly if they are not more than `MOST_READ`. Of more, those that score best by an estimate of
        what the words around them add; and above `MOST_COMPARED` of these only those that share the question's rarest
        words and those whose vectors' signs agree most with the question's.

        Args:
            query: the question's text.
            vector: the question's embedding, L2-normalised, shape (dimension,); ``None`` ranks without it.
            limit: how many at most.
            now: the time to which ages are measured, and at which the question is asked.
            keep: what may be returned. It is shown each memory without its vector and must not use this index.
                What it refuses has no influence on the others, as if it were not stored.
            shown: what need not be returned, with the same effect.
            explain: give the hits their features.
            read: reads memories that were loaded packed, when somebody has to see them; of those that are no more,
                none.

        Returns:
            Best first; of equal scores the one said later first. Empty if there is nothing to return.

        Raises:
            EmbeddingMismatchError: the question's vector has another dimension than the vectors here.
        """
        if limit <= 0:
            return []
        question = Question.of(query)
        with self._lock:
            if vector is not None and self._rows.vectors is not None:
                self._check_dimensions([vector])
            if keep is not None:
                self._see(self._rows.ids.counting.tolist(), read)
            layout = self._rows.layout(keep, shown)
            if not len(layout):
                return []
            asked = self._asked(question, vector, layout, now)
            rows, features = self._scored(asked, layout, limit)
            hits = self._best(rows, total(features).round(_DECIMALS), limit)
            self._see((row for _, row, _ in hits), read)
            found = [(which, self._rows.memories[row], score) for which, row, score in hits]
            # What is not there any more was deleted at this moment.
            return [
                Hit(memory, score, _told(features, which) if explain else None)
                for which, memory, score in found
                if memory is not None
            ]

    def _see(self, rows: Iterable[int], read: Read) -> None:
        unseen = self._rows.unseen(rows)
        ids = list(unseen)
        for first in range(0, len(ids), _READ_AT_ONCE):
            self._rows.show(read(ids[first : first + _READ_AT_ONCE]), unseen)

    def _write_anew_if_stale(self) -> None:
        if self._rows.is_stale:
            self._rows = self._rows.written_anew()

    def _asked(self, question: Question, vector: NDArray[np.float32] | None, layout: Layout, now: datetime) -> _Asked:
        usable = vector is not None and self._rows.vectors is not None and bool(np.isfinite(vector).all())
        days = question.days(now)
        if days:
            said = layout.table[DAY]
            if not any(((said >= first) & (said <= last + _DAYS_AFTER)).any() for first, last in days):
                # Nothing was said then: it is asked about a conversation long past, as if at its end.
                newest = datetime.fromordinal(int(said.max())).replace(tzinfo=UTC)
                days = question.days(newest, lean="past")
        speaker = self._rows.named_speaker(question.terms)
        found = layout.texts.found(self._rows.words, question.terms)
        words = layout.texts.scores(found)
        return _Asked(question, vector if usable else None, days, speaker, now, found, words)

    def _scored(self, asked: _Asked, layout: Layout, limit: int) -> tuple[Places, Floats]:
        """The rows of the memories that are worth being scored exactly, and their features."""
        places = self._places(asked, layout, limit)
        columns = columns_of(self._candidates(asked, layout, places))
        count, read = len(layout) if places is None else len(places), max(MOST_READ, READ_EACH * limit)
        best = None
        if count > read:
            estimate = _at(best_around(asked.words), places)
            best = np.sort(_highest(total_of(columns, estimate), read))
            places = best if places is None else places[best]
        features = features_of(columns, best, layout.texts.window_scores(asked.found, places))
        return layout.rows(np.arange(len(layout)) if places is None else places), features

    def _candidates(self, asked: _Asked, layout: Layout, places: Places | None) -> Candidates:
        table = layout.table if places is None else layout.table.take(places, axis=1)
        after = np.zeros(len(layout))
        np.multiply(asked.words[:-1], layout.table[ASKS, :-1], out=after[1:])
        after[layout.texts.starts] = 0.0
        return Candidates(
            cosines=self._cosines(asked, layout, places),
            bm25=_at(asked.words, places),
            asked_bm25=_at(after, places),
            named=None if asked.speaker is None else table[SAID_BY] == asked.speaker,
            words=table[LENGTH],
            is_question=table[ENDS_ASKING],
            is_timed=table[TIMED],
            asks_when=asked.question.asks_when,
            days_off=_days_off(table[DAY], asked.days) if asked.days else None,
            names_day=_at(self._naming(asked.days)[layout.order], places) if asked.days else None,
            age=np.maximum(asked.now.timestamp() - table[SAID_AT], 0.0),
            importance=table[IMPORTANCE],
        )

    def _cosines(self, asked: _Asked, layout: Layout, places: Places | None) -> Deviations | None:
        """Of the candidates; means and deviations are those of all that may be returned, or of an even sample."""
        if asked.vector is None or self._rows.vectors is None or self._rows.windows is None:
            return None
        columns = (self._rows.vectors, self._rows.windows)
        following = np.minimum(np.arange(1, len(layout) + 1), layout.texts.last)
        vector_in_steps = in_steps(asked.vector)
        if places is None:
            both = _compared(columns, vector_in_steps, layout, None)
            vector, window = (Scale.of(cosines).z(cosines) for cosines in both)
            return Deviations(vector, window, window.take(following))
        sample = np.arange(0, len(layout), max(1, len(layout) // _SAMPLE))
        scales = [Scale.of(cosines) for cosines in _compared(columns, vector_in_steps, layout, sample)]
        following = following.take(places)
        at = np.union1d(places, following)
        both = _compared(columns, vector_in_steps, layout, at)
        vector, window = (scale.z(cosines) for scale, cosines in zip(scales, both, strict=True))
        here = at.searchsorted(places)
        return Deviations(vector.take(here), window.take(here), window.take(at.searchsorted(following)))

    def _places(self, asked: _Asked, layout: Layout, limit: int) -> Places | None:
        """The places of all whose vectors are worth comparing, in their order; ``None``: all are."""
        count = len(layout)
        if count <= max(MOST_COMPARED, limit):
            return None
        if asked.vector is None or self._rows.vectors is None:
            likest = _highest(layout.table[SAID_AT], max(BY_WORDS, limit))
        else:
            apart = self._rows.vectors.signs_apart(asked.vector)
            likest = _lowest(apart[layout.order], max(BY_SIGNS, limit))
        worth = np.zeros(count, np.bool_)
        for seeds in (_highest(asked.words, max(BY_WORDS, limit)), likest):
            worth[seeds] = True
            # What comes just after may be the answer to it, in other words.
            worth[np.minimum(seeds + 1, layout.texts.last[seeds])] = True
        return np.flatnonzero(worth)

    def _naming(self, days: Sequence[Days]) -> Marks:
        """Of each row whether it names a day of these."""
        rows = self._rows
        marked = np.zeros(len(rows.ids), np.bool_)
        for first, last in days:
            hits = (rows.first_days.values <= last) & (rows.last_days.values >= first)
            marked[rows.date_rows.values[hits]] = True
        return marked

    def _best(self, rows: Places, scores: Floats, limit: int) -> list[tuple[int, int, float]]:
        """The best: which candidate, its row, and its score."""
        some = np.arange(len(rows))
        if limit < len(rows):
            some = np.flatnonzero(scores >= np.partition(scores, -limit)[-limit])
        of = rows[some]
        newer, of_rows = self._rows.table.values[SAID_AT, of].tolist(), of.tolist()
        ids = [self._rows.ids[row] for row in of_rows]
        ranked = sorted(zip(scores[some].tolist(), newer, ids, some.tolist(), of_rows, strict=True), reverse=True)
        return [(which, row, score) for score, _, _, which, row in ranked[:limit]]

    def _check_dimensions(self, vectors: list[NDArray[np.float32]]) -> None:
        if not vectors:
            return
        held = self._rows.dimension
        dimension = vectors[0].size if held is None else held
        for vector in vectors:
            if vector.shape != (dimension,):
                raise _mismatch(vector, dimension)


def _told(features: Floats, which: int) -> dict[str, float]:
    return dict(zip(NAMES, features[:, which].tolist(), strict=True))


def _at(column: NDArray[Any], places: Places | None) -> NDArray[Any]:
    return column if places is None else column[places]


def _compared(
    columns: Sequence[VectorColumn], vector: tuple[Steps, Vector], layout: Layout, at: Places | None
) -> tuple[Floats, Floats]:
    """The cosines of the memories and of their windows, at some places or all; NaN where there is none."""
    rows = layout.order if at is None else layout.rows(at)
    alone, around = (dots(column, vector, rows).clip(-1.0, 1.0) for column in columns)
    if layout.windowed is not None:
        around[~_at(layout.windowed, at)] = np.nan
    return alone, around


def _days_off(said: Floats, days: Sequence[Days]) -> Floats:
    off = [np.maximum(0.0, np.maximum(first - said, said - last)) for first, last in days]
    nearest: Floats = np.minimum.reduce(off)
    return nearest


def _lowest(counts: NDArray[np.int16], count: int) -> Places:
    """The places of at least so many of the lowest: of what is counted, all that are equal."""
    reached = np.bincount(counts).cumsum()
    return np.flatnonzero(counts <= reached.searchsorted(count))


def _highest(values: NDArray[Any], count: int) -> Places:
    return np.argpartition(values, -count)[-count:]


def _mismatch(vector: NDArray[np.float32], dimension: int) -> EmbeddingMismatchError:
    return EmbeddingMismatchError(
        f"A vector of shape {vector.shape} does not fit memories embedded with {dimension} dimensions: "
        "they were made by different embedding models. Embed the memories again.",
        dimension=dimension,
    )
