"""What waits for its vector is counted, and since when: on each database, and on MongoDB beside one."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from muxi.core.memory.memobase import Memobase
from muxi.core.memory.service import Draft
from muxi.core.memory.store import ToEmbed
from muxi.core.models.base import Vectors
from muxi.core.orchestrator import Orchestrator
from muxi.errors import ModelUnavailableError
from muxi.settings import FormationSettings
from tests.conftest import TestClock
from tests.support.eventually import eventually
from tests.support.formations import open_formation
from tests.support.mongo import drop, new_name
from tests.support.vectors import WordVectors


class AtTimes(WordVectors):
    """Can be reached when a test says so."""

    away = True

    async def embed(self, texts: Sequence[str]) -> Vectors:
        if self.away:
            raise ModelUnavailableError
        return await super().embed(texts)


def test_what_waits_is_told(database_url: str, clock: TestClock) -> None:
    """Of one formation only: how many, and since the first of them."""
    formation, elsewhere = (open_formation(database_url, clock, id, embedding_model=AtTimes()) for id in ("f", "g"))
    user = formation.identities.resolve("alice@acme.com").id
    assert formation.memories.waiting() == ToEmbed(0, None)
    first = clock()
    formation.memories.add(user, [Draft("one")])
    clock.move(60)
    formation.memories.add(user, [Draft("two"), Draft("three")])
    assert formation.memories.waiting() == ToEmbed(3, first)
    assert elsewhere.memories.waiting() == ToEmbed(0, None)
    formation.close()
    elsewhere.close()


def test_what_waits_in_mongodb_is_told(mongo_uri: str, tmp_path: Path) -> None:
    """There, too; and nothing is told once it has its vector."""
    name, model = new_name(), AtTimes()
    memobase = Memobase(mongodb_uri=mongo_uri, database_name=name, embedding_provider=model)
    began = datetime.now(UTC) - timedelta(seconds=1)
    with Orchestrator(memobase=memobase, data_dir=tmp_path, settings=FormationSettings()) as orchestrator:
        user = orchestrator.formation.identities.resolve("alice@acme.com").id
        orchestrator.formation.memories.add(user, [Draft("one")])
        told = orchestrator.formation.memories.waiting()
        assert told.count == 1 and told.since is not None and began < told.since < datetime.now(UTC)
        model.away = False
        orchestrator.formation.memories.embedder.wake(at_once=True)
        assert eventually(lambda: orchestrator.formation.memories.waiting() == ToEmbed(0, None), 30)
    drop(mongo_uri, name)
