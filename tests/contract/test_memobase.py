"""What Memobase does, on every store that it can have."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from muxi.core.identity.merging import Merges
from muxi.core.identity.service import Identities
from muxi.core.memory.extraction.extract import extract
from muxi.core.memory.memobase import Memobase
from muxi.core.memory.memobase_store import MemobaseStore, parts_on
from muxi.errors import (
    InvalidContextError,
    InvalidIdentifierError,
    InvalidMemoryError,
    InvalidMessageError,
    MemoryNotFoundError,
    SettingsError,
    UserNotFoundError,
)
from muxi.ids import new_memory_id, new_user_id
from muxi.storage.mongo.open import mongo_stores
from muxi.storage.open import open_storage
from tests.conftest import TestClock
from tests.support.mongo import members_in
from tests.support.vectors import WordVectors


@dataclass
class Backend:
    """A store under test, with users of the same formation, and another formation's of the same kind."""

    store: MemobaseStore
    users: Identities
    merges: Merges
    abroad: MemobaseStore
    users_abroad: Identities


@pytest.fixture(
    params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres), pytest.param("mongodb", id="mongodb")]
)
def backend(request: pytest.FixtureRequest, tmp_path: Path, clock: TestClock) -> Iterator[Backend]:
    """The formation's own store on each database, and MongoDB with the users in SQLite."""
    on_postgres = request.param == "postgres"
    with closing(open_storage(request.getfixturevalue("postgres_database") if on_postgres else tmp_path / "f")) as sql:
        sql.migrate()
        stores, others = (sql.for_formation(name, clock()) for name in ("f", "g"))
        users, abroad = (Identities(one.identity, one.hash_key, clock) for one in (stores, others))
        here: MemobaseStore = stores
        there: MemobaseStore = others
        if request.param == "mongodb":
            database = request.getfixturevalue("mongo_database")
            here, there = (mongo_stores(database, name, members_in(of)) for name, of in (("f", stores), ("g", others)))
        yield Backend(here, users, Merges(stores.merges, users, clock), there, abroad)


def bound(store: MemobaseStore, users: Identities, clock: TestClock) -> Memobase:
    model = WordVectors()
    made = Memobase(embedding_provider=model)
    made.bind(parts_on(store, users, model, clock, extract))
    return made


@pytest.fixture
def memobase(backend: Backend, clock: TestClock) -> Iterator[Memobase]:
    made = bound(backend.store, backend.users, clock)
    yield made
    made.memory_parts().memories.embedder.close()


@pytest.fixture
def abroad(backend: Backend, clock: TestClock) -> Iterator[Memobase]:
    """The same in another formation."""
    made = bound(backend.abroad, backend.users_abroad, clock)
    yield made
    made.memory_parts().memories.embedder.close()


