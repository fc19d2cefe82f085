"""Memories that are read packed: found as if each was read by itself, and erased with the first that is."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

import pytest

from muxi.core.formation import Formation
from muxi.core.memory import packed as packed_module
from muxi.core.memory.edit_store import Edit
from muxi.core.memory.packed import HEAD, Packed
from muxi.core.memory.packing import AT_ONCE, WORTH, Packer
from muxi.core.memory.recall import MemoryIndex
from muxi.core.memory.segment_store import Seen, Segment
from muxi.core.memory.service import Draft
from muxi.core.memory.types import Hit, Memory
from muxi.errors import EmbeddingMismatchError
from muxi.ids import MemoryId, UserId
from muxi.storage import segment_pieces
from tests.conftest import TestClock
from tests.support.formations import open_formation
from tests.support.packing import pack, store_of, stored
from tests.support.vectors import WordVectors

SUBJECTS = ("tea", "rain", "violins", "Lisbon", "a walk on 3 May", "what do you think?", "茶", "the budget")


def tell(formation: Formation, who: str, count: int, *, start: int = 0) -> UserId:
    """Memories in sessions of five and in none, by two speakers; embedded."""
    user = formation.identities.resolve(who).id
    drafts = [
        Draft(
            f"{SUBJECTS[number % len(SUBJECTS)]} number{number} {'very ' * (number % 4)}good",
            {"speaker": ("Ann", "Ben")[number % 2], "n": number},
            importance=number % 5 / 4,
            session_id=f"s{number // 5}" if number % 7 else "",
        )
        for number in range(start, start + count)
    ]
    formation.memories.add(user, drafts)
    assert formation.memories.settled()
    return user


def found(formation: Formation, user: UserId) -> list[list[Hit]]:
    """What questions find, everything of each hit included, in an index that is read anew."""
    formation.memories.cache.clear()
    return [search(formation, user, question) for question in ("tea in Lisbon?", "what did Ann say on 3 May")]


def search(formation: Formation, user: UserId, question: str) -> list[Hit]:
    vector = WordVectors().vector(question)
    hits = formation.memories.search(user, question, vector, limit=1_000, explain=True)
    # The last bits of a sum depend on its order.
    return [replace(hit, features={name: round(value, 9) for name, value in hit.features.items()}) for hit in hits]  # type: ignore[union-attr]


class TestPacked:
    """What is found does not depend on how it was read."""

    def test_the_same_hits(self, formation: Formation) -> None:
        """Texts, scores and features are those of memories read one by one; so with some of them packed, and all."""
        user = tell(formation, "ann@x.org", 50)
        alone = found(formation, user)
        assert pack(formation, user) == 50
        assert found(formation, user) == alone
        tell(formation, "ann@x.org", 20, start=50)
        assert pack(formation, user) == 20
        tell(formation, "ann@x.org", 10, start=70)
        together = found(formation, user)
        store_of(formation).drop(user)
        assert found(formation, user) == together
        assert len(together[0]) == 80

    def test_what_changed_since(self, formation: Formation) -> None:
        """A memory that was edited, embedded again or superseded after it was packed is found as it is now."""
        user = tell(formation, "ann@x.org", 30)
        pack(formation, user)
        first, second, *_ = formation.memories.newest(user).items
        formation.edits.edit(user, first.id, Edit(text="quite another thing"))
        formation.edits.edit(user, second.id, Edit(importance=1.0, metadata={"speaker": "Cleo"}))
        assert formation.memories.settled()
        changed = found(formation, user)
        assert changed[0][0] and {hit.memory.text for hit in changed[0]} >= {"quite another thing"}
        pack(formation, user)
        assert found(formation, user) == changed
        store_of(formation).drop(user)
        assert found(formation, user) == changed

    def test_a_condition(self, formation: Formation) -> None:
        """A search that refuses memories shows each to the condition, texts and metadata included."""
        user = tell(formation, "ann@x.org", 40)

        def even(memory: Memory) -> bool:
            return bool(memory.text) and memory.metadata["n"] % 2 == 0

        def kept() -> list[Hit]:
            formation.memories.cache.clear()
            return formation.memories.search(user, "tea", WordVectors().vector("tea"), limit=50, keep=even)

        alone = kept()
        pack(formation, user)
        assert kept() == alone
        assert len(alone) == 20

    def test_expiry(self, formation: Formation, clock: TestClock) -> None:
        """A packed memory is not recalled any more when it has expired."""
        user = tell(formation, "ann@x.org", 5)
        formation.memories.add(user, [Draft("soon over", expires_in=timedelta(seconds=5))])
        assert formation.memories.settled()
        pack(formation, user)
        assert "soon over" in {hit.text for hit in found(formation, user)[0]}
        clock.move(6)
        assert "soon over" not in {hit.text for hit in search(formation, user, "soon")}
        assert "soon over" not in {hit.text for hit in found(formation, user)[0]}

    def test_merged_users(self, formation: Formation) -> None:
        """The packed memories of those who were merged are found together, and apart again after the split."""
        ann, ben = tell(formation, "ann@x.org", 12), tell(formation, "ben@x.org", 12, start=12)
        pack(formation, ann)
        pack(formation, ben)
        of_ann = found(formation, ann)
        merge = formation.merges.merge([ann, ben], into=ann)
        assert len(found(formation, ann)[0]) == 24
        formation.merges.split(merge.id)
        assert found(formation, ann) == of_ann
        assert len(found(formation, ben)[0]) == 12

    def test_another_version_of_this_program(self, formation: Formation, monkeypatch: pytest.MonkeyPatch) -> None:
        """Segments that it cannot read are passed over, and made anew."""
        user = tell(formation, "ann@x.org", WORTH)
        alone, [[upto, held]] = found(formation, user), store_of(formation).sizes(user)
        assert held == WORTH
        monkeypatch.setattr(packed_module, "FORMAT", 2)
        assert found(formation, user) == alone
        assert formation.memories.settled()
        anew, data = stored(formation, user)
        assert anew == [upto] and Packed.read([data[:HEAD]], [data]) is not None
        assert store_of(formation).sizes(user) == [(upto, WORTH)]


class TestPieces:
    """A user's segments are read piece by piece."""

    @pytest.mark.parametrize("few", [0, 4096])
    @pytest.mark.parametrize("size", [1_000, 65_536])
    def test_any_size(self, formation: Formation, monkeypatch: pytest.MonkeyPatch, size: int, few: int) -> None:
        """Heads first, and all bytes in their order, however long the pieces are and whether they are read at once; the
        same hits."""
        user = tell(formation, "ann@x.org", 30)
        pack(formation, user)
        tell(formation, "ann@x.org", 20, start=30)
        pack(formation, user)
        alone, (upto, whole) = found(formation, user), stored(formation, user)
        monkeypatch.setattr(segment_pieces, "PIECE", size)
        monkeypatch.setattr(segment_pieces, "FEW", few)
        with store_of(formation).stored(user) as segments:
            pieces = list(segments.pieces)
        assert max(map(len, pieces)) <= size and b"".join(pieces) == whole
        assert segments.upto == upto == [found for found, _ in store_of(formation).sizes(user)] and len(upto) == 2
        assert [len(head) for head in segments.heads] == [HEAD, HEAD]
        assert segments.heads[0] == whole[:HEAD] and whole.count(segments.heads[1]) == 1
        assert found(formation, user) == alone

    def test_after_a_version(self, formation: Formation) -> None:
        """Only what was written later, to be joined with nothing else."""
        user = tell(formation, "ann@x.org", 5)
        pack(formation, user)
        tell(formation, "ann@x.org", 5, start=5)
        pack(formation, user)
        (first, second), whole = stored(formation, user)
        with store_of(formation).stored(user, first) as segments:
            assert segments.upto == [second] and whole.endswith(b"".join(segments.pieces))
        with store_of(formation).stored(user, second) as segments:
            assert (segments.upto, segments.heads, list(segments.pieces)) == ([], [], [])

    def test_not_read_to_the_end(self, formation: Formation, monkeypatch: pytest.MonkeyPatch) -> None:
        """Whoever stops before, or fails, leaves the database as usable as before."""
        user = tell(formation, "ann@x.org", 30)
        pack(formation, user)
        whole = stored(formation, user)
        monkeypatch.setattr(segment_pieces, "PIECE", 1_000)
        monkeypatch.setattr(segment_pieces, "FEW", 0)
        with store_of(formation).stored(user) as segments:
            assert len(segments.upto) == 1
        with suppress(ZeroDivisionError), store_of(formation).stored(user) as segments:
            assert len(next(iter(segments.pieces))) // 0
        assert stored(formation, user) == whole
        formation.memories.delete(user, formation.memories.newest(user).items[0].id)
        assert stored(formation, user) == ([], b"")


