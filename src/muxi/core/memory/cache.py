"""Ranked indexes of the users who were searched last, bounded in bytes, never older than the store."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TypeGuard

import numpy as np

from muxi.core.memory.endings import Endings
from muxi.core.memory.packed import Packed
from muxi.core.memory.packing import Packer
from muxi.core.memory.recall import MemoryIndex, Read
from muxi.core.memory.segment_store import SegmentStore
from muxi.core.memory.sizes import object_bytes
from muxi.core.memory.store import SHARED, MemoryStore, Version
from muxi.core.memory.types import Hit, Memory
from muxi.ids import MemoryId, UserId

#: How far each user's memories are, of whom an owner is made.
Versions = Mapping[UserId | None, Version]
#: A search in an index, given what reads those of its memories that nobody has seen yet.
Find = Callable[[MemoryIndex, Read], list[Hit]]

DEFAULT_BYTES = 128 * 1024 * 1024
AT_HAND = 5000
#: What an owner's index takes beside what it holds, and the objects of each memory in it, measured: a process that
#: held 401 owners of 100 memories grew by about half more than their arrays.
ENTRY_BYTES, MEMORY_BYTES = 6 * 1024, 1536


@dataclass(frozen=True, slots=True)
class Packing:
    """What a cache needs to read packed memories.

    Attributes:
        store: of the same formation.
        packer: told of owners whose memories are worth packing.
        wake: called when there is one.
    """

    store: SegmentStore
    packer: Packer
    wake: Callable[[], None]


@dataclass(slots=True)
class _Entry:
    index: MemoryIndex = field(default_factory=MemoryIndex)
    endings: Endings = field(default_factory=Endings)
    #: For each user that the owner is made of, the version up to which the index holds it, with what waits.
    read: dict[UserId | None, int] = field(default_factory=dict)
    #: Stored here, and put into the index when it is next wanted: together with what else is new by then.
    waiting: list[Memory] = field(default_factory=list)
    #: Whether nothing was new when the store was last asked.
    calm: bool = False
    lock: threading.Lock = field(default_factory=threading.Lock)
    nbytes: int = 0


@dataclass(frozen=True, slots=True)
class _Held:
    """An owner's index, and of each user the version up to which it is theirs."""

    index: MemoryIndex
    read: Mapping[UserId | None, int]


@dataclass(slots=True)
class _Reading:
    """Reads what memories say that an index holds packed.

    Attributes:
        versions: how far the store was when it last read; ``None``: it did not.
    """

    store: SegmentStore
    user_id: UserId
    versions: Versions | None = None

    def __call__(self, ids: Sequence[MemoryId]) -> Iterable[Memory]:
        seen = self.store.read(self.user_id, ids)
        self.versions = seen.versions
        return seen.memories


