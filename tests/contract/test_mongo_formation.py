"""A whole formation whose Memobase is on MongoDB, with SQLite beside it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient

from muxi.core.formation import Formation
from muxi.core.memory.memobase import Memobase
from muxi.core.memory.reembed import reembed
from muxi.core.memory.service import Draft
from muxi.core.orchestrator import Orchestrator
from muxi.errors import (
    EmbeddingMismatchError,
    MemoryNotFoundError,
    SettingsError,
    StorageUnavailableError,
    UserNotFoundError,
)
from muxi.settings import FormationSettings
from muxi.storage.mongo.facts import MongoFactWriter
from tests.conftest import EACH_KIND, TestClock
from tests.support.mongo import MongoServer, drop, new_name
from tests.support.vectors import WordVectors

SENTINEL = "zanzibarine"


@pytest.fixture
def name(mongo_uri: str) -> Iterator[str]:
    """The name of a database of this test's own."""
    made = new_name()
    yield made
    drop(mongo_uri, made)


def opened(
    uri: str, name: str, folder: Path | str, formation: str = "default", model: WordVectors | None = None
) -> Orchestrator:
    """On MongoDB, and beside it SQLite in a folder, or Postgres at an address."""
    memobase = Memobase(mongodb_uri=uri, database_name=name, embedding_provider=model or WordVectors())
    # Long enough that a test reads first.
    memory: dict[str, Any] = {"extraction": {"wait": 5}}
    if isinstance(folder, str):
        memory["persistent"] = {"provider": "postgres", "connection_string": folder}
    settings = FormationSettings.model_validate({"id": formation, "memory": memory})
    return Orchestrator(memobase=memobase, data_dir=folder, settings=settings)


@pytest.fixture(params=EACH_KIND)
def beside(request: pytest.FixtureRequest, tmp_path: Path) -> Path | str:
    """Where users and conversations are."""
    if request.param == "sqlite":
        return tmp_path
    address: str = request.getfixturevalue("postgres_database")
    return address


@pytest.fixture
def orchestrator(mongo_uri: str, name: str, beside: Path | str) -> Iterator[Orchestrator]:
    with opened(mongo_uri, name, beside) as made:
        yield made


@pytest.fixture
def stored(mongo_uri: str, name: str) -> Iterator[Any]:
    """What is in the database, as anybody sees it who opens it."""
    with MongoClient[dict[str, Any]](mongo_uri) as client:
        yield client[name]


def everything(stored: Any) -> str:
    return json.dumps({one: list(stored[one].find()) for one in stored.list_collection_names()}, default=repr)


