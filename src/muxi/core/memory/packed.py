"""What an index holds of an owner's memories, in one block of bytes: read with one query, and not computed anew.

No text is in it: of words their numbers (`muxi.core.memory.traits.term_numbers`), of sessions and speakers likewise.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from functools import lru_cache
from hashlib import blake2b
from typing import Any, Self, cast

import numpy as np
from numpy.typing import NDArray

from muxi.core.memory.bm25 import entries_after, entries_in, entries_of
from muxi.core.memory.traits import VERSION, TraitColumns, are_current, in_columns, term_numbers, traits_of
from muxi.core.memory.types import SPEAKER, Memory
from muxi.core.memory.vectors import in_steps
from muxi.core.memory.words import words
from muxi.ids import MemoryId

#: Raise it with every change of what is written here: a block of another number is made anew.
FORMAT = 1

_HEADER = struct.Struct("<8q")
_ID_LENGTH = 30
#: The columns in the order in which they are written: wide numbers first, so that each begins where it may.
_DTYPES = {
    "said_at": "<f8",
    "importance": "<f8",
    "ends": "<f8",
    "seq": "<i8",
    "session": "<i8",
    "speaker": "<i8",
    "speakers": "<i8",
    "speaker_terms": "<i8",
    "entries": "<i8",
    "day": "<i4",
    "flags": "<i4",
    "lengths": "<i4",
    "date_rows": "<i4",
    "first_days": "<i4",
    "last_days": "<i4",
    "vector_sizes": "<f4",
    "window_sizes": "<f4",
    "ids": f"S{_ID_LENGTH}",
    "gone": "?",
    "vectors": "<i1",
    "windows": "<i1",
}


@dataclass(frozen=True, slots=True)
class Packed:
    """Memories in columns, one value a row if not told otherwise; the last row of an id holds.

    Attributes:
        said_at, importance, seq, day: as in `Memory`; times as seconds since 1970, days as ordinals.
        ends: when it expires; infinite: never.
        session, speaker: `name_number` of them.
        speakers, speaker_terms: side by side, the words of each speaker's name.
        entries: the words, as `muxi.core.memory.bm25.entries_of`.
        flags, lengths, date_rows, first_days, last_days: as `TraitColumns`.
        vectors, windows: in steps, shape (rows, dimension); with a size of 0 there is none.
        vector_sizes, window_sizes: of one step.
        ids: in ASCII.
        gone: this memory is not recalled any more.
    """

    said_at: NDArray[np.float64]
    importance: NDArray[np.float64]
    ends: NDArray[np.float64]
    seq: NDArray[np.int64]
    session: NDArray[np.int64]
    speaker: NDArray[np.int64]
    speakers: NDArray[np.int64]
    speaker_terms: NDArray[np.int64]
    entries: NDArray[np.int64]
    day: NDArray[np.int32]
    flags: NDArray[np.int32]
    lengths: NDArray[np.int32]
    date_rows: NDArray[np.int32]
    first_days: NDArray[np.int32]
    last_days: NDArray[np.int32]
    vector_sizes: NDArray[np.float32]
    window_sizes: NDArray[np.float32]
    ids: NDArray[np.bytes_]
    gone: NDArray[np.bool_]
    vectors: NDArray[np.int8]
    windows: NDArray[np.int8]

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def dimension(self) -> int:
        """Of the vectors; 0 if there are none."""
        return int(self.vectors.shape[1])

    def written(self) -> bytes:
        """As bytes that `read` reads."""
        sizes = (len(self), len(self.entries), len(self.date_rows), len(self.speakers), self.dimension)
        header = _HEADER.pack(FORMAT, VERSION, *sizes, 0)
        columns = [np.ascontiguousarray(getattr(self, name), dtype) for name, dtype in _DTYPES.items()]
        return b"".join([header, *(column.tobytes() for column in columns)])

    @classmethod
    def read(cls, block: bytes | memoryview) -> Self | None:
        """The columns of a block, without copying them; ``None`` if it is of another version of this program."""
        form, version, *sizes, _ = _HEADER.unpack_from(block)
        if (form, version) != (FORMAT, VERSION):
            return None
        counts, at, found = _counts(sizes), _HEADER.size, dict[str, Any]()
        for name, dtype in _DTYPES.items():
            found[name] = np.frombuffer(block, dtype, counts[name], at)
            at += found[name].nbytes
        for name in ("vectors", "windows"):
            found[name] = found[name].reshape(sizes[0], sizes[4])
        return cls(**found)

    @classmethod
    def of(cls, memories: Sequence[Memory]) -> Self | None:
        """Packs memories, their vectors and traits; ``None`` if their ids or vectors are not of one size."""
        dimensions = {vector.shape for one in memories for vector in (one.vector, one.window) if vector is not None}
        if len(dimensions) > 1 or any(len(one.id) != _ID_LENGTH or not one.id.isascii() for one in memories):
            return None
        traits: TraitColumns = in_columns([current_traits(one) for one in memories])
        dimension = next(iter(dimensions))[0] if dimensions else 0
        vectors, vector_sizes = _vectors([one.vector for one in memories], dimension)
        windows, window_sizes = _vectors([one.window for one in memories], dimension)
        names = {one.metadata.get(SPEAKER) for one in memories if isinstance(one.metadata.get(SPEAKER), str)}
        speakers = [(name_number(name), term) for name in names if name for term in term_numbers(words(name))]
        return cls(
            said_at=np.array([one.said_at.timestamp() for one in memories], np.float64),
            importance=np.array([one.importance for one in memories], np.float64),
            ends=np.array([_end(one.expires_at) for one in memories], np.float64),
            seq=np.array([one.seq for one in memories], np.int64),
            session=np.array([name_number(one.session_id) for one in memories], np.int64),
            speaker=np.array([name_number(one.metadata.get(SPEAKER)) for one in memories], np.int64),
            speakers=np.array([number for number, _ in speakers], np.int64),
            speaker_terms=np.array([term for _, term in speakers], np.int64),
            entries=entries_of(traits.terms, np.repeat(np.arange(len(memories)), traits.lengths)),
            day=np.array([one.said_at.toordinal() for one in memories], np.int32),
            flags=traits.flags,
            lengths=traits.lengths,
            date_rows=traits.date_rows.astype(np.int32),
            first_days=traits.first_days,
            last_days=traits.last_days,
            vector_sizes=vector_sizes,
            window_sizes=window_sizes,
            ids=np.array([one.id.encode("ascii") for one in memories], f"S{_ID_LENGTH}"),
            gone=np.array([one.superseded for one in memories], np.bool_),
            vectors=vectors,
            windows=windows,
        )

    @classmethod
    def joined(cls, parts: Sequence[Self]) -> Self | None:
        """Several as one, the newest last; ``None`` if their vectors are not of one size."""
        if len(parts) == 1:
            return parts[0]
        dimensions = {part.dimension for part in parts if part.dimension}
        if len(dimensions) > 1:
            return None
        dimension = max(dimensions, default=0)
        starts = np.cumsum([0, *(len(part) for part in parts)])
        columns: dict[str, Any] = {}
        for one in fields(cls):
            columns[one.name] = np.concatenate([_padded(getattr(part, one.name), dimension) for part in parts])
        placed = list(zip(parts, starts.tolist(), strict=False))
        columns["date_rows"] = np.concatenate([part.date_rows + np.int32(start) for part, start in placed])
        columns["entries"] = np.concatenate([entries_after(part.entries, start) for part, start in placed])
        return cls(**columns)

    def ids_as_text(self) -> list[MemoryId]:
        """The ids, in the order of the rows."""
        text = self.ids.tobytes().decode("ascii")
        ids = [text[at : at + _ID_LENGTH] for at in range(0, len(text), _ID_LENGTH)]
        return cast(list[MemoryId], ids)

    def newest(self) -> Self:
        """Only the last row of each id, in the same order."""
        last = {id: row for row, id in enumerate(self.ids_as_text())}
        if len(last) == len(self):
            return self
        rows = np.sort(np.fromiter(last.values(), np.int64, len(last)))
        kept = np.zeros(len(self), np.bool_)
        kept[rows] = True
        place = np.where(kept, np.cumsum(kept) - 1, -1)
        dated = kept[self.date_rows]
        apart = {"entries", "date_rows", "first_days", "last_days", "speakers", "speaker_terms"}
        columns = {one.name: getattr(self, one.name) for one in fields(self)}
        columns = {name: values if name in apart else values[rows] for name, values in columns.items()}
        columns["entries"] = np.sort(entries_in(self.entries, place))
        columns["date_rows"] = place[self.date_rows[dated]].astype(np.int32)
        columns["first_days"], columns["last_days"] = self.first_days[dated], self.last_days[dated]
        pairs = np.unique(np.stack([self.speakers, self.speaker_terms]), axis=1)
        columns["speakers"], columns["speaker_terms"] = pairs
        return type(self)(**columns)


def current_traits(memory: Memory) -> NDArray[np.int32]:
    """A memory's traits: those that are stored, if they are of this version, else made now."""
    stored = memory.traits
    return stored if stored is not None and are_current(stored) else traits_of(memory.text, memory.said_at)


