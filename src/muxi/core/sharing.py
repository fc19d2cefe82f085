"""A formation's teams, built: what they share is kept where users' memories and contexts are."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from muxi.core.chat.recall import Weights
from muxi.core.clock import Clock
from muxi.core.memory.context import Context
from muxi.core.memory.edits import Edits
from muxi.core.memory.keeping import Keep
from muxi.core.memory.service import Memories
from muxi.core.privacy.scrub import Scrub
from muxi.core.teams.service import Teams
from muxi.ids import UserId
from muxi.settings import RecallSettings
from muxi.storage.open import FormationStores


def open_teams(
    stores: FormationStores,
    memories: Memories,
    keep: Keep,
    clock: Clock,
    forget: Callable[[Sequence[UserId]], None],
    scrub: Scrub,
) -> Teams:
    """The teams of one formation.

    Args:
        stores: of the formation.
        memories: of the same.
        keep: what may be kept of a text.
        clock: the time, in UTC.
        forget: called with teams that were deleted.
        scrub: takes what was deleted out of the files.
    """
    edits = Edits(stores.edits, memories.embedder, clock, keep)
    context = Context(stores.facts, clock, None, keep)
    return Teams(stores.teams, memories, edits, context, clock, forget, scrub)


def weights(settings: RecallSettings) -> Weights:
    """How much what is shared counts."""
    return Weights(settings.team, settings.formation)


def teams_of(stores: FormationStores) -> Callable[[UserId], list[UserId]]:
    """Which teams a user is in, at the moment of asking."""

    def of(user_id: UserId) -> list[UserId]:
        return [one.team.id for one in stores.teams.of(user_id)]

    return of
