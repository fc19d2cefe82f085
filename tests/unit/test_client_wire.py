"""Both clients over a real connection, against a server that answers what it is told to."""

from __future__ import annotations

import asyncio
import gc
import inspect
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from muxi import AsyncFormationClient, FormationClient
from muxi.client import retry
from muxi.client.proofs import AsyncProofs, Proofs
from muxi.client.replies import Usage
from muxi.client.users import AsyncUsers, Users
from muxi.errors import (
    AgentNotFoundError,
    AuthenticationError,
    IdentifierConflictError,
    InvalidIdentifierError,
    ModelInterruptedError,
    ModelTimeoutError,
    ModelUnavailableError,
    MuxiError,
    ServerUnreachableError,
    StorageBusyError,
)
from tests.support.both_clients import KINDS, Use
from tests.support.scripted_server import Answer, ScriptedServer, events, ok, problem, running

KEY = "mk_client_0123456789abcdef"
REPLY = {
    "text": "Grüße\u2028Tea.",
    "user_id": "usr_1",
    "session_id": "ses_1",
    "message_id": "msg_1",
    "agent": "assistant",
    "recalled": [],
    "usage": {"prompt_tokens": 0, "completion_tokens": 0},
}
PIECES = ["Grüße\u2028", "Tea."]
SAID = [("piece", {"text": piece}) for piece in PIECES]
WHOLE = [*SAID, ("reply", REPLY), ("usage", {"prompt_tokens": 3, "completion_tokens": 4})]
BUSY = problem(503, "storage_busy", "The database is busy.")
HUNG_UP = Answer(0)


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with running() as server:
        yield server


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Retries happen without the pauses in between."""
    monkeypatch.setattr(retry, "FIRST_PAUSE", 0.0)


@pytest.fixture(params=list(KINDS.values()), ids=list(KINDS))
def use(request: pytest.FixtureRequest) -> Use:
    """Calls a method of a fresh client of each kind; loops to the end over what can be looped over."""
    return request.param  # type: ignore[no-any-return]


def test_a_chat_crosses_the_wire(server: ScriptedServer, use: Use) -> None:
    """Key, user, idempotency key and body arrive; the reply comes back."""
    server.answers = [ok(REPLY)]
    reply = use(server.url, KEY, "chat", "Hällo", "Zoë")
    asked = server.asked[0]
    assert (reply.text, reply.user_id, reply.agent) == (REPLY["text"], "usr_1", "assistant")
    assert (asked.method, asked.path, asked.json) == ("POST", "/v1/chat", {"message": "Hällo"})
    assert asked.headers["x-muxi-client-key"] == KEY
    assert asked.headers["x-muxi-user-id"].encode("latin-1").decode() == "Zoë"
    assert len(server.asked) == 1


@pytest.mark.parametrize("first", [BUSY, HUNG_UP, problem(429, "slow_down"), Answer(502, content_type="text/html")])
def test_what_passes_is_tried_again_under_the_same_key(server: ScriptedServer, use: Use, first: Answer) -> None:
    """A chat that failed in passing is sent again, three times at most, with one idempotency key."""
    server.answers = [first, first, ok(REPLY)]
    assert use(server.url, KEY, "chat", "Hello", "alice").message_id == "msg_1"
    assert len(server.asked) == 3
    assert len({asked.headers["idempotency-key"] for asked in server.asked}) == 1


def test_three_attempts_are_all(server: ScriptedServer, use: Use) -> None:
    """After the third failure the error is raised as it is."""
    server.answers = [BUSY]
    with pytest.raises(StorageBusyError, match="The database is busy"):
        use(server.url, KEY, "chat", "Hello", "alice")
    assert len(server.asked) == 3


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (problem(502, "model_unavailable"), ModelUnavailableError),
        (problem(504, "model_timeout"), ModelTimeoutError),
        (problem(401, "authentication_failed"), AuthenticationError),
        (problem(404, "agent_not_found"), AgentNotFoundError),
        (problem(500, "internal_error"), MuxiError),
    ],
)
def test_what_stays_is_raised_at_once(server: ScriptedServer, use: Use, answer: Answer, kind: type[MuxiError]) -> None:
    """A failed model is not asked again behind the caller's back, nor is a refusal."""
    server.answers = [answer]
    with pytest.raises(kind) as caught:
        use(server.url, KEY, "chat", "Hello", "alice")
    assert type(caught.value) is kind
    assert len(server.asked) == 1


