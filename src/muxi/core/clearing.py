"""What clears away, wired by hand: the sweeper of one formation, erasing many users, forgetting what is at hand."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta

from muxi.core.agents.service import Agents
from muxi.core.clock import Clock
from muxi.core.identity.anonymous import AnonymousUsers
from muxi.core.memory.profiles import Profiles
from muxi.core.memory.service import Memories
from muxi.core.privacy.retention_store import RetentionStore
from muxi.core.privacy.scrub import Scrub
from muxi.core.privacy.service import Privacy
from muxi.core.privacy.sweeping import Ages, Sweeper
from muxi.core.privacy.types import Erased
from muxi.ids import UserId
from muxi.settings import RetentionSettings


def erase_later(privacy: Privacy, scrub: Scrub) -> Callable[..., Erased]:
    """Erases one of many: the sweep that it is part of, or the next one, takes them out of the files."""

    def erase(raw: UserId, /, *, actor: str) -> Erased:
        erased = privacy.erase(raw, actor=actor, scrub=False)
        scrub.later()
        return erased

    return erase


def open_sweeper(
    settings: RetentionSettings,
    store: RetentionStore,
    anonymous: AnonymousUsers,
    clock: Clock,
    scrub: Scrub,
    on_swept: Callable[[], None],
) -> Sweeper:
    """Builds the sweeper: it starts when it is told to.

    Args:
        settings: how long what is kept.
        store: bound to the formation.
        anonymous: visitors, who end.
        clock: the time, in UTC.
        scrub: takes what was swept out of the files.
        on_swept: called when memories were.
    """
    days = {kind: getattr(settings, kind) for kind in ("messages", "memories", "facts")}
    ages = Ages(**{kind: timedelta(days=kept) if kept else None for kind, kept in days.items()})
    interval = timedelta(seconds=settings.interval)
    return Sweeper(store, ages, anonymous.expire_anonymous, clock, scrub, on_swept, interval=interval)


def deleted_of(memories: Memories) -> Callable[[Sequence[UserId]], None]:
    """Some of users' memories are gone, and with them the windows that held their words: these are made anew."""

    def deleted(users: Sequence[UserId]) -> None:
        memories.cache.forget(users)
        memories.embedder.wake()

    return deleted


def forget_in(agents: Agents, memories: Memories, profiles: Profiles) -> Callable[[Sequence[UserId]], None]:
    def forget(users: Sequence[UserId]) -> None:
        memories.cache.forget(users)
        profiles.forget(users)
        agents.forget(users)

    return forget
