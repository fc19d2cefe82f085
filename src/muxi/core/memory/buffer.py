"""The buffer: how much of a session goes into the prompt, and how much of it can be searched."""

from __future__ import annotations

from dataclasses import dataclass

from muxi.core.models.base import EmbeddingModel
from muxi.errors import SettingsError


@dataclass(frozen=True, slots=True)
class BufferMemory:
    """The recent messages of each session.

    A window on the message log, so it survives a restart, and one session never pushes out another's.

    Args:
        max_size: how many messages of the session go into the prompt.
        buffer_multiplier: ``max_size x buffer_multiplier`` messages of each session can be searched.
        model: embeds what is said; the local model if not told.

    Raises:
        SettingsError: a size below 1.
    """

    max_size: int = 10
    buffer_multiplier: int = 10
    model: EmbeddingModel | None = None

    def __post_init__(self) -> None:
        for name in ("max_size", "buffer_multiplier"):
            if getattr(self, name) < 1:
                raise SettingsError(f"BufferMemory.{name} is {getattr(self, name)}; it must be at least 1.")

    @property
    def searchable(self) -> int:
        """How many of the newest messages of each session can be searched."""
        return self.max_size * self.buffer_multiplier
