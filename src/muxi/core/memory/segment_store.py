"""What packing memories needs of a store. A store is bound to one formation: nothing it returns is another's."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from muxi.core.memory.store import Version
from muxi.core.memory.types import Memory
from muxi.ids import MemoryId, UserId


@dataclass(frozen=True, slots=True)
class Segment:
    """What changed in an owner's memories up to one of their versions, since the segment before it.

    Attributes:
        upto: this version.
        held: how many rows it holds.
        data: as `muxi.core.memory.packed.Packed` writes it.
    """

    upto: int
    held: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Stored:
    """Segments of an owner as they are at one moment, the oldest first.

    Attributes:
        upto: of each, as in `Segment`.
        heads: the first `muxi.core.memory.packed.HEAD` bytes of each.
        pieces: all bytes of all, one after the other; each piece is read when it is asked for.
    """

    upto: Sequence[int]
    heads: Sequence[bytes]
    pieces: Iterable[bytes]


@dataclass(frozen=True, slots=True)
class Unpacked:
    """An owner's memories that changed after a version, the first ones.

    Attributes:
        floor: the owner's, as in `muxi.core.memory.store.Version`, when they were read.
        upto: the version up to which these are all.
        memories: whole, also those that are superseded.
    """

    floor: int
    upto: int
    memories: Sequence[Memory]


@dataclass(frozen=True, slots=True)
class Seen:
    """What some memories say, and how far those of their user are, both as of one moment.

    Attributes:
        memories: those that are there, in any order and without vectors.
        versions: of each user that the user is made of.
    """

    memories: Sequence[Memory]
    versions: Mapping[UserId | None, Version]


class SegmentStore(Protocol):
    """Segments of users' memories. Whatever deletes a memory deletes its owner's segments in the same transaction."""

    def stored(self, owner: UserId, after: int = 0) -> AbstractContextManager[Stored]:
        """Those of exactly this owner that hold what changed after a version. The pieces are there within the context,
        in which this thread must not use the store otherwise."""

    def sizes(self, owner: UserId) -> list[tuple[int, int]]:
        """``upto`` and ``held`` of all, the oldest first."""

    def unpacked(self, owner: UserId, after: int, limit: int) -> Unpacked:
        """What changed after a version: at most so many memories; none if more were written at once."""

    def keep(self, owner: UserId, segment: Segment, floor: int, replaced: Sequence[int] = ()) -> bool:
        """Stores a segment and deletes those of the versions that it replaces, unless something was deleted since the
        owner's floor was this one: then nothing is stored."""

    def drop(self, owner: UserId) -> None:
        """Deletes all of an owner's segments."""

    def read(self, user_id: UserId, ids: Sequence[MemoryId]) -> Seen:
        """Memories of a canonical user by their ids."""
