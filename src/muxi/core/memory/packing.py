"""Packs users' memories behind the answers, so that whoever searches them first reads them at once."""

from __future__ import annotations

import threading

from muxi.core.memory.packed import Packed
from muxi.core.memory.segment_store import Segment, SegmentStore
from muxi.ids import UserId

#: So many memories that are in no segment are worth one.
WORTH = 64
#: So many memories are packed at once,
AT_ONCE = 1_000
#: and so many stand in one segment at most. Two that follow each other become one if the first is not much longer.
LONGEST = 16_384
_LONGER = 2


class Packer:
    """Owners whose memories wait to be packed, and the packing, one step after the other.

    Nothing is lost if a step is not made: whoever reads the memories finds it worth one again.

    Args:
        store: bound to the formation.
    """

    def __init__(self, store: SegmentStore) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._loose: dict[UserId, int] = {}
        self._spoiled: set[UserId] = set()

    def changed(self, owner: UserId, count: int) -> None:
        """So many more memories of an owner are in no segment."""
        with self._lock:
            self._loose[owner] = self._loose.get(owner, 0) + count

    def found(self, owner: UserId, count: int) -> bool:
        """So many memories of an owner are in no segment; whether they are worth one."""
        with self._lock:
            self._loose[owner] = count
        return count >= WORTH

    def spoiled(self, owner: UserId) -> None:
        """An owner's segments cannot be read: they are of another version of this program."""
        with self._lock:
            self._spoiled.add(owner)

    def step(self) -> bool:
        """Packs some memories of one owner; False if nobody's are worth it.

        Raises:
            StorageError: the database failed.
        """
        with self._lock:
            owner = next((owner for owner, loose in self._loose.items() if loose >= WORTH), None)
            if owner is None:
                return False
            waiting = self._loose.pop(owner)
            spoiled = owner in self._spoiled
            self._spoiled.discard(owner)
        if spoiled:
            self._store.drop(owner)
        if (packed := self._pack(owner)) and waiting > packed:
            self.changed(owner, waiting - packed)
        return True

    def _pack(self, owner: UserId) -> int:
        sizes = self._store.sizes(owner)
        found = self._store.unpacked(owner, sizes[-1][0] if sizes else 0, AT_ONCE)
        packed = Packed.of(found.memories) if len(found.memories) >= WORTH else None
        if packed is None:
            return 0
        if not self._store.keep(owner, Segment(found.upto, len(packed), packed.written()), found.floor):
            return 0
        self._join(owner, [*sizes, (found.upto, len(packed))], found.floor)
        return len(packed)

    def _join(self, owner: UserId, sizes: list[tuple[int, int]], floor: int) -> None:
        """Joins the last segments, so that there are few: each is more than twice as long as the next."""
        count, first = sizes[-1][1], len(sizes) - 1
        while first and sizes[first - 1][1] <= _LONGER * count and sizes[first - 1][1] + count <= LONGEST:
            first -= 1
            count += sizes[first][1]
        wanted = [upto for upto, _ in sizes[first:]]
        if len(wanted) < 2:
            return
        with self._store.stored(owner, sizes[first - 1][0] if first else 0) as stored:
            joined = Packed.read(stored.heads, stored.pieces) if stored.upto == wanted else None
        if joined is not None:
            joined = joined.newest()
            self._store.keep(owner, Segment(wanted[-1], len(joined), joined.written()), floor, wanted)