def test_an_unlink_is_sent_once(server: ScriptedServer, use: Use) -> None:
    """What may have happened already is not repeated."""
    server.answers = [HUNG_UP, ok({"muxi_user_id": "usr_1", "identifiers": []})]
    with pytest.raises(ServerUnreachableError):
        use(server.url, KEY, "unlink_user_identifier", "alice")
    assert len(server.asked) == 1


def test_a_conflict_names_its_identifiers(server: ScriptedServer, use: Use) -> None:
    """Members of a problem document are the error's details."""
    server.answers = [problem(409, "identifier_conflict", "Taken.", identifiers=["alice"], request_id="r1")]
    with pytest.raises(IdentifierConflictError, match=r"Taken\.") as caught:
        use(server.url, KEY, "associate_user_identifiers", ["alice"], user_id="usr_bob")
    assert caught.value.details == {"identifiers": ["alice"], "request_id": "r1"}


def test_no_server_is_named_with_its_address(use: Use) -> None:
    """Without a server the error says which one was asked."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
        with pytest.raises(ServerUnreachableError, match=f"no connection to {url}"):
            use(url, KEY, "health")


def test_silence_ends_with_the_timeout(server: ScriptedServer, use: Use) -> None:
    """A server that does not answer in time is reported after one time-out, not three."""
    server.answers = [ok(REPLY, hold=threading.Event())]
    with pytest.raises(ServerUnreachableError, match=r"did not answer in 0\.2 s"):
        use(server.url, KEY, "chat", "Hello", "alice", timeout=0.2)
    server.answers[0].hold.set()  # type: ignore[union-attr]
    assert len(server.asked) == 1


def test_no_header_can_be_slipped_in(server: ScriptedServer, use: Use) -> None:
    """An identifier with a line break is refused, and nothing is sent."""
    for name in ("list_sessions", "get_user_identifiers", "resolve_user", "list_memories"):
        with pytest.raises(InvalidIdentifierError):
            use(server.url, KEY, name, "alice\r\nX-Muxi-Admin-Key: stolen")
    assert server.asked == []


def test_all_pages_are_fetched(server: ScriptedServer, use: Use) -> None:
    """iter_sessions follows the cursors to the end."""
    session = {"name": "", "channel": "web", "started_at": "2026-01-01T00:00:00Z", "messages": 1}
    pages = [
        {"sessions": [session | {"session_id": name, "last_at": "2026-01-01T00:00:00Z"}], "next_cursor": cursor}
        for name, cursor in (("ses_3", "c1"), ("ses_2", "c2"), ("ses_1", None))
    ]
    server.answers = [ok(page) for page in pages]
    found = use(server.url, KEY, "iter_sessions", "alice", limit=1)
    assert [each.session_id for each in found] == ["ses_3", "ses_2", "ses_1"]
    assert [asked.path for asked in server.asked] == [
        "/v1/sessions?limit=1",
        "/v1/sessions?limit=1&cursor=c1",
        "/v1/sessions?limit=1&cursor=c2",
    ]


def test_nothing_comes_back_from_a_deletion(server: ScriptedServer, use: Use) -> None:
    """204 without a body is a success."""
    server.answers = [Answer(204)]
    assert use(server.url, KEY, "delete_memory", "mem_1", "alice") is None


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_a_stream_brings_pieces_then_the_reply(server: ScriptedServer, kind: str) -> None:
    """The pieces come in order, line separators and all; then the reply is there, with the usage of the last event."""
    server.answers = [events(*WHOLE)]

    async def read() -> tuple[list[str], Any]:
        async with AsyncFormationClient(server.url) as client, client.chat_stream("Hello", "alice") as stream:
            return [piece async for piece in stream], stream.reply

    if kind == "async":
        pieces, reply = asyncio.run(read())
    else:
        with FormationClient(server.url) as client, client.chat_stream("Hello", "alice") as stream:
            with pytest.raises(RuntimeError, match="not complete"):
                _ = stream.reply
            pieces, reply = list(stream), stream.reply
    assert pieces == PIECES
    assert (reply.text, reply.usage) == (REPLY["text"], Usage(3, 4))
    assert server.asked[0].json == {"message": "Hello", "stream": True}


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (events(*SAID), ModelInterruptedError),
        (events(*SAID, whole=False), ModelInterruptedError),
        (events(*SAID, ("error", {"code": "model_timeout", "detail": "x", "status": 504})), ModelTimeoutError),
        (events(("piece", {"wrong": 1})), MuxiError),
        (ok(REPLY), MuxiError),
        (problem(404, "agent_not_found"), AgentNotFoundError),
    ],
)
def test_a_stream_that_fails(server: ScriptedServer, use: Use, answer: Answer, kind: type[MuxiError]) -> None:
    """It raises the typed error, before or after pieces, and is sent once."""
    server.answers = [answer]
    with pytest.raises(kind) as caught:
        use(server.url, KEY, "chat_stream", "Hello", "alice")
    assert type(caught.value) is kind
    assert len(server.asked) == 1


def test_a_stream_is_tried_again_before_it_begins(server: ScriptedServer, use: Use) -> None:
    """A refusal in passing is not the caller's trouble, as long as no piece was handed out."""
    server.answers = [BUSY, HUNG_UP, events(*WHOLE)]
    assert use(server.url, KEY, "chat_stream", "Hello", "alice") == PIECES
    assert len({asked.headers["idempotency-key"] for asked in server.asked}) == 1