class TestMemobase:
    """The documented names."""

    async def test_the_specification_on_memories(self, memobase: Memobase) -> None:
        """The example of user memory management, as written."""
        await memobase.add_user_memory(
            user_id=42, message="My favorite color is blue", agent_id="assistant", importance=0.7
        )
        results = await memobase.search_user_memory(user_id=42, query="What are the user's favorite colors?", limit=5)
        assert [hit.text for hit in results] == ["My favorite color is blue"]
        assert (results[0].memory.agent_id, results[0].memory.importance) == ("assistant", 0.7)

    async def test_the_specification_on_context(self, memobase: Memobase) -> None:
        """The example of user context memory, as written."""
        await memobase.add_user_context_memory(
            user_id=42,
            knowledge={
                "name": "John Doe",
                "preferences": {"theme": "dark", "language": "English"},
                "location": "New York",
            },
            source="manual_input",
            importance=0.9,
        )
        await memobase.update_user_context_memory(user_id=42, path="preferences.notifications", value="enabled")
        assert await memobase.get_user_context_memory(user_id=42) == {
            "name": "John Doe",
            "preferences": {"theme": "dark", "language": "English", "notifications": "enabled"},
            "location": "New York",
        }
        page = await memobase.get_user_context_history(user_id=42, path="name")
        assert [(fact.source, fact.importance) for fact in page.items] == [("manual_input", 0.9)]

    async def test_the_specification_on_extraction(self, memobase: Memobase) -> None:
        """The example of automatic extraction, as written: where the user lives, and the allergy."""
        await memobase.extract_user_information(
            user_message="I live in Toronto and I'm allergic to cats.",
            agent_response="I'll remember that you live in Toronto and have a cat allergy.",
            user_id=42,
            agent_id="assistant",
        )
        known = await memobase.get_user_context_memory(user_id=42)
        assert known["location"]["city"] == "Toronto" and known["health"]["allergies"] == ["cats"]
        page = await memobase.get_user_context_history(42, "health.allergies")
        assert [(fact.op, fact.source) for fact in page.items] == [("add", "extraction")]

    async def test_what_the_agent_says_is_not_believed(self, memobase: Memobase) -> None:
        """Only the user speaks about the user; and secrets are cut out before."""
        facts = await memobase.extract_user_information("Hello!", "You live in Paris.", 42, "assistant")
        assert facts == [] and await memobase.get_user_context_memory(42) == {}
        with pytest.raises(InvalidMessageError):
            await memobase.extract_user_information("", "You live in Paris.", 42)

    async def test_a_memory_from_first_to_last(self, memobase: Memobase, clock: TestClock) -> None:
        """Listed, read, changed, found by its new words and not by its old, with its history; then gone with it."""
        kept = await memobase.add_user_memory("a@x.org", "I like rain", metadata={"n": 1})
        made = await memobase.add_user_memory("a@x.org", "I like tea", importance=0.3)
        assert memobase.memory_parts().memories.settled(10)
        assert [m.id for m in (await memobase.list_user_memories("a@x.org")).items] == [made.id, kept.id]
        clock.move(60)
        changed = await memobase.update_user_memory("a@x.org", made.id, "I like coffee", metadata={"k": "v"})
        assert (changed.id, changed.text, changed.importance, changed.metadata) == (
            made.id,
            "I like coffee",
            0.3,
            {"k": "v"},
        )
        assert [hit.text for hit in await memobase.search_user_memory("a@x.org", "coffee", limit=1)] == [
            "I like coffee"
        ]
        assert memobase.memory_parts().memories.settled(10)
        assert "I like tea" not in [hit.text for hit in await memobase.search_user_memory("a@x.org", "tea")]
        again = await memobase.get_user_memory("a@x.org", made.id)
        assert again.vector is not None and again.text == "I like coffee"
        await memobase.update_user_memory("a@x.org", made.id, importance=0.9)
        before = await memobase.get_user_memory_history("a@x.org", made.id)
        assert [(one.text, one.importance, one.metadata) for one in before] == [
            ("I like coffee", 0.3, {"k": "v"}),
            ("I like tea", 0.3, {}),
        ]
        assert before[0].replaced_at == clock()
        await memobase.delete_user_memory("a@x.org", made.id)
        for gone in (memobase.get_user_memory, memobase.get_user_memory_history, memobase.delete_user_memory):
            with pytest.raises(MemoryNotFoundError):
                await gone("a@x.org", made.id)
        assert [m.id for m in (await memobase.list_user_memories("a@x.org")).items] == [kept.id]

    async def test_a_context_from_first_to_last(self, memobase: Memobase, clock: TestClock) -> None:
        """Lists, corrections, as it was, deleted, and forgotten."""
        began = clock()
        await memobase.update_user_context_memory(42, "likes", "tea", op="add")
        await memobase.update_user_context_memory(42, "likes", "rain", op="add", source="chat", confidence=0.7)
        clock.move(60)
        await memobase.update_user_context_memory(42, "likes", "tea", op="remove")
        assert await memobase.get_user_context_memory(42) == {"likes": ["rain"]}
        assert await memobase.get_user_context_memory(42, at=began + timedelta(seconds=30)) == {
            "likes": ["tea", "rain"]
        }
        assert await memobase.delete_user_context_memory(42, "likes") is True
        assert await memobase.get_user_context_memory(42) == {}
        assert len((await memobase.get_user_context_history(42, "likes")).items) == 4
        assert await memobase.delete_user_context_memory(42, "likes", forget=True) is True
        assert (await memobase.get_user_context_history(42)).items == []

    async def test_one_user_by_every_identifier(self, memobase: Memobase, backend: Backend) -> None:
        """Written by one, read by the others, numbers included."""
        backend.users.associate(["a@x.org", ("U1", "slack"), ("42", "internal")])
        await memobase.add_user_memory(("U1", "slack"), "I like tea")
        await memobase.add_user_context_memory("a@x.org", {"name": "Ann"})
        for who in ("a@x.org", ("U1", "slack"), 42, {"identifier": "U1", "type": "slack"}):
            assert [hit.text for hit in await memobase.search_user_memory(who, "tea")] == ["I like tea"]
            assert await memobase.get_user_context_memory(who) == {"name": "Ann"}

    async def test_merged_users_share_and_split_users_do_not(self, memobase: Memobase, backend: Backend) -> None:
        """At once, both memories and context, and a memory of either can be changed."""
        hers = await memobase.add_user_memory("a@x.org", "I like tea")
        his = await memobase.add_user_memory("b@x.org", "I like rain")
        await memobase.add_user_context_memory("a@x.org", {"a": 1})
        await memobase.add_user_context_memory("b@x.org", {"b": 2})
        merge = backend.merges.merge(["a@x.org", "b@x.org"], into="a@x.org")
        assert {m.id for m in (await memobase.list_user_memories("b@x.org")).items} == {hers.id, his.id}
        assert await memobase.get_user_context_memory("b@x.org") == {"a": 1, "b": 2}
        await memobase.update_user_memory("a@x.org", his.id, "I like snow")
        backend.merges.split(merge.id)
        assert await memobase.get_user_context_memory("b@x.org") == {"b": 2}
        assert [m.text for m in (await memobase.list_user_memories("b@x.org")).items] == ["I like snow"]
        assert len(await memobase.get_user_memory_history("b@x.org", his.id)) == 1

    async def test_nobody_reads_anybody_elses(self, memobase: Memobase, abroad: Memobase, backend: Backend) -> None:
        """Another user, another formation, a guessed id, nobody: nothing, the same answer, and nothing is changed."""
        mine = await memobase.add_user_memory("a@x.org", "sentinel", metadata={"user_id": "b@x.org"})
        await memobase.add_user_context_memory("a@x.org", {"word": "sentinel"})
        await memobase.add_user_memory("b@x.org", "other")
        await abroad.add_user_memory("a@x.org", "other")
        for base, who in ((memobase, "b@x.org"), (abroad, "a@x.org"), (memobase, "nobody@x.org")):
            assert "sentinel" not in [hit.text for hit in await base.search_user_memory(who, "sentinel")]
            assert "sentinel" not in [m.text for m in (await base.list_user_memories(who)).items]
            assert await base.get_user_context_memory(who) == {}
            assert (await base.get_user_context_history(who)).items == []
            assert await base.delete_user_context_memory(who, "word", forget=True) is False
            answers = set()
            for memory_id in (mine.id, new_memory_id(), "mem_", ""):
                for door in (
                    base.get_user_memory(who, memory_id),
                    base.update_user_memory(who, memory_id, "theirs"),
                    base.get_user_memory_history(who, memory_id),
                    base.delete_user_memory(who, memory_id),
                ):
                    with pytest.raises(MemoryNotFoundError) as error:
                        await door
                    answers.add(error.value.message.replace(repr(memory_id), "ID"))
            assert answers == {"There is no memory ID."}
        assert (await memobase.get_user_memory("a@x.org", mine.id)).text == "sentinel"
        assert await memobase.get_user_context_memory("a@x.org") == {"word": "sentinel"}
        assert backend.users.find("nobody@x.org") is None

    async def test_bad_input(self, memobase: Memobase) -> None:
        """Typed errors, and nothing is stored."""
        for door, error in (
            (memobase.add_user_memory(42, ""), InvalidMemoryError),
            (memobase.add_user_memory(42, "x", importance=2), InvalidMemoryError),
            (memobase.add_user_memory("", "x"), InvalidIdentifierError),
            (memobase.add_user_memory(new_user_id(), "x"), UserNotFoundError),
            (memobase.search_user_memory(42, ""), InvalidMessageError),
            (memobase.search_user_memory(42, "x", limit=0), InvalidMemoryError),
            (memobase.add_user_context_memory(42, {"__proto__": 1}), InvalidContextError),
            (memobase.add_user_context_memory(42, {"a": "x" * 5_000_000}), InvalidContextError),
            (memobase.update_user_context_memory(42, "a..b", 1), InvalidContextError),
            (memobase.get_user_context_memory(""), InvalidIdentifierError),
        ):
            with pytest.raises(error):
                await door
        made = await memobase.add_user_memory(42, "x")
        with pytest.raises(InvalidMemoryError):
            await memobase.update_user_memory(42, made.id)
        with pytest.raises(InvalidMemoryError):
            await memobase.update_user_memory(42, made.id, " ")
        assert [m.text for m in (await memobase.list_user_memories(42)).items] == ["x"]
        assert await memobase.get_user_context_memory(42) == {}


async def test_without_a_store_it_says_what_to_do() -> None:
    """A Memobase that was handed to nobody."""
    with pytest.raises(SettingsError, match=r"Orchestrator\(memobase=memobase\)"):
        await Memobase().get_user_context_memory(42)