class TestIds:
    """That ids are looked up only when they are asked for is not seen from outside."""

    def test_changed_after_the_first_search(self, formation: Formation) -> None:
        """What is edited, deleted and added after a search of what is packed is found as if all were read anew."""
        user = tell(formation, "ann@x.org", 30)
        pack(formation, user)
        assert len(found(formation, user)[0]) == 30
        first, second, *_ = formation.memories.newest(user).items
        formation.edits.edit(user, first.id, Edit(text="quite another thing"))
        formation.edits.edit(user, second.id, Edit(importance=1.0))
        tell(formation, "ann@x.org", 5, start=30)
        questions = ("tea in Lisbon?", "what did Ann say on 3 May")
        now = [search(formation, user, question) for question in questions]
        assert now == found(formation, user) and len(now[0]) == 35
        assert [hit.memory.text for hit in now[0]].count("quite another thing") == 1


class TestPacker:
    """Who packs, and when."""

    def test_behind_the_answers(self, formation: Formation) -> None:
        """As soon as nothing waits to be embedded; few memories are left alone."""
        user = tell(formation, "ann@x.org", WORTH - 1)
        assert store_of(formation).sizes(user) == []
        tell(formation, "ann@x.org", 1, start=WORTH)
        assert [held for _, held in store_of(formation).sizes(user)] == [WORTH]

    def test_few_segments(self, formation: Formation) -> None:
        """Those of like size become one, and what they held twice is held once."""
        user = tell(formation, "ann@x.org", WORTH)
        for turn in range(1, 9):
            tell(formation, "ann@x.org", WORTH, start=turn * WORTH)
        sizes = [held for _, held in store_of(formation).sizes(user)]
        assert sum(sizes) == 9 * WORTH and len(sizes) <= 3
        changed = formation.memories.newest(user, limit=WORTH).items
        for memory in changed:
            formation.edits.edit(user, memory.id, Edit(importance=0.25))
        alone = found(formation, user)
        assert formation.memories.settled()
        assert found(formation, user) == alone

    def test_what_was_read_before_there_were_any(self, formation: Formation) -> None:
        """Whoever reads many memories that are not packed has them packed."""
        user = tell(formation, "ann@x.org", WORTH + 10)
        store_of(formation).drop(user)
        alone = found(formation, user)
        assert formation.memories.settled()
        assert [held for _, held in store_of(formation).sizes(user)] == [WORTH + 10]
        assert found(formation, user) == alone

    def test_steps(self, formation: Formation) -> None:
        """So many at once; a step that finds nothing says so."""
        user = tell(formation, "ann@x.org", WORTH)
        packer = Packer(store_of(formation))
        assert not packer.step()
        store_of(formation).drop(user)
        packer.changed(user, AT_ONCE)
        assert packer.step()
        assert [held for _, held in store_of(formation).sizes(user)] == [WORTH]