class IndexCache:
    """One `MemoryIndex` an owner.

    Each look-up reads the owner's version (one row) and then only what was written since.

    Args:
        store: bound to the formation.
        max_bytes: the bound on all indexes together; the least recently used go first.
        packing: if memories are packed.
    """

    def __init__(self, store: MemoryStore, max_bytes: int = DEFAULT_BYTES, packing: Packing | None = None) -> None:
        self._store = store
        self._packing = packing
        self.max_bytes = max_bytes
        self._entries: OrderedDict[UserId | None, _Entry] = OrderedDict()
        self._lock = threading.Lock()
        self._nbytes = 0

    def search(self, user_id: UserId | None, find: Find, now: datetime, versions: Versions | None = None) -> list[Hit]:
        """What is found in an owner's index, which is as the store is at a moment of this call.

        Where nothing was new last time, what is held is searched before the store is asked how far it is: it tells
        together with what the hits say, which is one round trip instead of two. If something is new, the search is
        made again.

        Args:
            user_id: the owner.
            find: makes the search.
            now, versions: as of `index`.
        """
        reading = self._reading(user_id)
        if reading is None:
            return find(self.index(user_id, now, versions), lambda _: ())
        if versions is None and (held := self._held(reading.user_id, now)):
            hits = find(held.index, reading)
            versions = reading.versions or self._store.versions(user_id)
            if held.read == {owner: version.version for owner, version in versions.items()}:
                return hits
        return find(self.index(user_id, now, versions), reading)

    def index(
        self, user_id: UserId | None, now: datetime | None = None, versions: Versions | None = None
    ) -> MemoryIndex:
        """The owner's index, as the store is now, without what has expired by ``now``.

        ``versions`` are the store's of this moment, where they are known; else they are looked up.
        """
        entry = self._entry(user_id)
        with entry.lock:
            self._refresh(entry, self._store.versions(user_id) if versions is None else versions)
            _put_in(entry, now)
            index = entry.index
        self._account(user_id, entry)
        return index

    def written(self, memory: Memory, version: int) -> None:
        """Keeps what was just stored for its owner's index, if that is there and has missed nothing before it."""
        entry = self._entries.get(memory.user_id)
        if entry is None:
            return
        with entry.lock:
            if entry.read.get(memory.user_id) == version - 1:
                entry.waiting.append(memory)
                entry.read[memory.user_id] = version
        # Here, too: who speaks once and never comes back is searched for before there is anything to hold.
        self._account(memory.user_id, entry)

    def is_at_hand(self, user_id: UserId | None) -> bool:
        """Whether `index` and a search in it are a matter of a few milliseconds: read before, and not large."""
        entry = self._entries.get(user_id)
        return entry is not None and len(entry.index) <= AT_HAND

    @property
    def nbytes(self) -> int:
        """Bytes held now."""
        return self._nbytes

    def __len__(self) -> int:
        return len(self._entries)

    def forget(self, user_ids: Iterable[UserId]) -> None:
        """Forgets the indexes of these users."""
        with self._lock:
            for user_id in user_ids:
                entry = self._entries.pop(user_id, None)
                self._nbytes -= entry.nbytes if entry else 0

    def clear(self) -> None:
        """Forgets every index."""
        with self._lock:
            self._entries.clear()
            self._nbytes = 0

    def _entry(self, user_id: UserId | None) -> _Entry:
        with self._lock:
            entry = self._entries.get(user_id) or self._entries.setdefault(user_id, _Entry())
            self._entries.move_to_end(user_id)
        return entry

    def _held(self, user_id: UserId, now: datetime) -> _Held | None:
        """An owner's index as it is here, if it is likely to be right."""
        entry = self._entry(user_id)
        with entry.lock:
            if not entry.calm:
                return None
            _put_in(entry, now)
            held = _Held(entry.index, dict(entry.read))
        self._account(user_id, entry)
        return held

    def _refresh(self, entry: _Entry, versions: Versions) -> None:
        lost = entry.read.keys() - versions.keys()
        purged = any(entry.read.get(owner, now.floor) < now.floor for owner, now in versions.items())
        if lost or purged:
            entry.index, entry.endings, entry.read, entry.waiting = MemoryIndex(), Endings(), {}, []
        entry.calm = True
        for owner, now in versions.items():
            if entry.read.get(owner, 0) < now.version:
                entry.calm = False
                after = entry.read.get(owner) or self._load(owner, entry)
                written = self._store.since(owner, after)
                if owner not in entry.read:
                    self._pack_later(owner, len(written))
                entry.waiting += written
            entry.read[owner] = now.version

    def _reading(self, user_id: UserId | None) -> _Reading | None:
        """Reads an owner's packed memories; ``None``: they are never packed."""
        if self._packing is None or not _has_packed(user_id):
            return None
        return _Reading(self._packing.store, user_id)

    def _load(self, owner: UserId | None, entry: _Entry) -> int:
        """Puts what is packed of an owner into an index, and returns up to which version that is; 0: nothing."""
        if self._packing is None or not _has_packed(owner):
            return 0
        with self._packing.store.stored(owner) as stored:
            if not stored.upto:
                return 0
            packed = Packed.read(stored.heads, stored.pieces)
        if packed is None:
            self._packing.packer.spoiled(owner)
            return 0
        entry.index.load(packed)
        for row in np.flatnonzero(np.isfinite(packed.ends) & ~packed.gone):
            ends = datetime.fromtimestamp(float(packed.ends[row]), UTC)
            entry.endings.note(MemoryId(packed.ids[row].decode()), ends)
        return stored.upto[-1]

    def _pack_later(self, owner: UserId | None, loose: int) -> None:
        if self._packing is not None and _has_packed(owner) and self._packing.packer.found(owner, loose):
            self._packing.wake()

    def _account(self, user_id: UserId | None, entry: _Entry) -> None:
        with self._lock:
            if self._entries.get(user_id) is not entry:
                return
            nbytes = entry.index.nbytes + ENTRY_BYTES + MEMORY_BYTES * len(entry.index)
            nbytes += sum(map(_bytes, entry.waiting))
            self._nbytes += nbytes - entry.nbytes
            entry.nbytes = nbytes
            # The one in use stays, even if it alone is over the bound.
            while self._nbytes > self.max_bytes and len(self._entries) > 1:
                _, oldest = self._entries.popitem(last=False)
                self._nbytes -= oldest.nbytes


def _has_packed(owner: UserId | None) -> TypeGuard[UserId]:
    """Whether an owner's memories may be packed: a user's, and a team's."""
    return owner is not None and owner != SHARED


def _put_in(entry: _Entry, now: datetime | None) -> None:
    """Puts what waits into the index, of each memory as it was written last, and takes out what has expired."""
    if entry.waiting:
        new = {memory.id: memory for memory in entry.waiting}.values()
        entry.index.remove(memory.id for memory in new if memory.superseded)
        entry.index.put(memory for memory in new if not memory.superseded)
        entry.endings.put(new)
        entry.waiting.clear()
    if now is not None and (expired := entry.endings.take(now)):
        entry.index.remove(expired)


def _bytes(memory: Memory) -> int:
    return object_bytes(memory) + (0 if memory.vector is None else memory.vector.nbytes)
