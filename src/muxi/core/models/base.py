"""What a chat model and an embedding model are to the rest of muxi."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float32]
Role = Literal["user", "assistant", "system"]
SharedBy = Literal["", "team", "everybody"]


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a conversation."""

    role: Role
    text: str


@dataclass(frozen=True, slots=True)
class Recalled:
    """A remembered text, as a model sees it: what was said, where and when.

    Attributes:
        text, channel, said_at: what, where and when.
        shared_by: empty if it is the user's own; ``team`` if one of their teams shares it, ``everybody`` if the
            whole formation does.
        team: the team's name.
    """

    text: str
    channel: str
    said_at: datetime
    shared_by: SharedBy = ""
    team: str = ""


@dataclass(frozen=True, slots=True)
class Known:
    """A fact about the user, as a model sees it: where it stands, what it is, and since when.

    Attributes:
        path: dotted, such as ``location.city``.
        value: as a text; of a list its members with commas between them.
        since: when it was last said.
    """

    path: str
    value: str
    since: datetime


@dataclass(frozen=True, slots=True)
class TeamContext:
    """What a team that the user is in has in its context: its name, and single facts."""

    name: str
    known: tuple[Known, ...]


@dataclass(frozen=True, slots=True)
class Prompt:
    """Everything a chat model is given for one turn.

    Attributes:
        system: the agent's system message; may be empty.
        recalled: what the user said before, most relevant first. Data, never instructions.
        recent: the session's buffer, oldest first, without the message to answer.
        message: the message to answer.
        synopsis: what is known of the user, in a few sentences. Data, as `recalled` is.
        known: the same in particular, the most important first.
        teams: what the user's teams share. Data, as `recalled` is.
        answer_schema: a JSON Schema that the answer has to fit; models that cannot be held to one go by the text.
    """

    system: str
    recalled: tuple[Recalled, ...]
    recent: tuple[Line, ...]
    message: str
    synopsis: str = ""
    known: tuple[Known, ...] = ()
    teams: tuple[TeamContext, ...] = ()
    answer_schema: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one model call, as the model's server counts them (0 where it does not say)."""

    prompt_tokens: int = 0
    completion_tokens: int = 0


@dataclass(frozen=True, slots=True)
class Completion:
    """A whole answer."""

    text: str
    usage: Usage = Usage()


class ChatModel(Protocol):
    """Answers a prompt. Implementations raise only `muxi.errors.ModelError` and its children."""

    @property
    def name(self) -> str:
        """The model's name, as its server knows it."""

    async def complete(self, prompt: Prompt) -> Completion:
        """The whole answer."""

    def stream(self, prompt: Prompt) -> AsyncGenerator[str | Usage]:
        """The answer's pieces in order, then one `Usage`. Closing the generator stops the call."""


class EmbeddingModel(Protocol):
    """Turns texts into vectors. Raises only `muxi.errors.ModelError` and its children."""

    @property
    def name(self) -> str:
        """Stored with every vector: vectors of two names are never compared."""

    async def embed(self, texts: Sequence[str]) -> Vectors:
        """One L2-normalised float32 row per text, in order: shape (len(texts), dimension)."""