class TestErasure:
    """What is deleted is in no segment, from that transaction on."""

    @pytest.mark.parametrize("how", ["delete", "delete_data", "delete_old", "erase", "sweep"])
    def test_every_way(self, formation: Formation, clock: TestClock, how: str) -> None:
        """Another user's stay."""
        user, other = tell(formation, "ann@x.org", 10), tell(formation, "ben@x.org", 10)
        formation.memories.add(user, [Draft("soon over", expires_in=timedelta(seconds=5))])
        assert formation.memories.settled()
        pack(formation, user)
        pack(formation, other)
        if how == "delete":
            formation.memories.delete(user, formation.memories.newest(user).items[0].id)
        elif how == "delete_data":
            formation.deletion.delete_data(user)
        elif how == "delete_old":
            formation.deletion.delete_data(user, clock() + timedelta(days=1))
        elif how == "erase":
            formation.privacy.erase(user)
        else:
            clock.move(6)
            assert formation.sweeper.sweep()
        assert store_of(formation).sizes(user) == []
        assert [held for _, held in store_of(formation).sizes(other)] == [10]

    def test_packed_while_it_was_deleted(self, formation: Formation) -> None:
        """What was read before a deletion cannot be stored after it."""
        user = tell(formation, "ann@x.org", 10)
        store = store_of(formation)
        read = store.unpacked(user, 0, 100)
        segment = Packed.of(read.memories)
        assert segment is not None
        formation.memories.delete(user, read.memories[0].id)
        assert not store.keep(user, Segment(read.upto, len(segment), segment.written()), read.floor)
        assert store.sizes(user) == []

    def test_deleted_while_it_is_searched(self, formation: Formation) -> None:
        """A packed memory that is deleted before its text is read is no hit."""
        user = tell(formation, "ann@x.org", 10)
        pack(formation, user)
        formation.memories.cache.clear()
        index = formation.memories.cache.index(user)
        gone = formation.memories.newest(user).items[0]
        formation.memories.delete(user, gone.id)
        read, store = list[Memory](), store_of(formation)

        def reading(ids: Sequence[MemoryId]) -> list[Memory]:
            read.extend(store.read(user, ids).memories)
            return read

        hits = index.search("tea", None, limit=20, now=formation.clock(), read=reading)
        assert len(read) == 9
        assert len(hits) == 9 and gone.id not in {hit.memory.id for hit in hits}

    def test_no_text(self, formation: Formation) -> None:
        """A segment holds neither words nor names."""
        user = tell(formation, "ann@x.org", 10)
        pack(formation, user)
        _, data = stored(formation, user)
        assert len(data) > HEAD
        for word in ("violin", "lisbon", "number"):  # shorter ones stand in ids by chance
            assert word.encode() not in data.lower(), word


