"""What an index holds of an owner's memories, in one block of bytes: read with one query, and not computed anew.

No text is in it: of words their numbers (`muxi.core.memory.traits.term_numbers`), of sessions and speakers likewise.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from functools import lru_cache
from hashlib import blake2b
from typing import Any, Self, cast

import numpy as np
from numpy.typing import NDArray

from muxi.core.memory.bm25 import entries_in, entries_of, entries_on
from muxi.core.memory.traits import VERSION, TraitColumns, are_current, in_columns, term_numbers, traits_of
from muxi.core.memory.types import SPEAKER, Memory
from muxi.core.memory.vectors import in_steps
from muxi.core.memory.words import words
from muxi.ids import MemoryId

#: Raise it with every change of what is written here: a block of another number is made anew.
FORMAT = 1

#: Of a memory's id, in bytes.
ID_LENGTH = 30

_HEADER = struct.Struct("<8q")
#: So many bytes at the beginning of a block say what is in it.
HEAD = _HEADER.size
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
    "ids": f"S{ID_LENGTH}",
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
        """As a block that `read` reads."""
        sizes = (len(self), len(self.entries), len(self.date_rows), len(self.speakers), self.dimension)
        header = _HEADER.pack(FORMAT, VERSION, *sizes, 0)
        columns = [np.ascontiguousarray(getattr(self, name), dtype) for name, dtype in _DTYPES.items()]
        return b"".join([header, *(column.tobytes() for column in columns)])

    @classmethod
    def read(cls, heads: Sequence[bytes], pieces: Iterable[bytes]) -> Self | None:
        """What blocks hold, as one; each byte is copied once, to where it belongs.

        Args:
            heads: the first `HEAD` bytes of each block, the newest last.
            pieces: all bytes of all blocks, one after the other, in pieces of any size.

        Returns:
            ``None`` if a block is of another version of this program, or their vectors are not of one size.

        Raises:
            ValueError: there are fewer bytes than the heads say.
        """
        told = [_HEADER.unpack(head) for head in heads]
        dimensions = {dimension for *_, dimension, _ in told if dimension}
        if any(one[:2] != (FORMAT, VERSION) for one in told) or len(dimensions) > 1:
            return None
        dimension = max(dimensions, default=0)
        places, sizes = _places([_counts(one[2:7]) for one in told], dimension)
        columns: dict[str, Any] = {name: np.zeros(sizes[name], dtype) for name, dtype in _DTYPES.items()}
        blocks = [{name: columns[name][place] for name, place in one.items()} for one in places]
        _pour(pieces, (target for block in blocks for target in (np.empty(HEAD, np.uint8), *block.values())))
        for place, block in zip(places, blocks, strict=True):
            first = place["ids"].start
            block["date_rows"] += np.int32(first)
            block["entries"] += entries_on(first)
        for name in ("vectors", "windows"):
            columns[name] = columns[name].reshape(len(columns["ids"]), dimension)
        return cls(**columns)

    @classmethod
    def of(cls, memories: Sequence[Memory]) -> Self | None:
        """Packs memories, their vectors and traits; ``None`` if their ids or vectors are not of one size."""
        dimensions = {vector.shape for one in memories for vector in (one.vector, one.window) if vector is not None}
        if len(dimensions) > 1 or any(len(one.id) != ID_LENGTH or not one.id.isascii() for one in memories):
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
            ids=np.array([one.id.encode("ascii") for one in memories], f"S{ID_LENGTH}"),
            gone=np.array([one.superseded for one in memories], np.bool_),
            vectors=vectors,
            windows=windows,
        )

    def newest(self) -> Self:
        """Only the last row of each id, in the same order."""
        last = {id: row for row, id in enumerate(ids_as_text(self.ids))}
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


def ids_as_text(ids: NDArray[np.bytes_]) -> list[MemoryId]:
    """The ids of `Packed`, as they are elsewhere."""
    text = ids.tobytes().decode("ascii")
    return cast(list[MemoryId], [text[at : at + ID_LENGTH] for at in range(0, len(text), ID_LENGTH)])


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


def _places(counts: Sequence[Mapping[str, int]], dimension: int) -> tuple[list[dict[str, slice]], dict[str, int]]:
    """Where the columns of each block stand in those of all, and how long these are. Vectors that a block has none of
    are left out."""
    ends, places = dict.fromkeys(_DTYPES, 0), list[dict[str, slice]]()
    for count in counts:
        places.append({name: slice(end, end + count[name]) for name, end in ends.items()})
        ends = {name: place.stop for name, place in places[-1].items()}
        ends["vectors"] = ends["windows"] = ends["ids"] * dimension
    return places, ends


def _pour(pieces: Iterable[bytes], targets: Iterable[NDArray[Any]]) -> None:
    """Fills arrays, one after the other, with the bytes of pieces."""
    following, piece = iter(pieces), memoryview(b"")
    for target in targets:
        left = target.view(np.uint8).data
        while len(left):
            if not len(piece):
                piece = memoryview(next(following, b""))
                if not len(piece):
                    raise ValueError("A block is shorter than it says.")
            count = min(len(left), len(piece))
            left[:count] = piece[:count]
            left, piece = left[count:], piece[count:]


def _vectors(
    vectors: Sequence[NDArray[np.float32] | None], dimension: int
) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    known = {row: one for row, one in enumerate(vectors) if one is not None and np.isfinite(one).all()}
    steps, sizes = np.zeros((len(vectors), dimension), np.int8), np.zeros(len(vectors), np.float32)
    if known:
        rows = list(known)
        steps[rows], sizes[rows] = in_steps(np.stack(list(known.values())))
    return steps, sizes


def _end(at: datetime | None) -> float:
    return at.timestamp() if at is not None else np.inf