@lru_cache(4096)
def _number(name: str) -> int:
    digest = blake2b(name.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "little", signed=True) or 1


def name_number(name: object) -> int:
    """A number of 64 bits for a session or a speaker, the same in every process; 0 for none."""
    return _number(name) if isinstance(name, str) and name else 0


def _counts(sizes: Sequence[int]) -> dict[str, int]:
    rows, entries, dates, speakers, dimension = sizes
    counts = dict.fromkeys(_DTYPES, rows)
    counts |= {"entries": entries, "speakers": speakers, "speaker_terms": speakers}
    counts |= dict.fromkeys(("date_rows", "first_days", "last_days"), dates)
    return counts | dict.fromkeys(("vectors", "windows"), rows * dimension)


def _vectors(
    vectors: Sequence[NDArray[np.float32] | None], dimension: int
) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    known = {row: one for row, one in enumerate(vectors) if one is not None and np.isfinite(one).all()}
    steps, sizes = np.zeros((len(vectors), dimension), np.int8), np.zeros(len(vectors), np.float32)
    if known:
        rows = list(known)
        steps[rows], sizes[rows] = in_steps(np.stack(list(known.values())))
    return steps, sizes


def _padded(column: NDArray[Any], dimension: int) -> NDArray[Any]:
    """Vectors of which there are none, as zeros."""
    if column.ndim == 1 or column.shape[1] == dimension:
        return column
    return np.zeros((len(column), dimension), column.dtype)


def _end(at: datetime | None) -> float:
    return at.timestamp() if at is not None else np.inf
