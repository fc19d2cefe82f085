"""The OpenAI-compatible model against a real HTTP server: answers, streams, retries."""

from __future__ import annotations

import asyncio
import gc
import threading
from collections.abc import Iterator

import pytest

from muxi.core.models.base import Completion, Line, Prompt, Usage
from muxi.core.models.providers.openai import OpenAIModel
from muxi.errors import ModelKeyMissingError, ModelUnavailableError
from tests.support.openai_server import DEFAULT_TEXT, OpenAIServer

PROMPT = Prompt("Be brief.", (), (Line("assistant", "Hello"),), "And now?")


@pytest.fixture
def server() -> Iterator[OpenAIServer]:
    """A fresh server, with no key in the environment unless a test sets one."""
    with OpenAIServer() as server, pytest.MonkeyPatch.context() as patch:
        patch.delenv("OPENAI_API_KEY", raising=False)
        patch.delenv("OPENAI_BASE_URL", raising=False)
        yield server


async def test_complete_gives_text_and_usage(server: OpenAIServer) -> None:
    """The whole answer, with the tokens as the server counts them."""
    server.says("Four.", prompt_tokens=11, completion_tokens=2)
    model = OpenAIModel("m", base_url=server.url)
    assert await model.complete(PROMPT) == Completion("Four.", Usage(11, 2))
    assert model.name == "m"


async def test_the_request_holds_model_messages_and_options(server: OpenAIServer) -> None:
    """What is sent: the prompt as messages, the options that were given and no others, the key as a bearer."""
    await OpenAIModel("m", "k-1", server.url, temperature=0.0, max_tokens=9).complete(PROMPT)
    await OpenAIModel("m", base_url=server.url).complete(PROMPT)
    messages = [
        {"role": "system", "content": "Be brief."},
        {"role": "assistant", "content": "Hello"},
        {"role": "user", "content": "And now?"},
    ]
    first, second = server.requests
    assert first.path == "/v1/chat/completions"
    assert first.headers["authorization"] == "Bearer k-1"
    assert first.body == {"model": "m", "messages": messages, "stream": False, "temperature": 0.0, "max_tokens": 9}
    assert second.body == {"model": "m", "messages": messages, "stream": False}


