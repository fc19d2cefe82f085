"""What is MongoDB's own: indexes, vectors, writes that are broken off, and a server that goes away."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bson.binary import VECTOR_SUBTYPE, BinaryVectorDtype
from pymongo import errors as mongo

from muxi.core.memory.context import Context
from muxi.core.memory.edit_store import Edit
from muxi.core.memory.store import EmbeddingSpace, Unembedded
from muxi.core.memory.types import NOTE, Memory
from muxi.errors import (
    SettingsError,
    StorageBusyError,
    StorageConflictError,
    StorageError,
    StorageFullError,
    StorageUnavailableError,
    UserNotFoundError,
)
from muxi.ids import UserId, new_memory_id, new_user_id
from muxi.storage.mongo import owners as owning
from muxi.storage.mongo.connection import FACT_INDEXES, MEMORY_INDEXES, OWNER_INDEXES, MongoDatabase
from muxi.storage.mongo.documents import micros, moment
from muxi.storage.mongo.errors import translated
from muxi.storage.mongo.forgetting import Forgetting
from muxi.storage.mongo.open import MongoStores, mongo_stores, open_mongo
from tests.conftest import TestClock
from tests.support.mongo import MongoServer

ANN, BOB = UserId(new_user_id()), UserId(new_user_id())
NOW = datetime(2026, 1, 1, 12, 0, 0, 123456, tzinfo=UTC)


@dataclass
class People:
    """Who was merged into whom; as the users' own database would know."""

    groups: dict[UserId, list[UserId]]

    def members(self, user_id: UserId) -> list[UserId]:
        return self.groups.get(user_id, [user_id])


@pytest.fixture
def people() -> People:
    return People({})


@pytest.fixture
def stores(mongo_database: MongoDatabase, people: People) -> MongoStores:
    return mongo_stores(mongo_database, "f", people.members)


@pytest.fixture
def ends(mongo_database: MongoDatabase, stores: MongoStores) -> Forgetting:
    return Forgetting(mongo_database, "f", stores.owners)


def memory(user_id: UserId | None, text: str, **more: Any) -> Memory:
    made = Memory(new_memory_id(), user_id, text, NOTE, 0.5, "api", "", "", 0, NOW, NOW)
    return replace(made, **more)


def texts(stores: MongoStores, user_id: UserId | None) -> set[str]:
    return {one.text for one in stores.memory.newest(user_id, "mem_~", 100)}  # type: ignore[arg-type]


def known(stores: MongoStores, user_id: UserId) -> dict[str, Any]:
    return {entry.path: entry.value for entry in stores.facts.entries(user_id)}


def write_while(stores: MongoStores, database: MongoDatabase, happens: Callable[[], object]) -> None:
    """Ann's memory is written, and something happens before it counts."""
    with stores.owners.holding(ANN) as held:
        happens()
        late = new_memory_id()
        held.inserted.append(late)
        database.memories.insert_one({"_id": late, "formation_id": "f", "user_id": ANN, "born": 9, "version": 9})
        stores.owners.commit_memories(held, 1)


