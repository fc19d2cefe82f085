"""The thread that reads behind the answers, on each database."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from muxi.core.formation import Formation
from muxi.core.memory.extraction.service import REST, RESTLESS_S
from muxi.core.models.base import Prompt
from muxi.core.models.providers.quote import QuoteModel
from muxi.core.orchestrator import Orchestrator
from tests.support.extraction import Scripted, likes_everything, live, say, told
from tests.support.full_user import opened

ANN, BEN = "ann@x.org", "ben@x.org"


@pytest.fixture
def formation(database_url: str) -> Iterator[Formation]:
    made = opened(database_url, "f")
    yield made
    made.close()


async def test_settled_means_read(formation: Formation) -> None:
    """It does not wait for the time to read, and nothing is left."""
    for number in range(20):
        await say(formation, f"u{number}@x.org", f"I like number{number}")
    assert formation.extraction.settled(30)
    assert formation.extraction.status().waiting == 0
    assert all(told(formation, f"u{n}@x.org", "preferences.likes") == [(f"number{n}", True, 1)] for n in range(20))
    assert formation.extraction.settled(30), "with nothing to do it is settled at once"


async def test_it_is_read_without_being_asked_for(formation: Formation) -> None:
    """After the wait, in the background; the synopsis, too."""
    written = threading.Event()
    before = formation.extraction.worker._on_written
    formation.extraction.worker._on_written = lambda user, what: (before(user, what), written.set())  # type: ignore[assignment]
    await say(formation, ANN, "I live in Berlin")
    assert written.wait(30)
    assert live(formation, ANN) == {"location": {"city": "Berlin"}}


async def test_closing_reads_what_waits(database_url: str) -> None:
    """By rules: whoever runs one command after the other finds what they said before."""
    first = opened(database_url, "f")
    await say(first, ANN, "I live in Berlin")
    first.close()
    second = opened(database_url, "f")
    assert live(second, ANN) == {"location": {"city": "Berlin"}}
    second.close()


async def test_another_run_goes_on(database_url: str) -> None:
    """What was left waiting is read after the next start, without anybody saying anything."""
    first = opened(database_url, "f")
    first.extraction.close()
    await say(first, ANN, "I live in Berlin")
    first.close()
    second = opened(database_url, "f")
    assert second.extraction.settled(30)
    assert live(second, ANN) == {"location": {"city": "Berlin"}}
    second.close()


async def test_ten_users_at_once(formation: Formation) -> None:
    """What one says is never another's, and what each says twice is there once."""
    for turn in range(3):
        for number in range(10):
            await say(formation, f"u{number}@x.org", f"I like sentinel{number}")
            await say(formation, f"u{number}@x.org", f"I like word{turn}of{number}")
    assert formation.extraction.settled(60)
    for number in range(10):
        likes = live(formation, f"u{number}@x.org")["preferences"]["likes"]
        assert sorted(likes) == sorted([f"sentinel{number}", *(f"word{turn}of{number}" for turn in range(3))])
        [(_, _, times)] = [one for one in told(formation, f"u{number}@x.org", "preferences.likes") if "sent" in one[0]]
        assert times == 3


async def test_an_export_brings_back_what_waits(database_url: str, formation: Formation) -> None:
    """Erased and restored, the messages that were not read yet are read; those that were are not read again."""
    await say(formation, ANN, "I like tea")
    assert formation.extraction.settled(30)
    formation.extraction.close()
    await say(formation, ANN, "I like rain")
    with formation.privacy.export(ANN) as export:
        lines = list(export.lines())
    formation.privacy.erase(ANN)
    again = opened(database_url, "f")
    again.privacy.restore(lines)
    assert again.extraction.settled(30)
    assert told(again, ANN, "preferences.likes") == [("tea", True, 1), ("rain", True, 1)]
    await say(again, ANN, "I like snow")
    assert again.extraction.settled(30)
    assert live(again, ANN)["preferences"]["likes"] == ["tea", "rain", "snow"]
    again.close()


async def test_models_work_at_once(database_url: str) -> None:
    """While one user's batch is with the model, another's is, too."""
    both = threading.Barrier(2, timeout=30)

    class Meets(Scripted):
        async def complete(self, prompt: Prompt):  # type: ignore[no-untyped-def]
            if "I like" in prompt.message:
                await asyncio.to_thread(both.wait)
            return await super().complete(prompt)

    formation = opened(database_url, "f", extraction_model=Meets(*[likes_everything] * 2))
    for who in (ANN, BEN):
        await say(formation, who, "I like tea")
    assert formation.extraction.settled(30)
    assert live(formation, ANN) == live(formation, BEN) == {"preferences": {"likes": ["tea"]}}
    formation.close()


async def test_it_rests_less_the_more_is_behind(formation: Formation) -> None:
    """Answers go first, but what waits does not only grow: after a minute it works without a rest."""
    extraction = formation.extraction
    extraction.close()
    rests = []
    for waited in (0, RESTLESS_S / 2, RESTLESS_S, 3600):
        await say(formation, ANN, "I like tea")
        clock = formation.extraction.worker._clock
        extraction.worker._clock = lambda: clock() + timedelta(seconds=waited)  # noqa: B023 (called at once)
        assert await extraction.worker.step(hurried=True)
        extraction.worker._clock = clock
        rests.append(round(extraction._rest(), 1))
    assert rests == [REST, REST / 2, 0, 0]


def test_the_specifications_arguments(tmp_path: Path) -> None:
    """`auto_extract_user_info` switches it off and on for everybody, and a user's choice holds after a restart."""

    def talked(who: str, **given: Any) -> dict[str, Any]:
        with Orchestrator(data_dir=tmp_path, chat_model=QuoteModel(), **given) as orchestrator:
            asyncio.run(orchestrator.chat("I like tea.", user_id=who))
            orchestrator.formation.extraction.settled()
            return asyncio.run(orchestrator.get_user_context_memory(who))

    liked = {"preferences": {"likes": ["tea"]}}
    assert talked(ANN, auto_extract_user_info=False) == {}
    assert talked(BEN, auto_extract_user_info=True) == liked
    with Orchestrator(data_dir=tmp_path, chat_model=QuoteModel()) as orchestrator:
        orchestrator.set_auto_extraction(ANN, False)
        assert not orchestrator.get_auto_extraction(ANN) and orchestrator.get_auto_extraction(BEN)
    assert talked(ANN, auto_extract_user_info=True) == {}
    with Orchestrator(data_dir=tmp_path, chat_model=QuoteModel()) as orchestrator:
        orchestrator.set_auto_extraction(ANN, True)
    model = Scripted(likes_everything)
    assert talked(ANN, extraction_model=model) == {"preferences": {"likes": ["tea."]}}
    assert len([one for one in model.asked if "<messages>" in one.message]) == 1
