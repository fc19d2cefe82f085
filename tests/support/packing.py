"""Memories packed at once, however few they are."""

from __future__ import annotations

from muxi.core.formation import Formation
from muxi.core.memory.packed import Packed
from muxi.core.memory.segment_store import Segment, SegmentStore
from muxi.ids import UserId


def store_of(formation: Formation) -> SegmentStore:
    found = formation.storage.for_formation(formation.id, formation.clock()).segments
    assert found is not None
    return found


def stored(formation: Formation, owner: UserId) -> tuple[list[int], bytes]:
    """Up to which versions a user's segments are, and all their bytes."""
    with store_of(formation).stored(owner) as found:
        return list(found.upto), b"".join(found.pieces)


def pack(formation: Formation, owner: UserId) -> int:
    """Packs what is in no segment of a user yet, and returns how many memories that were."""
    store = store_of(formation)
    sizes = store.sizes(owner)
    found = store.unpacked(owner, sizes[-1][0] if sizes else 0, 1_000)
    packed = Packed.of(found.memories)
    assert packed is not None
    assert store.keep(owner, Segment(found.upto, len(packed), packed.written()), found.floor)
    return len(packed)
