"""What the model is given: the agent's words, what is remembered, what was said last, and the message."""

from __future__ import annotations

from collections.abc import Sequence

from muxi.core.agents.types import Agent
from muxi.core.memory.types import Hit
from muxi.core.models.base import Line, Prompt, Recalled, Role


def build(agent: Agent, recalled: Sequence[Hit], buffer: Sequence[tuple[str, str]], message: str) -> Prompt:
    """The prompt of one turn."""
    return Prompt(
        system=agent.system_message,
        recalled=tuple(Recalled(hit.memory.text, hit.memory.channel, hit.memory.said_at) for hit in recalled),
        recent=tuple(Line(_role(role), text) for role, text in buffer),
        message=message,
    )


def _role(stored: str) -> Role:
    return "assistant" if stored == "assistant" else "system" if stored == "system" else "user"
