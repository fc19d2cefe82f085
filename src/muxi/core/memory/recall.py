"""The recall of one owner's memories: all of them in arrays, ranked by one weighted sum."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from muxi.core.memory.bm25 import Places
from muxi.core.memory.features import Candidates, Floats, Marks, Scale, features_of
from muxi.core.memory.layout import Layout
from muxi.core.memory.packed import Packed
from muxi.core.memory.question import Question
from muxi.core.memory.rows import Keep, Rows, signs
from muxi.core.memory.traits import ASKS, ENDS_ASKING, TIMED, Days
from muxi.core.memory.types import Hit, Memory
from muxi.core.memory.vectors import VectorColumn
from muxi.core.memory.weights import total
from muxi.errors import EmbeddingMismatchError
from muxi.ids import MemoryId

#: Up to so many memories all are scored; of more, those of the shortlist.
MOST_SCORED = 16_384
#: How many the shortlist takes for their words, and for the signs of their vectors.
BY_WORDS, BY_SIGNS = 512, 1_536
_SAMPLE = 1_024

_READ_AT_ONCE = 1_000

# Scores are compared to this many decimals, so that the last bits of a sum decide nothing.
_DECIMALS = 6

# An answer about a day is often given a little after it.
_DAYS_AFTER = 14


Read = Callable[[Sequence[MemoryId]], Iterable[Memory]]


@dataclass(frozen=True, slots=True)
class _Asked:
    """A question, its vector (``None``: unknown), the days it means, and its speaker's number."""

    question: Question
    vector: NDArray[np.float32] | None
    days: Sequence[Days]
    speaker: int | None
    now: datetime


@dataclass(frozen=True, slots=True)
class _Cosines:
    """As in `Candidates`."""

    of_itself: Floats
    of_window: Floats
    of_next_window: Floats
    scale: Scale
    window_scale: Scale


