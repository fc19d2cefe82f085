"""The specification's memory examples, as written, on a fresh store."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from muxi.core.memory.buffer import BufferMemory
from muxi.core.memory.memobase import Memobase
from muxi.core.orchestrator import Orchestrator
from muxi.errors import SettingsError
from tests.support.mongo import drop, new_name
from tests.support.vectors import WordVectors


@pytest.fixture
def memobase() -> Memobase:
    return Memobase(embedding_provider=WordVectors())


@pytest.fixture
def orchestrator(tmp_path: Path, memobase: Memobase) -> Iterator[Orchestrator]:
    with Orchestrator(memobase=memobase, data_dir=tmp_path) as made:
        yield made


async def test_user_preferences_management(orchestrator: Orchestrator) -> None:
    """Stored, read with defaults, and one of them updated."""
    await orchestrator.add_user_context_memory(
        user_id="user_123",
        knowledge={
            "preferences": {
                "theme": "dark",
                "language": "English",
                "notifications": "enabled",
                "timezone": "America/New_York",
            }
        },
        importance=0.8,
    )
    user_context = await orchestrator.get_user_context_memory(user_id="user_123")
    assert user_context.get("preferences", {}).get("theme", "light") == "dark"
    await orchestrator.update_user_context_memory(user_id="user_123", path="preferences.theme", value="light")
    user_context = await orchestrator.get_user_context_memory(user_id="user_123")
    assert user_context["preferences"] == {
        "theme": "light",
        "language": "English",
        "notifications": "enabled",
        "timezone": "America/New_York",
    }


async def test_memobase_and_orchestrator_are_one(orchestrator: Orchestrator, memobase: Memobase) -> None:
    """What one writes the other reads, and a conversation recalls it: one store, one user, one model."""
    await memobase.add_user_memory(user_id=42, message="My favorite color is blue")
    await memobase.add_user_context_memory(user_id=42, knowledge={"name": "John Doe"})
    assert [memory.text for memory in (await orchestrator.list_user_memories(42)).items] == [
        "My favorite color is blue"
    ]
    assert await orchestrator.get_user_context_memory(42) == {"name": "John Doe"}
    assert orchestrator.formation.memories.embedder.model is memobase.embedding_provider
    reply = await orchestrator.reply("What is my favorite color?", user_id=42)
    assert "My favorite color is blue" in [hit.text for hit in reply.recalled]


async def test_a_memobase_works_for_whom_it_was_handed_to_last(memobase: Memobase, tmp_path: Path) -> None:
    """Handed on, it is the new formation's, and nothing of the old one is seen."""
    with Orchestrator(memobase=memobase, data_dir=tmp_path / "one") as first:
        await memobase.add_user_context_memory(42, {"word": "sentinel"})
        with Orchestrator(memobase=memobase, data_dir=tmp_path / "two"):
            assert await memobase.get_user_context_memory(42) == {}
            assert await first.get_user_context_memory(42) == {"word": "sentinel"}


async def test_memobase_on_mongodb(mongo_uri: str, tmp_path: Path) -> None:
    """The examples of initialising Memobase, of memories, of context and of extraction, in their order."""
    embedding_model: Any = WordVectors()
    memobase = Memobase(mongodb_uri=mongo_uri, database_name=new_name(), embedding_provider=embedding_model)
    with Orchestrator(
        memobase=memobase, extraction_model=embedding_model, auto_extract_user_info=True, data_dir=tmp_path
    ) as orchestrator:
        await memobase.add_user_memory(
            user_id=42, message="My favorite color is blue", agent_id="assistant", importance=0.7
        )
        results = await memobase.search_user_memory(user_id=42, query="What are the user's favorite colors?", limit=5)
        assert [hit.text for hit in results] == ["My favorite color is blue"]
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
        user_context = await memobase.get_user_context_memory(user_id=42)
        assert user_context["preferences"] == {"theme": "dark", "language": "English"}
        await memobase.update_user_context_memory(user_id=42, path="preferences.notifications", value="enabled")
        assert await orchestrator.get_user_context_memory(user_id=42) == {
            "name": "John Doe",
            "preferences": {"theme": "dark", "language": "English", "notifications": "enabled"},
            "location": "New York",
        }
        await memobase.extract_user_information(
            user_message="I'm allergic to cats.",
            agent_response="I'll remember that you have a cat allergy.",
            user_id=42,
            agent_id="assistant",
        )
        known = await memobase.get_user_context_memory(user_id=42)
        assert known["health"]["allergies"] == ["cats"]
    drop(mongo_uri, memobase.database_name)


async def test_without_the_address_it_is_on_the_formations_store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The complete example takes the address from the environment, where it may not be."""
    monkeypatch.delenv("MONGODB_URI", raising=False)
    memobase = Memobase(mongodb_uri=os.getenv("MONGODB_URI"), embedding_provider=WordVectors())
    with Orchestrator(memobase=memobase, data_dir=tmp_path) as orchestrator:
        await memobase.add_user_memory(42, "kept")
        assert orchestrator.show_user(42).holdings.memories == 1


def test_one_formation_has_one_embedding_model(tmp_path: Path) -> None:
    """Two that differ are refused; the same one given twice is fine."""

    class Other(WordVectors):
        name = "other"

    with pytest.raises(SettingsError, match="other"):
        Orchestrator(BufferMemory(model=Other()), memobase=Memobase(WordVectors()), data_dir=tmp_path)
    model = WordVectors()
    with Orchestrator(BufferMemory(model=model), memobase=Memobase(model), data_dir=tmp_path) as made:
        assert made.formation.memories.embedder.model is model
