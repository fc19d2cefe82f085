"""The documented Memobase: what is remembered of each user."""

from __future__ import annotations

from muxi.core.memory.memobase_store import MemobaseParts
from muxi.core.memory.user_memory import UserMemory
from muxi.core.models.base import EmbeddingModel
from muxi.errors import SettingsError


class Memobase(UserMemory):
    """Memories and context of users: on MongoDB, or on the store of the formation that it is handed to.

    ``Orchestrator(memobase=Memobase(...))`` gives it its formation, which says who its users are; from then on it works
    by itself, too.

    Args:
        embedding_provider: embeds texts; what the formation has, if not told. One formation has one.
        mongodb_uri: where memories and contexts are kept (``mongodb://...``); in the formation's own store if ``None``.
        database_name: the database there.
    """

    def __init__(
        self,
        embedding_provider: EmbeddingModel | None = None,
        *,
        mongodb_uri: str | None = None,
        database_name: str = "muxi",
    ) -> None:
        self.embedding_provider = embedding_provider
        self.mongodb_uri = mongodb_uri
        self.database_name = database_name
        self._parts: MemobaseParts | None = None

    def bind(self, parts: MemobaseParts) -> None:
        """Gives it its store: that of the formation it was handed to last."""
        self._parts = parts

    def memory_parts(self) -> MemobaseParts:
        """What it stands on.

        Raises:
            SettingsError: it was not handed to an Orchestrator yet.
        """
        if self._parts is None:
            raise SettingsError("This Memobase has no store yet. Hand it over first: Orchestrator(memobase=memobase).")
        return self._parts
