"""What reads behind the answers, wired by hand: a part of `muxi.core.formation`, which it would make too long."""

from __future__ import annotations

from datetime import timedelta

from muxi.core.clock import Clock
from muxi.core.memory.context import Context
from muxi.core.memory.extraction.model_extractor import ModelExtractor
from muxi.core.memory.extraction.rule_extractor import RuleExtractor
from muxi.core.memory.extraction.service import Extraction
from muxi.core.memory.extraction.work import Written
from muxi.core.memory.extraction.worker import Pace
from muxi.core.memory.profiles import Profiles
from muxi.core.memory.service import Memories
from muxi.core.models.base import ChatModel
from muxi.ids import UserId
from muxi.settings import MemorySettings
from muxi.storage.open import FormationStores

#: How long messages wait for more of the same user, in seconds: a call of a model costs, a rule does not.
WAIT_FOR_MODEL, WAIT_FOR_RULES = 30.0, 1.0


def reading_behind(
    settings: MemorySettings,
    stores: FormationStores,
    context: Context,
    memories: Memories,
    model: ChatModel | None,
    clock: Clock,
) -> tuple[Extraction, Profiles]:
    """What finds what users say about themselves, and what is made of it for prompts.

    Args:
        settings: what was set.
        stores: of the formation.
        context: of the formation.
        memories: of the formation.
        model: finds it, and writes synopses; rules and a template do if there is none.
        clock: the time, in UTC.
    """
    told, wait = settings.extraction, WAIT_FOR_MODEL if model else WAIT_FOR_RULES
    profiles = Profiles(
        stores.facts,
        stores.synopses,
        clock,
        model=model,
        interval=timedelta(seconds=settings.synopsis_interval),
        calls_per_day=told.calls_per_day,
        on_stale=lambda: extraction.wake(),
    )

    def written(user_id: UserId, what: Written) -> None:
        if what.facts:
            profiles.touch(user_id)
        if what.memories:
            memories.embedder.wake()

    extraction = Extraction(
        stores.extraction,
        context,
        ModelExtractor(model) if model else RuleExtractor(),
        clock,
        Pace(
            timedelta(seconds=wait if told.wait is None else told.wait),
            told.batch_tokens,
            calls_per_day=told.calls_per_day,
        ),
        memories.embedder.model.name,
        written,
        profiles.refresh,
        enabled=told.enabled,
    )
    return extraction, profiles