class TestIsolation:
    """A user's segments are that user's."""

    def test_nobody_else_reads_them(self, formation: Formation, database_url: str, clock: TestClock) -> None:
        """Neither another user, nor another formation, nor by a guessed id."""
        user, other = tell(formation, "ann@x.org", 5), tell(formation, "ben@x.org", 5)
        pack(formation, user)
        ids = [memory.id for memory in formation.memories.newest(user).items]
        store = store_of(formation)
        assert len(store.read(user, ids).memories) == 5
        assert store.read(other, ids).memories == [] and stored(formation, other) == ([], b"")
        abroad = open_formation(database_url, clock, "g")
        elsewhere = store_of(abroad)
        assert elsewhere.read(user, ids) == Seen([], {}) and elsewhere.sizes(user) == []
        assert stored(abroad, user) == ([], b"")
        elsewhere.drop(user)
        assert not elsewhere.unpacked(user, 0, 10).memories
        assert len(stored(formation, user)[0]) == 1
        abroad.close()


def test_another_dimension(formation: Formation) -> None:
    """Packed vectors of another size than those of an index are refused."""
    user = tell(formation, "ann@x.org", 3)
    memories = formation.storage.for_formation(formation.id, formation.clock()).memory.since(user, 0)
    packed = Packed.of(memories)
    assert packed is not None
    index = MemoryIndex()
    index.put([replace(memories[0], vector=WordVectors().vector("tea")[:3], window=None)])
    with pytest.raises(EmbeddingMismatchError):
        index.load(packed)
    assert Packed.of([*memories, replace(memories[0], vector=WordVectors().vector("tea")[:3])]) is None
