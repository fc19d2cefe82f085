"""Formations whose extraction a test drives by hand, and models that answer what a test says."""

from __future__ import annotations

import json
import re
from collections import deque
from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

from muxi.core.chat import reply as recipe
from muxi.core.chat.types import Reply, Turn
from muxi.core.formation import Formation
from muxi.core.identity.types import IdentifierInput
from muxi.core.memory.extraction.work import Failure
from muxi.core.models.base import ChatModel, Completion, Prompt, Usage
from muxi.core.models.providers.quote import QuoteModel
from muxi.ids import new_extraction_failure_id
from muxi.settings import FormationSettings
from tests.support.vectors import WordVectors

Answer = str | Exception | Callable[[Prompt], str]


class Scripted:
    """A chat model that answers one entry of its script after the other, and keeps what it was asked."""

    def __init__(self, *script: Answer, name: str = "scripted") -> None:
        self.script: deque[Answer] = deque(script)
        self.asked: list[Prompt] = []
        self._name = name

    @property
    def name(self) -> str:
        return self._name

    async def complete(self, prompt: Prompt) -> Completion:
        self.asked.append(prompt)
        answer = self.script.popleft() if self.script else '{"operations": [], "memories": []}'
        if isinstance(answer, Exception):
            raise answer
        return Completion(answer if isinstance(answer, str) else answer(prompt))

    async def stream(self, prompt: Prompt) -> AsyncGenerator[str | Usage]:
        yield (await self.complete(prompt)).text
        yield Usage()


def by_hand(
    address: str,
    clock: Callable[[], datetime],
    *,
    formation_id: str = "f",
    model: ChatModel | None = None,
    chat_model: ChatModel | None = None,
    memory: dict[str, Any] | None = None,
    **settings: Any,
) -> Formation:
    """A formation that reads what was said only when the test says so (`read`)."""
    provider = "postgres" if address.startswith("postgres") else "sqlite"
    told = {
        "id": formation_id,
        "memory": {
            "persistent": {"provider": provider, "connection_string": address},
            **(memory or {}),
        },
        **settings,
    }
    formation = Formation.open(
        FormationSettings.model_validate(told),
        Path(),
        chat_model=chat_model or QuoteModel(),
        embedding_model=WordVectors(),
        extraction_model=model,
        clock=clock,
    )
    formation.extraction.close()
    return formation


async def say(formation: Formation, who: IdentifierInput, text: str, session: str | None = None) -> Reply:
    """One turn."""
    return await recipe.reply(formation, Turn(text, who, session))


async def read(formation: Formation) -> int:
    """Reads all that waits, and says in how many batches."""
    batches = 0
    while await formation.extraction.worker.step(hurried=True):
        batches += 1
    return batches


def operation(path: str, value: Any, op: str = "replace", *messages: str, confidence: float = 0.9) -> dict[str, Any]:
    """One operation of an answer."""
    return {
        "op": op,
        "path": path,
        "value": value,
        "confidence": confidence,
        "importance": 0.7,
        "messages": list(messages or ("m1",)),
    }


def answer(*operations: dict[str, Any], memories: Sequence[dict[str, Any]] = ()) -> str:
    """A whole answer."""
    return json.dumps({"operations": list(operations), "memories": list(memories)})


def likes_everything(prompt: Prompt) -> str:
    """Makes an operation of each message "I like X" that it is given."""
    told = [json.loads(line) for line in re.findall(r"^\{\"id\".*$", prompt.message, re.MULTILINE)]
    liked = [(one["id"], one["user"].removeprefix("I like ")) for one in told if one["user"].startswith("I like ")]
    return answer(*(operation("preferences.likes", value, "add", name) for name, value in liked))


def live(formation: Formation, who: IdentifierInput) -> dict[str, Any]:
    """What is known of somebody."""
    user = formation.identities.find(who)
    return formation.context.get(user.id) if user else {}


def told(formation: Formation, who: IdentifierInput, path: str) -> list[tuple[Any, bool, int]]:
    """The facts at a path, oldest first: the value, whether it holds, how often it was said."""
    user = formation.identities.resolve(who)
    facts = formation.context.history(user.id, path, limit=200).items
    return [(fact.value, fact.superseded_at is None, fact.times) for fact in reversed(facts)]


def bury(formation: Formation, who: IdentifierInput, *, last: int = 1) -> str:
    """Makes a dead letter of the first messages of a user, as if they had failed too often; returns its id."""
    user = formation.identities.resolve(who)
    letter = Failure(new_extraction_failure_id(), user.id, 1, last, "model_error", "It failed.", 5, formation.clock())
    store: Any = formation.extraction._store
    with formation.storage._database.transaction() as conn:
        store._sql.add_failure(conn, formation_id=formation.id, **asdict(letter))
    return letter.id
