"""Chat and streaming against a real model behind a real OpenAI-compatible server."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator

import httpx
import pytest

from muxi.core.models.base import Line, Prompt
from muxi.core.models.providers.openai import OpenAIModel
from muxi.errors import ModelContextFullError
from tests.support.small_model import CONTEXT_TOKENS, NAME, small_model

pytestmark = pytest.mark.model

PROMPT = Prompt("You are friendly.", (), (Line("user", "Hi"), Line("assistant", "Hello!")), "How are you today?")


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """The model's server, for all tests of this file."""
    with small_model() as url:
        yield url


def model_at(url: str, max_tokens: int = 16) -> OpenAIModel:
    """The model, without chance in its answers."""
    return OpenAIModel(NAME, base_url=url, temperature=0.0, max_tokens=max_tokens)


async def test_complete_answers_and_counts(url: str) -> None:
    """A real answer has text, and tokens within what was asked for."""
    completion = await model_at(url).complete(PROMPT)
    assert completion.text.strip()
    assert completion.usage.prompt_tokens > 20
    assert 0 < completion.usage.completion_tokens <= 16


async def test_the_stream_joins_to_the_answer(url: str) -> None:
    """Without chance the pieces join to the same text as the whole answer, and the usage is the same."""
    model = model_at(url)
    *pieces, usage = [piece async for piece in model.stream(PROMPT)]
    whole = await model.complete(PROMPT)
    assert len(pieces) > 3
    assert "".join(str(piece) for piece in pieces).strip() == whole.text.strip()
    assert usage == whole.usage


async def test_a_prompt_larger_than_the_context(url: str) -> None:
    """The real server's refusal is our error, completing and streaming."""
    prompt = Prompt("", (), (), "Hello " * CONTEXT_TOKENS * 2)
    with pytest.raises(ModelContextFullError):
        await model_at(url).complete(prompt)
    with pytest.raises(ModelContextFullError):
        await anext(model_at(url).stream(prompt))


def tokens_computed(url: str) -> int:
    """How many tokens the server has computed for answers that are over."""
    metrics = httpx.get(url.removesuffix("/v1") + "/metrics").text
    return int(re.search(r"^llamacpp:tokens_predicted_total (\d+)$", metrics, re.MULTILINE)[1])  # type: ignore[index]


async def test_hanging_up_stops_the_model(url: str) -> None:
    """The server gives up an answer of 900 tokens when its reader hangs up, and turns to the next."""
    before = await asyncio.to_thread(tokens_computed, url)
    story = model_at(url, max_tokens=900).stream(Prompt("", (), (), "Write a long story about a dragon."))
    assert isinstance(await anext(story), str)
    await story.aclose()
    # One answer at a time: when this one is there, the story is over.
    completion = await model_at(url, max_tokens=2).complete(PROMPT)
    assert completion.usage.completion_tokens == 2
    assert await asyncio.to_thread(tokens_computed, url) - before < 300
