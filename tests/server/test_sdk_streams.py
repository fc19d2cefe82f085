"""Streamed answers through both clients, against a real server process on both databases."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from muxi import AsyncFormationClient, FormationClient
from muxi.client import requests
from muxi.client.replies import Usage
from muxi.client.streams import ReplyStream
from muxi.errors import AgentNotFoundError, ModelInterruptedError, ModelKeyRejectedError
from tests.support.openai_server import OpenAIServer
from tests.support.server_process import ServerProcess

Call = Callable[..., Any]
Someone = Callable[[str], str]


async def test_pieces_make_the_reply(server: ServerProcess, chat_model: OpenAIServer, someone: Someone) -> None:
    """Both clients get the same pieces in order, and a reply with text, usage and what is stored."""
    pieces = ["Grüße, ", "line\u2028break\n\n", "data: x", "!"]
    email = someone("alice")
    chat_model.streams(*pieces).streams(*pieces)

    def read() -> tuple[list[str], Any]:
        with FormationClient(server.url, client_key=server.client_key) as client:
            stream = client.chat_stream("Hello", email, agent="scripted")
            return list(stream), stream.reply

    async with AsyncFormationClient(server.url, client_key=server.client_key) as client:
        stream = client.chat_stream("Hello", email, agent="scripted")
        awaited = [piece async for piece in stream]
        blocking, reply = await asyncio.to_thread(read)
        assert awaited == blocking == pieces
        assert stream.reply.text == reply.text == "".join(pieces)
        assert (reply.agent, reply.usage) == ("scripted", Usage(7, 4))
        newest = await client.list_messages(reply.session_id, email, limit=1)
        assert (newest[0].message_id, newest[0].text) == (reply.message_id, reply.text)


def test_a_refusal_comes_before_any_piece(call: Call, someone: Someone) -> None:
    """An agent that is not there is a typed error, not a stream."""
    with pytest.raises(AgentNotFoundError):
        call("chat_stream", "Hello", someone("alice"), agent="nobody")


@pytest.mark.parametrize("break_it", [OpenAIServer.breaks_off, OpenAIServer.stops_short], ids=["drops", "stops"])
def test_a_model_that_dies_half_way(call: Call, chat_model: OpenAIServer, someone: Someone, break_it: Any) -> None:
    """The error is typed, nothing of the exchange is stored, and the next request works."""
    email = someone("alice")
    break_it(chat_model, "Half ", "an ")
    with pytest.raises(ModelInterruptedError):
        call("chat_stream", "Remember me.", email, agent="scripted")
    assert list(call("list_memories", email)) == []
    assert [session.messages for session in call("list_sessions", email)] in ([], [0])
    chat_model.says("Whole again.")
    assert str(call("chat", "Hello", email, agent="scripted")) == "Whole again."


def test_a_model_that_fails_is_asked_no_more(call: Call, chat_model: OpenAIServer, someone: Someone) -> None:
    """An answer 502 that says that the model failed is not tried again by the client."""
    before = len(chat_model.requests)
    chat_model.fails(401)
    with pytest.raises(ModelKeyRejectedError):
        call("chat", "Hello", someone("alice"), agent="scripted")
    assert len(chat_model.requests) - before == 1


def test_hanging_up_stops_the_model(server: ServerProcess, chat_model: OpenAIServer, someone: Someone) -> None:
    """Leaving the block ends the model's call at the other end of the server, and nothing is stored."""
    email = someone("alice")
    chat_model.hung_up.clear()
    chat_model.streams_on("Once ", "upon ")
    with FormationClient(server.url, client_key=server.client_key) as client:
        with client.chat_stream("Tell me a story", email, agent="scripted") as stream:
            assert next(stream) == "Once "
        assert chat_model.hung_up.wait(10)
        assert list(client.list_memories(email)) == []


async def test_cancelling_stops_the_model(server: ServerProcess, chat_model: OpenAIServer, someone: Someone) -> None:
    """A cancelled task ends the model's call too."""
    email, begun = someone("alice"), asyncio.Event()
    chat_model.hung_up.clear()
    chat_model.streams_on("Once ", "upon ")
    async with AsyncFormationClient(server.url, client_key=server.client_key) as client:

        async def read() -> None:
            async with client.chat_stream("Tell me a story", email, agent="scripted") as stream:
                async for _ in stream:
                    begun.set()

        task = asyncio.create_task(read())
        await begun.wait()
        task.cancel()
        assert await asyncio.to_thread(chat_model.hung_up.wait, 10)
        with pytest.raises(asyncio.CancelledError):
            await task
        assert list(await client.list_memories(email)) == []


def test_a_repeated_stream_gives_the_first_answer(server: ServerProcess, someone: Someone) -> None:
    """A stream that arrives twice under one idempotency key is stored once and answered alike."""
    email = someone("alice")
    request = requests.chat("I live in Ravenna.", email, stream=True)
    with FormationClient(server.url, client_key=server.client_key) as client:
        streams = [ReplyStream(client._wire.opened, request, client._wire.connection) for _ in range(2)]
        texts = ["".join(stream) for stream in streams]
        assert texts[0] == texts[1] == streams[1].reply.text
        assert streams[0].reply.message_id == streams[1].reply.message_id
        assert len(client.list_memories(email)) == 1


async def test_a_stream_that_is_dropped_raises_nothing(server: ServerProcess, someone: Someone) -> None:
    """A stream that nobody reads sends nothing."""
    email = someone("alice")
    async with AsyncFormationClient(server.url, client_key=server.client_key) as client:
        client.chat_stream("Hello", email)
        assert list(await client.list_sessions(email)) == []
