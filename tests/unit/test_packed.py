"""Blocks of packed memories, read as one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from datetime import UTC, datetime

import numpy as np
import pytest
from numpy.typing import NDArray

from muxi.core.memory import packed as packed_module
from muxi.core.memory.packed import HEAD, Packed
from muxi.core.memory.types import SAID, SPEAKER, Memory
from muxi.ids import MemoryId

NOW = datetime(2026, 5, 3, tzinfo=UTC)


def memory(number: int, dimension: int = 5) -> Memory:
    vector = np.random.default_rng(number).standard_normal(dimension).astype(np.float32) if dimension else None
    return Memory(
        id=MemoryId(f"mem_{number:026d}"),
        user_id=None,
        text=f"tea on {number % 28 + 1} May and word{number}",
        kind=SAID,
        importance=number / 100,
        channel="api",
        agent_id="",
        session_id=f"s{number // 3}",
        seq=number,
        said_at=NOW,
        created_at=NOW,
        metadata={SPEAKER: "Ann"},
        vector=vector,
        window=vector,
        superseded=number % 4 == 3,
    )


def packed(memories: Sequence[Memory]) -> Packed:
    made = Packed.of(memories)
    assert made is not None
    return made


def block(memories: Sequence[Memory]) -> bytes:
    return packed(memories).written()


def read(*blocks: bytes, size: int = 1 << 20) -> Packed | None:
    """Blocks in pieces of a size."""
    whole = b"".join(blocks)
    return Packed.read([one[:HEAD] for one in blocks], (whole[at : at + size] for at in range(0, len(whole), size)))


def columns(of: Packed | None) -> dict[str, NDArray[np.generic]]:
    assert of is not None
    found = {one.name: getattr(of, one.name) for one in fields(of)}
    # Sorted where they are added to an index; and a speaker's words stand once in each block.
    found["entries"] = np.sort(found["entries"])
    for name in ("speakers", "speaker_terms"):
        found[name] = np.unique(found[name])
    return found


def same(one: Packed | None, other: Packed | None) -> bool:
    ours, theirs = columns(one), columns(other)
    return all(
        np.array_equal(ours[name], theirs[name])
        and ours[name].dtype == theirs[name].dtype
        and ours[name].shape == theirs[name].shape
        for name in ours
    )


@pytest.mark.parametrize("size", [1, 7, HEAD, 1000, 1 << 20])
def test_blocks_as_one(size: int) -> None:
    """Memories that are packed in several blocks are read as if they had been packed at once, in pieces of any size."""
    memories = [memory(number) for number in range(23)]
    assert same(read(block(memories[:10]), block(memories[10:11]), block(memories[11:]), size=size), packed(memories))
    assert same(read(block(memories), size=size), packed(memories))


def test_a_block_without_vectors() -> None:
    """Its memories have none, wherever it stands; the others have theirs."""
    memories = [memory(number, 5 if 4 <= number < 8 or number >= 12 else 0) for number in range(16)]
    assert same(read(*(block(memories[at : at + 4]) for at in range(0, 16, 4))), packed(memories))
    bare = read(block(memories[:4]), block(memories[8:12]))
    assert bare is not None and bare.dimension == 0 and bare.vectors.shape == bare.windows.shape == (8, 0)


def test_blocks_that_are_of_no_use(monkeypatch: pytest.MonkeyPatch) -> None:
    """Vectors of two sizes, and a block of another version of this program among others."""
    ours = block([memory(1)])
    assert read(ours, block([memory(2, 6)])) is None
    monkeypatch.setattr(packed_module, "FORMAT", 2)
    theirs = block([memory(2)])
    assert read(ours) is None and read(theirs) is not None
    assert read(ours, theirs) is None and read(theirs, ours) is None


def test_a_block_that_is_cut_off() -> None:
    """It is not read as if zeros followed."""
    whole = block([memory(1), memory(2)])
    with pytest.raises(ValueError, match="shorter"):
        Packed.read([whole[:HEAD]], [whole[:-1]])
