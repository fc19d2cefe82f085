"""Whatever an OpenAI-compatible server does wrong is one of our errors, in our words."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from muxi.core.models.base import Prompt
from muxi.core.models.providers.openai import OpenAIModel
from muxi.errors import (
    ModelContextFullError,
    ModelError,
    ModelInterruptedError,
    ModelKeyRejectedError,
    ModelNotFoundError,
    ModelRateLimitedError,
    ModelResponseError,
    ModelTimeoutError,
    ModelUnavailableError,
)
from tests.support.openai_server import OpenAIServer

PROMPT = Prompt("", (), (), "Hi")
KEY = "k-very-secret"


@pytest.fixture
def server() -> Iterator[OpenAIServer]:
    """A fresh server."""
    with OpenAIServer() as server:
        yield server


def model_at(server: OpenAIServer, *, timeout: float = 20.0) -> OpenAIModel:
    """A model that does not retry, so that the fault shows at once."""
    return OpenAIModel("m", KEY, server.url, timeout=timeout, max_retries=0)


async def read(model: OpenAIModel) -> list[object]:
    """The whole stream."""
    return [piece async for piece in model.stream(PROMPT)]


REFUSALS = [
    (401, None, None, ModelKeyRejectedError),
    (403, None, None, ModelKeyRejectedError),
    (404, None, None, ModelNotFoundError),
    (403, "model_not_found", None, ModelNotFoundError),
    (400, "context_length_exceeded", None, ModelContextFullError),
    (400, "400", "exceed_context_size_error", ModelContextFullError),
    (413, None, None, ModelContextFullError),
    (429, None, None, ModelRateLimitedError),
    (429, "insufficient_quota", None, ModelRateLimitedError),
    (408, None, None, ModelTimeoutError),
    (500, None, None, ModelUnavailableError),
    (503, None, None, ModelUnavailableError),
    (400, None, None, ModelError),
    (422, None, None, ModelError),
]


@pytest.mark.parametrize(("status", "code", "kind", "error"), REFUSALS)
async def test_each_refusal_has_its_error(
    server: OpenAIServer, status: int, code: str | None, kind: str | None, error: type[ModelError]
) -> None:
    """Completing, streaming and embedding raise the same error for the same status and code."""
    for _ in range(3):
        server.fails(status, code=code, kind=kind, message=f"remote words {KEY}")
    model = model_at(server)
    for call in (model.complete(PROMPT), read(model), model.embed(["a"])):
        with pytest.raises(ModelError) as raised:
            await call
        assert type(raised.value) is error
        assert "'m'" in raised.value.message
        assert "remote words" not in raised.value.message
        assert KEY not in raised.value.message


async def test_a_full_context_told_in_words_only(server: OpenAIServer) -> None:
    """Servers that give no code say "maximum context length" in their message."""
    server.fails(400, message="This model's maximum context length is 512 tokens.")
    with pytest.raises(ModelContextFullError, match="larger than the context of the model 'm'"):
        await model_at(server).complete(PROMPT)


async def test_an_unknown_model_is_named(server: OpenAIServer) -> None:
    """The message names the model and the server, and what to check; the details hold the name."""
    server.fails(404, code="model_not_found")
    with pytest.raises(ModelNotFoundError, match=r"127\.0\.0\.1 does not know the model 'm' \(status 404\)") as raised:
        await model_at(server).complete(PROMPT)
    assert raised.value.details == {"model": "m"}


async def test_a_server_that_hangs_is_a_timeout(server: OpenAIServer) -> None:
    """No answer within the time-out; the next call works."""
    server.hangs().hangs()
    with pytest.raises(ModelTimeoutError):
        await model_at(server, timeout=0.2).complete(PROMPT)
    with pytest.raises(ModelTimeoutError):
        await read(model_at(server, timeout=0.2))
    assert (await model_at(server).complete(PROMPT)).text


async def test_a_stream_that_hangs_half_way_is_a_timeout(server: OpenAIServer) -> None:
    """A piece came, the next does not within the time-out."""
    server.hangs_after("Fo")
    stream = model_at(server, timeout=0.5).stream(PROMPT)
    assert await anext(stream) == "Fo"
    with pytest.raises(ModelTimeoutError):
        await anext(stream)


async def test_nobody_listening_is_unavailable() -> None:
    """A closed port: the server cannot be reached."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    model = OpenAIModel("m", base_url=f"http://127.0.0.1:{port}/v1", max_retries=0)
    with pytest.raises(ModelUnavailableError, match="cannot be reached"):
        await model.complete(PROMPT)


async def test_a_stream_that_dies_half_way_is_interrupted(server: OpenAIServer) -> None:
    """The connection drops, the answer stops short, or an error takes its place: the pieces so far, then an error."""
    for script in (server.breaks_off, server.stops_short, server.fails_after):
        script("Fo", "ur")
        stream = model_at(server).stream(PROMPT)
        assert [await anext(stream), await anext(stream)] == ["Fo", "ur"]
        with pytest.raises(ModelInterruptedError, match="broke off half-way"):
            await anext(stream)


async def test_a_context_that_fills_up_half_way(server: OpenAIServer) -> None:
    """An error event with the code of a full context is a full context."""
    server.fails_after("Fo", code="context_length_exceeded")
    with pytest.raises(ModelContextFullError):
        await read(model_at(server))


@pytest.mark.parametrize(
    "body", ["", "not json", "[]", "{}", '{"choices": []}', '{"choices": [{}]}', '{"choices": [{"message": {}}]}', "7"]
)
async def test_an_unreadable_answer(server: OpenAIServer, body: str) -> None:
    """Broken JSON, another shape, no choice, no text: the answer cannot be used."""
    server.sends(body).sends(body, "text/html")
    for _ in range(2):
        with pytest.raises(ModelResponseError, match="cannot be used"):
            await model_at(server).complete(PROMPT)


@pytest.mark.parametrize("event", ["not json", "[1]", "7", '{"choices": [{}]}', '{"choices": 7}'])
async def test_an_unreadable_piece(server: OpenAIServer, event: str) -> None:
    """A stream's event that is broken or of another shape: the answer cannot be used."""
    server.sends(f"data: {event}\n\ndata: [DONE]\n\n", "text/event-stream")
    with pytest.raises(ModelResponseError, match="cannot be used"):
        await read(model_at(server))


async def test_an_empty_answer_is_none(server: OpenAIServer) -> None:
    """An answer without text is an error, streamed or not."""
    server.says("").streams()
    with pytest.raises(ModelResponseError, match="holds no text"):
        await model_at(server).complete(PROMPT)
    with pytest.raises(ModelResponseError, match="holds no text"):
        await read(model_at(server))