class TestFormation:
    """What a user of the library sees."""

    async def test_what_is_added_is_recalled_in_conversations(self, orchestrator: Orchestrator) -> None:
        """A memory of Memobase, what was said before, and the context: a chat has them all."""
        await orchestrator.memobase.add_user_memory(42, "My favorite color is blue")
        await orchestrator.chat("My bicycle is green", user_id=42, session_id="one")
        reply = await orchestrator.reply(
            "What color is my bicycle, and my favorite color?", user_id=42, session_id="two"
        )
        assert {"My favorite color is blue", "My bicycle is green"} <= {hit.text for hit in reply.recalled}
        found = await orchestrator.search_memory("color", use_long_term=True, filter_metadata={"user_id": 42})
        assert "My favorite color is blue" in [hit.text for hit in found]
        hits = await orchestrator.memobase.search_user_memory(42, "green bicycle", limit=1)
        assert [hit.text for hit in hits] == ["My bicycle is green"]

    async def test_memories_and_contexts_are_in_mongo(self, orchestrator: Orchestrator, stored: Any) -> None:
        """Each document has its formation and its user; what was said stays with the log in SQL."""
        await orchestrator.add_user_memory(42, "kept")
        await orchestrator.add_user_context_memory(42, {"name": "Ann"})
        await orchestrator.chat("said", user_id=42)
        user_id = orchestrator.formation.identities.resolve(42).id
        assert [(one["formation_id"], one["user_id"], one["text"]) for one in stored["memories"].find()] == [
            ("default", user_id, "kept")
        ]
        assert [(one["formation_id"], one["user_id"], one["path"]) for one in stored["facts"].find()] == [
            ("default", user_id, "name")
        ]
        page = await orchestrator.list_user_memories(42)
        assert [memory.text for memory in page.items] == ["said", "kept"]
        held = orchestrator.show_user(42).holdings
        assert (held.memories, held.facts) == (2, 1)

    async def test_what_users_say_about_themselves_is_written_there(
        self, orchestrator: Orchestrator, stored: Any
    ) -> None:
        """Extraction behind the answers: corrections leave one live value, and the profile has it."""
        await orchestrator.chat("My budget is $5,000.", user_id=42, session_id="s")
        await orchestrator.chat("Make it $6,000.", user_id=42, session_id="s")
        assert orchestrator.formation.extraction.settled()
        assert await orchestrator.get_user_context_memory(42) == {"budget": "$6,000"}
        history = await orchestrator.get_user_context_history(42, "budget")
        assert [fact.value for fact in history.items] == ["$6,000", "$5,000"]
        assert stored["facts"].count_documents({}) == 2
        user_id = orchestrator.formation.identities.resolve(42).id
        assert "$6,000" in json.dumps([one.value for one in orchestrator.formation.profiles.of(user_id).known])

    async def test_no_fact_is_doubled_if_the_watermark_does_not_move(
        self, mongo_uri: str, name: str, tmp_path: Path, clock: TestClock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The process ends between the write to MongoDB and the one to SQL: the messages are read again, the facts not
        written again, and what was said since is."""
        waits = {"memobase": {"mongodb_uri": mongo_uri, "database_name": name}, "extraction": {"wait": 86_400}}
        settings = FormationSettings.model_validate({"memory": waits})
        formation = Formation.open(settings, tmp_path, embedding_model=WordVectors(), clock=clock)
        worker, orchestrator = formation.extraction.worker, Orchestrator(formation=formation)
        commit, ended = MongoFactWriter.commit, []

        def crash(writer: MongoFactWriter, heard: dict[str, int] | None = None) -> None:
            commit(writer, heard)
            if not ended:
                ended.append(heard)
                raise StorageUnavailableError("The process ended here.")

        monkeypatch.setattr(MongoFactWriter, "commit", crash)
        await orchestrator.chat("My budget is $5,000.", user_id=42, session_id="s")
        with pytest.raises(StorageUnavailableError):
            await worker.step(hurried=True)
        await orchestrator.chat("I have a cat called Tom. My budget is $7,000.", user_id=42, session_id="s")
        clock.move(3600)  # its lease has run out
        assert await worker.step(hurried=True) and not await worker.step(hurried=True)
        history = (await orchestrator.get_user_context_history(42, "budget")).items
        assert [(fact.value, fact.times) for fact in history] == [("$7,000", 1), ("$5,000", 1)]
        formation.close()

    async def test_a_memory_can_be_changed_and_deleted_wherever_it_is(self, orchestrator: Orchestrator) -> None:
        """Said in a chat, or added: the same names do it."""
        added = await orchestrator.add_user_memory(42, "I like tea")
        await orchestrator.chat("I like rain", user_id=42)
        said = (await orchestrator.list_user_memories(42)).items[0]
        for one in (added, said):
            await orchestrator.update_user_memory(42, one.id, "I like snow")
            assert (await orchestrator.get_user_memory(42, one.id)).text == "I like snow"
            assert [was.text for was in await orchestrator.get_user_memory_history(42, one.id)] == [one.text]
            await orchestrator.delete_user_memory(42, one.id)
            with pytest.raises(MemoryNotFoundError):
                await orchestrator.get_user_memory(42, one.id)

    async def test_formations_on_one_mongo_are_apart(
        self, orchestrator: Orchestrator, mongo_uri: str, name: str, beside: Path | str
    ) -> None:
        """Another formation reads nothing of it, by search, list, context or a known id."""
        memory = await orchestrator.add_user_memory(42, SENTINEL)
        await orchestrator.add_user_context_memory(42, {"word": SENTINEL})
        user_id = orchestrator.formation.identities.resolve(42).id
        with opened(mongo_uri, name, beside, "other") as other:
            await other.add_user_memory(42, "mine")
            for who in (42, user_id):
                assert SENTINEL not in str(await other.search_user_memory(who, SENTINEL))
                assert SENTINEL not in str(await other.list_user_memories(who))
                assert await other.get_user_context_memory(who) == {}
                with pytest.raises(MemoryNotFoundError):
                    await other.get_user_memory(who, memory.id)

    async def test_it_is_there_after_a_restart(self, mongo_uri: str, name: str, beside: Path | str) -> None:
        """Memories, vectors and contexts."""
        with opened(mongo_uri, name, beside) as first:
            await first.add_user_memory(42, "I like tea")
            await first.add_user_context_memory(42, {"name": "Ann"})
            assert first.formation.memories.settled(10)
        with opened(mongo_uri, name, beside) as second:
            assert [hit.text for hit in await second.search_user_memory(42, "tea")] == ["I like tea"]
            assert (await second.list_user_memories(42)).items[0].vector is not None
            assert await second.get_user_context_memory(42) == {"name": "Ann"}


class TestAway:
    """MongoDB goes away under a formation."""

    async def test_a_chat_says_so_and_works_again(self, tmp_path: Path) -> None:
        """A typed error soon, without the driver's words; nothing half of the exchange; then as before."""
        (tmp_path / "sql").mkdir()
        with (
            MongoServer(tmp_path / "mongo") as server,
            opened(f"{server.uri}/?serverSelectionTimeoutMS=800", "muxi", tmp_path / "sql") as orchestrator,
        ):
            await orchestrator.add_user_memory(42, "My favorite color is blue")
            server.kill()
            with pytest.raises(StorageUnavailableError) as error:
                await orchestrator.chat("What is my favorite color?", user_id=42)
            assert "127.0.0.1" not in str(error.value)
            with pytest.raises(StorageUnavailableError):
                orchestrator.formation.ping()
            server.start()
            reply = await orchestrator.reply("What is my favorite color?", user_id=42)
            assert [hit.text for hit in reply.recalled] == ["My favorite color is blue"]
            assert [m.text for m in (await orchestrator.list_user_memories(42)).items] == [
                "What is my favorite color?",
                "My favorite color is blue",
            ]


class TestEnding:
    """Erasure, deletion, export, expiry."""

    async def test_erasing_a_user_leaves_nothing_in_mongo(self, orchestrator: Orchestrator, stored: Any) -> None:
        """Of everybody merged into them; others keep theirs; the receipt counts it; nobody can write for them."""
        for who in ("a@x.org", "b@x.org"):
            memory = await orchestrator.add_user_memory(who, f"{SENTINEL} one")
            await orchestrator.update_user_memory(who, memory.id, f"{SENTINEL} two")
            await orchestrator.add_user_context_memory(who, {"word": SENTINEL})
        await orchestrator.add_user_memory("c@x.org", "kept")
        orchestrator.merge_users(["a@x.org", "b@x.org"], into="a@x.org")
        user_id = orchestrator.formation.identities.resolve("a@x.org").id
        erased = orchestrator.erase_user("b@x.org")
        assert {kind: erased.counts[kind] for kind in ("memories", "memory_edits", "facts")} == {
            "memories": 2,
            "memory_edits": 2,
            "facts": 2,
        }
        assert SENTINEL not in everything(stored)
        assert [one["text"] for one in stored["memories"].find()] == ["kept"]
        assert await orchestrator.get_user_context_memory("a@x.org") == {}
        with pytest.raises(UserNotFoundError):
            await orchestrator.add_user_memory(user_id, "late")

    async def test_deleting_a_users_data_leaves_the_user(self, orchestrator: Orchestrator, stored: Any) -> None:
        """All of it, the history and what is at hand included; and what is stored after it is there."""
        memory = await orchestrator.add_user_memory(42, f"{SENTINEL} one")
        await orchestrator.update_user_memory(42, memory.id, f"{SENTINEL} two")
        await orchestrator.add_user_context_memory(42, {"word": SENTINEL})
        assert await orchestrator.search_user_memory(42, SENTINEL)
        deleted = await orchestrator.delete_user_data(42)
        assert (deleted.counts["memories"], deleted.counts["memory_edits"], deleted.counts["facts"]) == (1, 1, 1)
        assert SENTINEL not in everything(stored)
        assert await orchestrator.search_user_memory(42, SENTINEL) == []
        assert await orchestrator.get_user_context_memory(42) == {}
        await orchestrator.add_user_memory(42, "new")
        assert [hit.text for hit in await orchestrator.search_user_memory(42, "new")] == ["new"]

    async def test_deleting_what_is_older(self, orchestrator: Orchestrator) -> None:
        """What was stored before a time goes; what was stored or changed since stays, but not what it said before."""
        old = await orchestrator.add_user_memory(42, "old")
        changed = await orchestrator.add_user_memory(42, "before")
        await orchestrator.add_user_context_memory(42, {"old": 1})
        cut = orchestrator.formation.clock() + timedelta(microseconds=1)
        await orchestrator.update_user_memory(42, changed.id, "after")
        await orchestrator.add_user_memory(42, "new")
        await orchestrator.add_user_context_memory(42, {"new": 1})
        deleted = await orchestrator.delete_user_data(42, cut)
        assert (deleted.counts["memories"], deleted.counts["memory_edits"], deleted.counts["facts"]) == (1, 1, 1)
        assert {memory.text for memory in (await orchestrator.list_user_memories(42)).items} == {"after", "new"}
        assert await orchestrator.get_user_memory_history(42, changed.id) == []
        assert await orchestrator.get_user_context_memory(42) == {"new": 1}
        with pytest.raises(MemoryNotFoundError):
            await orchestrator.get_user_memory(42, old.id)

    async def test_what_expires_is_swept(self, orchestrator: Orchestrator, stored: Any) -> None:
        """A memory with an end is not recalled after it, and a sweep removes it."""
        await orchestrator.add_user_memory(42, SENTINEL, expires_in=timedelta(microseconds=1))
        await orchestrator.add_user_memory(42, "kept")
        assert (await orchestrator.search_user_memory(42, SENTINEL))[0].text == "kept"
        swept = orchestrator.formation.sweeper.sweep()
        assert swept is not None and swept.counts["memories"] == 1
        assert [one["text"] for one in stored["memories"].find()] == ["kept"]

    async def test_an_export_holds_it_and_brings_it_back(self, orchestrator: Orchestrator) -> None:
        """Memories with their history, and the context; restored after an erasure they are the same."""
        memory = await orchestrator.add_user_memory(42, "one", metadata={"a.b": {"$where": 1}}, importance=0.7)
        await orchestrator.update_user_memory(42, memory.id, "two")
        await orchestrator.add_user_context_memory(42, {"name": "Ann"}, source="form")
        await orchestrator.chat("said", user_id=42)
        with orchestrator.export_user(42) as export:
            lines = list(export.lines())
            assert (export.counts["memories"], export.counts["memory_edits"], export.counts["facts"]) == (2, 1, 1)
        history = (await orchestrator.get_user_context_history(42)).items
        orchestrator.erase_user(42)
        orchestrator.restore_user(lines)
        again = await orchestrator.get_user_memory(42, memory.id)
        assert (again.text, again.importance, again.metadata) == ("two", 0.7, {"a.b": {"$where": 1}})
        assert [was.text for was in await orchestrator.get_user_memory_history(42, memory.id)] == ["one"]
        assert await orchestrator.get_user_context_memory(42) == {"name": "Ann"}
        assert (await orchestrator.get_user_context_history(42)).items == history
        await orchestrator.add_user_memory(42, "new")
        assert len((await orchestrator.list_user_memories(42)).items) == 3

    async def test_without_mongo_nothing_is_erased_at_all(self, tmp_path: Path) -> None:
        """An erasure that cannot reach MongoDB fails as a whole; tried again when it is back, it is done."""
        with MongoServer(tmp_path / "mongo") as server:
            (tmp_path / "sql").mkdir()
            uri = f"{server.uri}/?serverSelectionTimeoutMS=800"
            with opened(uri, "muxi", tmp_path / "sql") as orchestrator:
                await orchestrator.chat("said", user_id=42)
                await orchestrator.add_user_memory(42, "kept")
                server.kill()
                with pytest.raises(StorageUnavailableError):
                    orchestrator.erase_user(42)
                with pytest.raises(StorageUnavailableError):
                    await orchestrator.delete_user_data(42)
                assert orchestrator.get_user_identifiers(42) != []
                server.start()
                assert {one.text for one in (await orchestrator.list_user_memories(42)).items} == {"said", "kept"}
                assert orchestrator.erase_user(42).counts["memories"] == 2


async def test_another_embedding_model(mongo_uri: str, name: str, beside: Path | str) -> None:
    """Vectors are replaced one by one, here and there; who has the old model still finds by words, and no error."""
    new = WordVectors("words-24", 24)
    with opened(mongo_uri, name, beside) as old:
        await old.chat("I like tea", user_id=42)
        await old.add_user_memory(42, "I like rain")
        assert old.formation.memories.settled(20)
        stores = old.formation.storage.for_formation("default", old.formation.clock())
        assert stores.new_vectors is None
        assert await reembed(stores.memory, new, lambda done, total: None, stores.new_vectors) == 2
        user = old.formation.identities.resolve(42).id
        vectors = [one.vector for owner in stores.memory.versions(user) for one in stores.memory.since(owner, 0)]
        assert [one.size for one in vectors if one is not None] == [24, 24]
        for question in ("tea", "rain"):
            [hit] = await old.search_user_memory(42, question, limit=1)
            assert hit.text == f"I like {question}"
    with opened(mongo_uri, name, beside, model=new) as orchestrator:
        stores = orchestrator.formation.storage.for_formation("default", orchestrator.formation.clock())
        assert await reembed(stores.memory, new, lambda done, total: None) == 0
        [hit] = await orchestrator.search_user_memory(42, "rain", limit=1)
        assert hit.text == "I like rain"
    with pytest.raises(EmbeddingMismatchError):
        opened(mongo_uri, name, beside)


def test_an_address_that_cannot_be_read(tmp_path: Path) -> None:
    """Says so, without repeating a password that may be in it."""
    with pytest.raises(SettingsError) as error:
        opened("mongo://user:secret@host", "muxi", tmp_path)  # pragma: allowlist secret
    assert "secret" not in str(error.value)
    with pytest.raises(SettingsError, match="database_name"):
        opened("mongodb://127.0.0.1:1", "a b", tmp_path)


def test_a_server_that_is_not_there(tmp_path: Path) -> None:
    """Opening fails soon, with a typed error and without the driver's words."""
    with pytest.raises(StorageUnavailableError) as error:
        opened("mongodb://127.0.0.1:1/?serverSelectionTimeoutMS=200", "muxi", tmp_path)
    assert "127.0.0.1" not in str(error.value)


def test_the_database_has_a_name_of_its_own() -> None:
    """One example of the specification leaves it out."""
    assert Memobase(mongodb_uri="mongodb://localhost:27017").database_name == "muxi"


class TestTeams:
    """What teams share is in MongoDB, too."""

    async def test_shared_recalled_and_ended(self, orchestrator: Orchestrator, stored: Any) -> None:
        """Members recall and are told it; who left is not; authors are forgotten; a deleted team leaves nothing."""
        teams, resolve = orchestrator.formation.teams, orchestrator.formation.identities.resolve
        ann, ben = resolve("ann").id, resolve("ben").id
        made = orchestrator.create_team("Platform").id
        for user_id in (ann, ben):
            orchestrator.add_team_member(made, user_id)
        orchestrator.add_team_memory(made, f"deploy {SENTINEL}", ann)
        orchestrator.update_team_context(made, {"on_call": f"Dana {SENTINEL}"}, ann)
        orchestrator.formation.memories.add(None, [Draft("deploy everywhere")])
        assert {one["user_id"] for one in stored["memories"].find()} == {made, None}

        async def found(user_id: str) -> list[tuple[str, str, str | None]]:
            hits = await orchestrator.search_memory("deploy", use_long_term=True, filter_metadata={"user_id": user_id})
            shared = [hit for hit in hits if hit.owner.kind != "user"]
            return [(hit.owner.kind, hit.text, hit.memory.author_id) for hit in shared]

        everybody = ("formation", "deploy everywhere", None)
        assert await found(ben) == [("team", f"deploy {SENTINEL}", ann), everybody]
        assert "Dana" in (await orchestrator.reply("Who is on call?", user_id=ben)).text
        orchestrator.erase_user(ann)
        assert await found(ben) == [("team", f"deploy {SENTINEL}", None), everybody]
        assert not list(stored["memories"].find({"author_id": {"$exists": True}}))
        orchestrator.remove_team_member(made, ben)
        assert await found(ben) == [everybody]
        counts = teams.delete(made).counts
        assert (counts["memories"], counts["facts"]) == (1, 1)
        assert SENTINEL not in everything(stored)