def endless() -> Answer:
    """More than any buffer between here and there holds, so that the server notices who reads it."""
    return events(*[("piece", {"text": "x" * 10_000})] * 5_000)


def test_leaving_early_hangs_up(server: ScriptedServer) -> None:
    """A `with` block that is left ends the connection, and so does dropping the stream."""
    server.answers = [endless()]
    with FormationClient(server.url) as client:
        with client.chat_stream("Hello", "alice") as stream:
            assert next(stream)
        assert server.hung_up.wait(10)
        server.hung_up.clear()
        for _ in client.chat_stream("Hello", "alice"):
            break
        gc.collect()
        assert server.hung_up.wait(10)


async def test_leaving_early_hangs_up_async(server: ScriptedServer) -> None:
    """The same with asyncio; a cancelled task hangs up too."""
    server.answers = [endless()]
    async with AsyncFormationClient(server.url) as client:
        async with client.chat_stream("Hello", "alice") as stream:
            assert await anext(stream)
        assert await asyncio.to_thread(server.hung_up.wait, 10)
        server.hung_up.clear()
        async for _ in client.chat_stream("Hello", "alice"):
            break
        assert await asyncio.to_thread(server.hung_up.wait, 10)


def test_threads_share_a_client(server: ScriptedServer) -> None:
    """One client answers many threads at once."""
    server.answers = [ok(REPLY)]
    with FormationClient(server.url) as client, ThreadPoolExecutor(8) as pool:
        replies = list(pool.map(lambda number: client.chat("Hello", number), range(40)))
    assert [reply.message_id for reply in replies] == ["msg_1"] * 40
    assert {asked.headers["x-muxi-user-id"] for asked in server.asked} == {str(number) for number in range(40)}


def test_a_key_is_in_no_error(server: ScriptedServer, use: Use, caplog: pytest.LogCaptureFixture) -> None:
    """Neither an error nor a log line shows the key."""
    caplog.set_level(0)
    server.answers = [problem(401, "authentication_failed", "The key is wrong.")]
    with pytest.raises(AuthenticationError) as caught:
        use(server.url, KEY, "health")
    assert KEY not in repr(caught.value) + repr(caught.value.details) + caplog.text


def methods(kind: type) -> dict[str, inspect.Signature]:
    return {name: inspect.signature(member) for name, member in inspect.getmembers(kind, inspect.isfunction)}


TWINS = [(FormationClient, AsyncFormationClient), (Users, AsyncUsers), (Proofs, AsyncProofs)]


@pytest.mark.parametrize(("one", "other"), TWINS)
def test_the_two_clients_are_twins(one: type, other: type) -> None:
    """Both have the same public methods with the same arguments and, apart from waiting, the same results."""
    plain, awaited = methods(one), methods(other)
    public = {name for name in plain if not name.startswith("_")}
    assert public == {name for name in awaited if not name.startswith("_")}
    assert {name: plain[name].parameters for name in public} == {name: awaited[name].parameters for name in public}
    made = [[str(one) for one in kind["__init__"].parameters.values()] for kind in (plain, awaited)]
    assert made[0] == [one.replace("AsyncWire", "Wire") for one in made[1]]
    results = {name: str(plain[name].return_annotation) for name in public}
    assert results == {name: str(awaited[name].return_annotation).replace("Async", "", 1) for name in public}


def test_every_public_method_is_explained() -> None:
    """Each method of both clients and of their parts has a docstring."""
    for kind in (kind for twins in TWINS for kind in twins):
        assert [name for name in methods(kind) if not name.startswith("_") and not getattr(kind, name).__doc__] == []


def test_a_closed_client_says_so(server: ScriptedServer) -> None:
    """After close() nothing is sent any more."""
    client = FormationClient(server.url)
    client.close()
    with pytest.raises(RuntimeError, match="closed"):
        client.health()