class TestDocuments:
    """What is stored, as it is stored."""

    def test_every_index_is_there(self, mongo_database: MongoDatabase) -> None:
        """Made at the start; each begins with the formation."""
        for collection, wanted in (
            (mongo_database.memories, MEMORY_INDEXES),
            (mongo_database.facts, FACT_INDEXES),
            (mongo_database.owners, OWNER_INDEXES),
        ):
            there = collection.index_information()
            for index in wanted:
                keys = there[index.document["name"]]["key"]
                assert keys == list(index.document["key"].items()) and keys[0][0] == "formation_id"

    def test_vectors_are_binary_float32(self, stores: MongoStores, mongo_database: MongoDatabase) -> None:
        """BSON's own vectors, bit for bit what they were, and read-only numbers of one type when read."""
        vector = np.array([0.1, -1e-30, 1.0, 3.4e38], dtype=np.float32)
        made = stores.memory.add([memory(ANN, "x", vector=vector)], None, "m")[0]
        raw = mongo_database.memories.find_one({"_id": made.id})["embedding"]  # type: ignore[index]
        assert raw.subtype == VECTOR_SUBTYPE and raw.as_vector().dtype == BinaryVectorDtype.FLOAT32
        assert len(raw) == 2 + 4 * 4
        read = stores.memory.since(ANN, 0)[0].vector
        assert read is not None and read.dtype == np.float32 and read.tobytes() == vector.tobytes()

    @pytest.mark.parametrize("metadata", [{"$where": "1"}, {"a.b": 1}, {"user_id": BOB}, {"formation_id": "g"}])
    def test_no_key_of_metadata_means_anything(
        self, stores: MongoStores, mongo_database: MongoDatabase, metadata: dict[str, Any]
    ) -> None:
        """Neither an operator nor a field of the document: stored, changed and read as it is, and whose it was."""
        made = stores.memory.add([memory(ANN, "x", metadata=metadata)], None, "m")[0]
        stores.edits.edit(ANN, made.id, Edit(metadata={**metadata, "$set": {"user_id": BOB}}), NOW)
        again = stores.edits.get(ANN, made.id)
        assert again is not None and again.metadata == {**metadata, "$set": {"user_id": BOB}}
        assert [was.metadata for was in stores.edits.revisions(ANN, made.id)] == [metadata]
        stored = mongo_database.memories.find_one({"_id": made.id})
        assert stored is not None and (stored["formation_id"], stored["user_id"]) == ("f", ANN)
        assert stores.edits.get(BOB, made.id) is None and texts(stores, BOB) == set()

    @pytest.mark.parametrize("value", [{"$where": 1}, {"a.b": {"$set": 1}}, [{"$ne": None}], 2**200, 1.5, True, None])
    def test_a_value_of_the_context_is_any_json(self, stores: MongoStores, clock: TestClock, value: Any) -> None:
        """Whatever it holds, it comes back as it was."""
        Context(stores.facts, clock).set(ANN, "x", [value])
        assert Context(stores.facts, clock).get(ANN) == {"x": [value]}

    @pytest.mark.parametrize("at", [NOW, datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)])
    def test_times_keep_their_microseconds(self, at: datetime) -> None:
        """From the year 1 to 9999: MongoDB's own times would lose them."""
        assert moment(micros(at)) == at

    def test_a_request_stores_once(self, stores: MongoStores) -> None:
        """The same key again returns what was stored; another user's same key is another request."""
        first = stores.memory.add([memory(ANN, "one"), memory(ANN, "two")], "key", "m")
        again = stores.memory.add([memory(ANN, "other")], "key", "m")
        assert [one.id for one in again] == [one.id for one in first]
        assert stores.memory.add([memory(BOB, "his")], "key", "m")[0].text == "his"

    def test_without_a_user_is_nobodys(self, stores: MongoStores) -> None:
        """The formation's own memories are found without a user only."""
        made = stores.memory.add([memory(None, "ours")], None, "m")[0]
        assert texts(stores, None) == {"ours"} and texts(stores, ANN) == set()
        assert stores.memory.delete(ANN, made.id) is False
        assert stores.memory.delete(None, made.id) is True and texts(stores, None) == set()

    def test_one_embedding_space(self, stores: MongoStores) -> None:
        """The first claim holds."""
        assert stores.memory.embedding_space() is None
        first = EmbeddingSpace("a", 2)
        assert stores.memory.claim_embedding_space(first) == first
        assert stores.memory.claim_embedding_space(EmbeddingSpace("b", 3)) == first
        stores.memory.change_embedding_space(EmbeddingSpace("b", 3))
        assert stores.memory.embedding_space() == EmbeddingSpace("b", 3)

    def test_a_vector_of_old_words_is_not_kept(self, stores: MongoStores) -> None:
        """Changed while it was embedded, a memory waits for the vector of its new words."""
        made = stores.memory.add([memory(ANN, "old")], None, "m")[0]
        waiting = stores.memory.unembedded(10)
        assert waiting == [Unembedded(made.id, ANN, "old")]
        stores.edits.edit(ANN, made.id, Edit(text="new"), NOW)
        stores.memory.set_vectors(waiting, np.ones((1, 2), dtype=np.float32), "m")
        assert stores.memory.unembedded(10) == [Unembedded(made.id, ANN, "new")]
        assert stores.memory.since(ANN, 0)[0].vector is None

    def test_windows_follow_what_is_said(self, stores: MongoStores) -> None:
        """Each with the two before it in its session; whoever holds the text of a deleted one is made anew."""
        vector = np.ones(2, dtype=np.float32)
        said = [memory(ANN, str(n), session_id="s", seq=n + 1, vector=vector) for n in range(4)]
        stores.memory.add(said, None, "m")
        waiting = stores.memory.unplaced(10)
        assert [one.before for one in waiting] == [(), ("0",), ("0", "1"), ("1", "2")]
        stores.memory.set_windows(waiting, np.ones((4, 2), dtype=np.float32), [np.zeros(3, dtype=np.int32)] * 4)
        assert stores.memory.unplaced(10) == []
        stores.memory.delete(ANN, said[1].id)
        assert [(one.text, one.before) for one in stores.memory.unplaced(10)] == [("2", ("0",)), ("3", ("0", "2"))]
        stale = replace(stores.memory.unplaced(1)[0], before=("0", "1"))
        stores.memory.set_windows([stale], np.ones((1, 2), dtype=np.float32), [np.zeros(3, dtype=np.int32)])
        assert len(stores.memory.unplaced(10)) == 2