async def test_key_and_base_url_come_from_the_environment(
    server: OpenAIServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """OPENAI_API_KEY and OPENAI_BASE_URL are the defaults."""
    monkeypatch.setenv("OPENAI_API_KEY", " k-env\n")
    monkeypatch.setenv("OPENAI_BASE_URL", server.url)
    assert (await OpenAIModel("m").complete(PROMPT)).text == DEFAULT_TEXT
    assert server.requests[0].headers["authorization"] == "Bearer k-env"


@pytest.mark.parametrize("base_url", [None, "https://api.openai.com/v1", "https://eu.api.openai.com/v1"])
async def test_openai_without_a_key_fails_at_the_first_call(server: OpenAIServer, base_url: str | None) -> None:
    """A model is made freely; its first call says which variable to set, without going to the network."""
    model = OpenAIModel("gpt-x", base_url=base_url)
    with pytest.raises(ModelKeyMissingError, match=r"'gpt-x' needs an API key: set OPENAI_API_KEY"):
        await model.complete(PROMPT)
    with pytest.raises(ModelKeyMissingError):
        await anext(model.stream(PROMPT))
    with pytest.raises(ModelKeyMissingError):
        await model.embed(["a"])


async def test_other_servers_need_no_key(server: OpenAIServer) -> None:
    """A local server is called without a key, and gets no secret."""
    await OpenAIModel("m", base_url=server.url).complete(PROMPT)
    assert server.requests[0].headers["authorization"] == "Bearer none"


def test_the_key_is_not_in_the_repr() -> None:
    """A model may be printed and logged."""
    assert repr(OpenAIModel("m", "k-secret", "http://h/v1")) == "OpenAIModel('m', base_url='http://h/v1')"


async def test_stream_gives_pieces_then_usage(server: OpenAIServer) -> None:
    """The pieces as they come, then one usage, which was asked for."""
    server.streams("Fo", "ur", ".")
    model = OpenAIModel("m", base_url=server.url)
    assert [piece async for piece in model.stream(PROMPT)] == ["Fo", "ur", ".", Usage(7, 3)]
    assert server.requests[0].body["stream"] is True
    assert server.requests[0].body["stream_options"] == {"include_usage": True}


async def test_a_server_that_does_not_count(server: OpenAIServer) -> None:
    """Without a usage event the last item is a usage of nothing."""
    server.streams("Four.", counts_usage=False)
    assert [piece async for piece in OpenAIModel("m", base_url=server.url).stream(PROMPT)] == ["Four.", Usage()]


async def test_pieces_come_before_the_end(server: OpenAIServer) -> None:
    """The first piece is there while the server has not ended its answer."""
    server.streams_on("Fo")
    stream = OpenAIModel("m", base_url=server.url).stream(PROMPT)
    assert await anext(stream) == "Fo"
    assert not server.hung_up.is_set()
    await stream.aclose()


async def test_closing_the_stream_hangs_up(server: OpenAIServer) -> None:
    """A closed generator closes the connection: the server sees it and can stop computing."""
    server.streams_on("Fo", "ur")
    stream = OpenAIModel("m", base_url=server.url).stream(PROMPT)
    assert await anext(stream) == "Fo"
    await stream.aclose()
    assert await asyncio.to_thread(server.hung_up.wait, 10)


async def test_cancelling_a_reader_hangs_up(server: OpenAIServer) -> None:
    """A cancelled task that waits for the next piece closes the connection too."""
    server.streams_on("Fo")
    first = asyncio.Event()

    async def read() -> None:
        async for _ in OpenAIModel("m", base_url=server.url).stream(PROMPT):
            first.set()

    reader = asyncio.create_task(read())
    await first.wait()
    reader.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reader
    assert await asyncio.to_thread(server.hung_up.wait, 10)


@pytest.mark.parametrize("status", [408, 429, 500, 503])
async def test_passing_failures_are_repeated(server: OpenAIServer, status: int) -> None:
    """A failure that may pass is tried again, and the caller sees only the answer."""
    server.fails(status, retry_after_ms="1").says("Four.")
    assert (await OpenAIModel("m", base_url=server.url).complete(PROMPT)).text == "Four."
    assert len(server.requests) == 2


async def test_a_stream_is_repeated_before_its_first_piece(server: OpenAIServer) -> None:
    """A refused stream is tried again like any call."""
    server.fails(503, retry_after_ms="1").streams("Four.")
    assert [piece async for piece in OpenAIModel("m", base_url=server.url).stream(PROMPT)] == ["Four.", Usage(7, 1)]


async def test_retry_after_is_honoured(server: OpenAIServer) -> None:
    """The next try waits as long as the server asks, which is longer than it would otherwise."""
    server.fails(429, retry_after="1").says("Four.")
    await OpenAIModel("m", base_url=server.url).complete(PROMPT)
    first, second = server.requests
    assert 1.0 <= second.at - first.at < 5


async def test_retries_are_bounded(server: OpenAIServer) -> None:
    """With max_retries=2 there are three tries."""
    for _ in range(5):
        server.fails(500, retry_after_ms="1")
    with pytest.raises(ModelUnavailableError):
        await OpenAIModel("m", base_url=server.url, max_retries=2).complete(PROMPT)
    assert len(server.requests) == 3


def test_one_model_serves_one_loop_after_another(server: OpenAIServer) -> None:
    """Each asyncio.run has a loop of its own; connections of the last one are closed with it, not reused."""
    model = OpenAIModel("m", base_url=server.url)
    for _ in range(3):
        assert asyncio.run(model.complete(PROMPT)).text == DEFAULT_TEXT
    assert len(server.requests) == 3
    assert model._clients.count == 0


def test_one_model_serves_loops_of_several_threads(server: OpenAIServer) -> None:
    """Loops that run at once in several threads do not disturb each other."""
    model = OpenAIModel("m", base_url=server.url)
    texts: list[str] = []

    async def several() -> None:
        texts.extend(answer.text for answer in await asyncio.gather(*(model.complete(PROMPT) for _ in range(4))))

    threads = [threading.Thread(target=asyncio.run, args=(several(),)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert texts == [DEFAULT_TEXT] * 12


async def test_aclose_closes_and_the_model_still_works(server: OpenAIServer) -> None:
    """Closing lets go of the loop's connections; the next call opens new ones."""
    model = OpenAIModel("m", base_url=server.url)
    await model.complete(PROMPT)
    assert model._clients.count == 1
    await model.aclose()
    assert model._clients.count == 0
    assert (await model.complete(PROMPT)).text == DEFAULT_TEXT


async def test_a_dropped_model_closes_its_connections(server: OpenAIServer) -> None:
    """A model that nobody holds any more leaves no connection open, and no warning."""
    model = OpenAIModel("m", base_url=server.url)
    await model.complete(PROMPT)
    del model
    gc.collect()
    assert await asyncio.to_thread(server.idle.wait, 10)