class MemoryIndex:
    """One owner's memories in arrays, ready to be ranked. Thread-safe (one lock).

    Args:
        read: reads memories that were loaded packed, when somebody has to see them; of those that are no more, none.
    """

    def __init__(self, read: Read = lambda _: ()) -> None:
        self._lock = Lock()
        self._rows = Rows()
        self._read = read

    def __len__(self) -> int:
        return len(self._rows)

    @property
    def embedded(self) -> int:
        """How many memories have their vector."""
        with self._lock:
            return int(self._rows.embedded.values[self._rows.layout(None).order].sum())

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
        explain: bool = False,
    ) -> list[Hit]:
        """The memories that answer a question best: by the weighted sum of their features.

        All are scored if they are not more than `MOST_SCORED`; of more, those that share the question's rarest words
        and those whose vectors' signs agree most with the question's.

        Args:
            query: the question's text.
            vector: the question's embedding, L2-normalised, shape (dimension,); ``None`` ranks without it.
            limit: how many at most.
            now: the time to which ages are measured, and at which the question is asked.
            keep: what may be returned. It is shown each memory without its vector and must not use this index.
                What it refuses has no influence on the others, as if it were not stored.
            explain: give the hits their features.

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
                self._see(self._rows.row_of.values())
            layout = self._rows.layout(keep)
            if not len(layout.order):
                return []
            asked = self._asked(question, vector, layout, now)
            places, candidates = self._candidates(asked, layout, limit)
            features = features_of(candidates)
            best = self._best(layout.order[places], total(features).round(_DECIMALS), limit)
            self._see(int(layout.order[places[which]]) for which, _ in best)
            found = [(which, self._rows.memories[layout.order[places[which]]], score) for which, score in best]
            # What is not there any more was deleted at this moment.
            return [
                Hit(memory, score, _told(features, which) if explain else None)
                for which, memory, score in found
                if memory is not None
            ]

    def _see(self, rows: Iterable[int]) -> None:
        unseen = self._rows.unseen(rows)
        for first in range(0, len(unseen), _READ_AT_ONCE):
            self._rows.show(self._read(unseen[first : first + _READ_AT_ONCE]))

    def _write_anew_if_stale(self) -> None:
        if self._rows.is_stale:
            self._rows = self._rows.written_anew()

    def _asked(self, question: Question, vector: NDArray[np.float32] | None, layout: Layout, now: datetime) -> _Asked:
        usable = vector is not None and self._rows.vectors is not None and bool(np.isfinite(vector).all())
        days = question.days(now)
        if days:
            said = self._rows.day.values[layout.order]
            if not any(((said >= first) & (said <= last + _DAYS_AFTER)).any() for first, last in days):
                # Nothing was said then: it is asked about a conversation long past, as if at its end.
                newest = datetime.fromordinal(int(said.max())).replace(tzinfo=UTC)
                days = question.days(newest, lean="past")
        speaker = self._rows.named_speaker(question.terms)
        return _Asked(question, vector if usable else None, days, speaker, now)

    def _candidates(self, asked: _Asked, layout: Layout, limit: int) -> tuple[Places, Candidates]:
        rows, texts = self._rows, layout.texts
        found = texts.found(rows.words, asked.question.terms)
        alone = texts.scores(found)
        places = self._places(asked, layout, alone, limit)
        flags = layout.values(rows.flags, places)
        previous = places > texts.first[places]
        before = np.maximum(places - 1, 0)
        asks = previous & (rows.flags.values[layout.order[before]] & ASKS > 0)
        cosines = self._cosines(asked, layout, places)
        return places, Candidates(
            cosine=cosines.of_itself,
            window_cosine=cosines.of_window,
            next_window_cosine=cosines.of_next_window,
            scale=cosines.scale,
            window_scale=cosines.window_scale,
            bm25=alone[places],
            window_bm25=texts.window_scores(found, None if len(places) == len(layout.order) else places),
            asked_bm25=np.where(asks, alone[before], 0.0),
            named=_equal(layout.values(rows.speaker, places), asked.speaker),
            words=layout.values(rows.length, places),
            is_question=flags & ENDS_ASKING > 0,
            is_timed=flags & TIMED > 0,
            asks_when=asked.question.asks_when,
            days_off=_days_off(layout.values(rows.day, places), asked.days),
            names_day=self._naming(asked.days)[layout.order[places]],
            age=np.maximum(asked.now.timestamp() - layout.values(rows.said_at, places), 0.0),
            importance=layout.values(rows.importance, places),
        )

    def _cosines(self, asked: _Asked, layout: Layout, places: Places) -> _Cosines:
        """Of the candidates; the scales are taken over all that may be returned, or an even sample of them."""
        rows, vector, vectors, windows = self._rows, asked.vector, self._rows.vectors, self._rows.windows
        following = np.minimum(places + 1, layout.texts.last[places])
        if vector is None or vectors is None or windows is None:
            nothing = np.full(len(places), np.nan)
            return _Cosines(nothing, nothing, nothing, Scale.of(nothing), Scale.of(nothing))

        def itself(at: Places | slice) -> Floats:
            of = layout.order[at]
            return _cosines(vectors, vector, of, rows.embedded.values[of])

        def window(at: Places | slice) -> Floats:
            of = layout.order[at]
            return _cosines(windows, vector, of, rows.windowed.values[of] & layout.windowed[at])

        alone = itself(places)
        if len(places) == len(layout.order):
            around = window(places)
            return _Cosines(alone, around, around[following], Scale.of(alone), Scale.of(around))
        sample = slice(None, None, max(1, len(layout.order) // _SAMPLE))
        both = np.union1d(places, following)
        around = window(both)
        return _Cosines(
            alone,
            around[np.searchsorted(both, places)],
            around[np.searchsorted(both, following)],
            Scale.of(itself(sample)),
            Scale.of(window(sample)),
        )

    def _places(self, asked: _Asked, layout: Layout, words: Floats, limit: int) -> Places:
        """The places of all that are worth scoring, in their order."""
        count, rows = len(layout.order), self._rows
        if count <= max(MOST_SCORED, limit):
            return np.arange(count)
        chosen = [_highest(words, max(BY_WORDS, limit))]
        if asked.vector is not None and (all_signs := rows.signs()) is not None:
            unlike = np.bitwise_count(all_signs ^ signs(asked.vector > 0))
            apart = np.sum([unlike[:, i] for i in range(unlike.shape[1])], axis=0, dtype=np.int16)
            alike = np.where(rows.embedded.values, -apart, np.iinfo(np.int16).min)
            chosen.append(_highest(alike[layout.order], max(BY_SIGNS, limit)))
        else:
            chosen.append(_highest(rows.said_at.values[layout.order], max(BY_WORDS, limit)))
        worth = np.zeros(count, np.bool_)
        for seeds in chosen:
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

    def _best(self, rows: Places, scores: Floats, limit: int) -> list[tuple[int, float]]:
        """The best: which candidate, and its score."""
        some = np.arange(len(rows))
        if limit < len(rows):
            some = np.flatnonzero(scores >= np.partition(scores, -limit)[-limit])
        newer = self._rows.said_at.values[rows[some]].tolist()
        ids = [self._rows.ids[row] for row in rows[some].tolist()]
        ranked = sorted(zip(scores[some].tolist(), newer, ids, some.tolist(), strict=True), reverse=True)
        return [(which, score) for score, _, _, which in ranked[:limit]]

    def _check_dimensions(self, vectors: list[NDArray[np.float32]]) -> None:
        if not vectors:
            return
        held = self._rows.dimension
        dimension = vectors[0].size if held is None else held
        for vector in vectors:
            if vector.shape != (dimension,):
                raise _mismatch(vector, dimension)


def _told(features: Mapping[str, Floats], which: int) -> dict[str, float]:
    return {name: float(column[which]) for name, column in features.items()}


def _cosines(column: VectorColumn, vector: NDArray[np.float32], rows: Places, known: Marks) -> Floats:
    cosines = column.dots(vector, rows).astype(np.float64)
    np.minimum(cosines, 1.0, out=cosines)
    np.maximum(cosines, -1.0, out=cosines)
    if not known.all():
        cosines[~known] = np.nan
    return cosines


def _days_off(said: NDArray[np.int64], days: Sequence[Days]) -> Floats:
    off = np.full(len(said), np.inf)
    for first, last in days:
        off = np.minimum(off, np.maximum(0, np.maximum(first - said, said - last)))
    return off


def _equal(speakers: NDArray[np.int64], speaker: int | None) -> Marks:
    return np.zeros(len(speakers), np.bool_) if speaker is None else speakers == speaker


def _highest(values: NDArray[Any], count: int) -> Places:
    return np.argpartition(values, -count)[-count:]


def _mismatch(vector: NDArray[np.float32], dimension: int) -> EmbeddingMismatchError:
    return EmbeddingMismatchError(
        f"A vector of shape {vector.shape} does not fit memories embedded with {dimension} dimensions: "
        "they were made by different embedding models. Embed the memories again.",
        dimension=dimension,
    )