class TestManyWriters:
    """One order for each user's writes, and all or nothing."""

    def test_no_write_is_lost_and_no_reader_misses_one(
        self, stores: MongoStores, mongo_database: MongoDatabase, people: People
    ) -> None:
        """Eight threads in two processes' worth of stores; a reader that goes by versions has all in the end."""
        other = mongo_stores(mongo_database, "f", people.members)
        seen: set[str] = set()
        done = threading.Event()

        def read() -> None:
            version = 0
            while True:
                last = done.is_set()
                now = stores.memory.versions(ANN)[ANN].version
                seen.update(one.id for one in stores.memory.since(ANN, version))
                version = now
                if last:
                    return

        def write(turn: int) -> str:
            return (stores, other)[turn % 2].memory.add([memory(ANN, str(turn))], None, "m")[0].id

        with ThreadPoolExecutor(9) as pool:
            reading = pool.submit(read)
            written = set(pool.map(write, range(40)))
            done.set()
            reading.result()
        assert seen == written and len(written) == 40
        assert sorted(one.seq for one in stores.memory.since(ANN, 0)) == list(range(1, 41))

    def test_contexts_are_written_whole(
        self, stores: MongoStores, mongo_database: MongoDatabase, people: People, clock: TestClock
    ) -> None:
        """Writers of two values that belong together, in two stores, and a reader: never one without the other."""
        contexts = [Context(one.facts, clock) for one in (stores, mongo_stores(mongo_database, "f", people.members))]
        done = threading.Event()

        def read() -> int:
            torn = 0
            while not done.is_set():
                found = contexts[0].get(ANN)
                torn += found.get("a") != found.get("b")
            return torn

        with ThreadPoolExecutor(5) as pool:
            reading = pool.submit(read)
            list(pool.map(lambda n: contexts[n % 2].merge(ANN, {"a": n, "b": n}), range(24)))
            done.set()
            assert reading.result() == 0
        assert len(stores.facts.live(ANN)) == 2
        assert len(stores.facts.history(ANN, "a", None, 200)) == 24

    def test_merged_users_are_read_by_their_members(
        self, stores: MongoStores, people: People, clock: TestClock
    ) -> None:
        """Nothing moves: a merge is who the members are, and so is its end."""
        context = Context(stores.facts, clock)
        stores.memory.add([memory(ANN, "hers")], None, "m")
        his = stores.memory.add([memory(BOB, "his")], None, "m")[0]
        context.merge(ANN, {"a": 1})
        context.merge(BOB, {"b": 2})
        people.groups = {ANN: [ANN, BOB], BOB: []}
        assert texts(stores, ANN) == {"hers", "his"} and known(stores, ANN) == {"a": 1, "b": 2}
        assert stores.edits.get(ANN, his.id) is not None and texts(stores, BOB) == set()
        with pytest.raises(UserNotFoundError):
            context.merge(BOB, {"c": 3})
        context.delete(ANN, "b", forget=True)
        people.groups = {}
        assert texts(stores, BOB) == {"his"} and known(stores, BOB) == {}


class TestBrokenOff:
    """A writer that ends in the middle."""

    @pytest.fixture(autouse=True)
    def _short_leases(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(owning, "LEASE_S", 0.2)

    def test_memories_that_never_counted_go(self, stores: MongoStores, mongo_database: MongoDatabase) -> None:
        """Half of them inserted, and the writer gone: nobody reads them, and the next one clears them away."""
        stores.memory.add([memory(ANN, "kept")], None, "m")
        key = {"_id": f"f/{ANN}"}
        template = mongo_database.memories.find_one({"user_id": ANN})
        assert template is not None
        mongo_database.owners.update_one(key, {"$set": {"lease": {"token": "gone", "until": 0.0}}})
        mongo_database.memories.insert_one(
            {**template, "_id": new_memory_id(), "text": "half", "born": 2, "version": 2}
        )
        assert texts(stores, ANN) == {"kept"}
        stores.memory.add([memory(ANN, "next")], None, "m")
        assert texts(stores, ANN) == {"kept", "next"}
        assert mongo_database.memories.count_documents({}) == 2

    def test_a_plan_that_was_put_down_is_carried_out(
        self, stores: MongoStores, mongo_database: MongoDatabase, clock: TestClock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The writer ends between the plan and the facts: whoever reads next sees all of it."""
        Context(stores.facts, clock).merge(ANN, {"a": 1})

        def crash(*given: object) -> None:
            raise KeyboardInterrupt

        with monkeypatch.context() as patched:
            patched.setattr(owning, "carry_out", crash)
            patched.setattr(owning.Owners, "_undo", lambda self, held: None)
            with pytest.raises(KeyboardInterrupt):
                Context(stores.facts, clock).merge(ANN, {"a": 2, "b": 3})
        assert known(stores, ANN) == {"a": 2, "b": 3}
        assert len(stores.facts.history(ANN, "a", None, 10)) == 2
        owner = mongo_database.owners.find_one({"_id": f"f/{ANN}"})
        assert owner is not None and "pending" not in owner and "lease" not in owner

    def test_what_is_refused_leaves_nothing(self, stores: MongoStores, clock: TestClock) -> None:
        """An error inside a write gives the user back at once, and nothing of it is kept."""
        context = Context(stores.facts, clock)

        def write() -> None:
            with stores.facts.writing(ANN) as writer:
                writer.forget("a")
                raise ValueError("mine")

        with pytest.raises(ValueError, match="mine"):
            write()
        context.merge(ANN, {"a": 1})
        assert known(stores, ANN) == {"a": 1}

    def test_a_lease_that_was_lost_keeps_nothing(self, stores: MongoStores, mongo_database: MongoDatabase) -> None:
        """A writer that slept through its lease is refused, and what it inserted goes."""

        def taken() -> None:
            mongo_database.owners.update_one({"_id": f"f/{ANN}"}, {"$set": {"lease.token": "another"}})

        with pytest.raises(StorageBusyError):
            write_while(stores, mongo_database, taken)
        assert mongo_database.memories.count_documents({}) == 0


class TestErased:
    """Who is erased stays erased."""

    def test_who_still_writes_is_refused(
        self, stores: MongoStores, ends: Forgetting, mongo_database: MongoDatabase, clock: TestClock
    ) -> None:
        """Also a writer that began before: nothing of it is left, and nothing of a person in what is."""
        stores.memory.add([memory(ANN, "sentinel")], None, "m")
        with pytest.raises(UserNotFoundError):
            write_while(stores, mongo_database, lambda: ends.erase([ANN], NOW))
        with pytest.raises(UserNotFoundError):
            stores.memory.add([memory(ANN, "late")], None, "m")
        with pytest.raises(UserNotFoundError):
            Context(stores.facts, clock).merge(ANN, {"a": 1})
        assert mongo_database.memories.count_documents({}) == 0
        left = json.dumps(list(mongo_database.owners.find()), default=str)
        assert "sentinel" not in left and ANN in left

    def test_a_sweep_looks_again(self, stores: MongoStores, ends: Forgetting, mongo_database: MongoDatabase) -> None:
        """What a writer that was killed left of an erased user is gone after the next sweep."""
        ends.erase([ANN], NOW)
        mongo_database.memories.insert_one({"_id": "x", "formation_id": "f", "user_id": ANN, "text": "sentinel"})
        assert ends.sweep_memories(NOW + timedelta(hours=1), datetime.min.replace(tzinfo=UTC), 10) == {}
        assert mongo_database.memories.count_documents({}) == 0

    def test_erased_twice(self, stores: MongoStores, ends: Forgetting) -> None:
        """The second time there is nothing."""
        stores.memory.add([memory(ANN, "x")], None, "m")
        assert ends.erase([ANN], NOW)["memories"] == 1
        assert set(ends.erase([ANN], NOW).values()) == {0}

    def test_old_facts_are_swept(self, stores: MongoStores, ends: Forgetting, clock: TestClock) -> None:
        """Those that were last said before a time; the rest stays."""
        Context(stores.facts, clock).merge(ANN, {"old": 1})
        clock.move(60)
        Context(stores.facts, clock).merge(ANN, {"new": 1})
        assert ends.sweep_facts(clock() - timedelta(seconds=30), 10) == {"facts": 1}
        assert known(stores, ANN) == {"new": 1}


class TestAway:
    """A server that is not there."""

    @pytest.fixture
    def server(self, tmp_path: Path) -> Iterator[MongoServer]:
        with MongoServer(tmp_path / "mongo") as made:
            yield made

    def test_it_goes_away_and_comes_back(self, server: MongoServer, people: People, clock: TestClock) -> None:
        """Killed, each call fails soon with a typed error and none of the driver's words; back again, all is there."""
        with closing(open_mongo(f"{server.uri}/?serverSelectionTimeoutMS=800", "muxi")) as database:
            stores = mongo_stores(database, "f", people.members)
            made = stores.memory.add([memory(ANN, "kept")], None, "m")[0]
            Context(stores.facts, clock).merge(ANN, {"a": 1})
            server.kill()
            for call in (
                database.ping,
                lambda: stores.memory.versions(ANN),
                lambda: stores.memory.add([memory(ANN, "lost")], None, "m"),
                lambda: stores.memory.newest(ANN, made.id, 10),
                lambda: stores.edits.edit(ANN, made.id, Edit(text="lost"), NOW),
                lambda: stores.memory.delete(ANN, made.id),
                lambda: stores.facts.entries(ANN),
                lambda: Context(stores.facts, clock).merge(ANN, {"a": 2}),
            ):
                with pytest.raises(StorageUnavailableError) as error:
                    call()
                assert "127.0.0.1" not in error.value.message and "timeout" not in error.value.message.lower()
            server.start()
            assert texts(stores, ANN) == {"kept"} and known(stores, ANN) == {"a": 1}
            stores.memory.add([memory(ANN, "new")], None, "m")
            Context(stores.facts, clock).merge(ANN, {"a": 3})
            assert texts(stores, ANN) == {"kept", "new"} and known(stores, ANN) == {"a": 3}


@pytest.mark.parametrize(
    ("raised", "expected"),
    [
        (mongo.ServerSelectionTimeoutError("h:1"), StorageUnavailableError),
        (mongo.AutoReconnect("h:1"), StorageUnavailableError),
        (mongo.NetworkTimeout("h:1"), StorageUnavailableError),
        (mongo.OperationFailure("no", 18), StorageUnavailableError),
        (mongo.OperationFailure("no", 13), StorageUnavailableError),
        (mongo.WTimeoutError("slow"), StorageBusyError),
        (mongo.OperationFailure("conflict", 112), StorageBusyError),
        (mongo.DuplicateKeyError("E11000", 11000), StorageConflictError),
        (mongo.BulkWriteError({"writeErrors": [{"code": 11000}]}), StorageConflictError),
        (mongo.DocumentTooLarge("16"), StorageFullError),
        (mongo.OperationFailure("disk", 14031), StorageFullError),
        (mongo.OperationFailure("odd", 1), StorageError),
        (mongo.InvalidURI("mongodb://u:p@h"), SettingsError),
        (mongo.InvalidName("a b"), SettingsError),
    ],
    ids=lambda one: getattr(one, "__name__", type(one).__name__),
)
def test_the_drivers_errors_are_translated(raised: Exception, expected: type[Exception]) -> None:
    """Each kind is one of muxi's own; its words stay inside."""
    with pytest.raises(expected) as error, translated():
        raise raised
    assert type(error.value) is expected
    assert not any(word in str(error.value) for word in ("h:1", "E11000", "u:p", "odd"))
