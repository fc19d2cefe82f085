"""How the client reads answers and refusals."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

import muxi.errors
from muxi.client import answers, faults, reading, requests, retry
from muxi.client.connection import Connection
from muxi.client.replies import Hit, LinkedIdentifier, Memory, Message, Page, Reply, ResolvedUser, Session, Usage, User
from muxi.errors import MuxiError

CONNECTION = Connection("http://h:1", "default", 30.0, {})
MOMENT = datetime(2026, 1, 2, 3, 4, 5, 600000, tzinfo=UTC)
WRITTEN = "2026-01-02T03:04:05.600000Z"

MEMORY = {
    "memory_id": "mem_1",
    "text": "Likes tea",
    "kind": "note",
    "importance": 0.5,
    "channel": "api",
    "agent": "",
    "session_id": "",
    "said_at": WRITTEN,
    "created_at": WRITTEN,
    "metadata": {"k": 1},
    "a_later_member": True,
}
A_MEMORY = Memory("mem_1", "Likes tea", "note", 0.5, "api", "", "", MOMENT, MOMENT, {"k": 1})
REPLY = {
    "text": "Tea.",
    "user_id": "usr_1",
    "session_id": "ses_1",
    "message_id": "msg_1",
    "agent": "assistant",
    "recalled": [{"memory": MEMORY, "score": 1.5}],
    "usage": {"prompt_tokens": 3, "completion_tokens": 4},
}
A_REPLY = Reply("Tea.", "usr_1", "ses_1", "msg_1", "assistant", (Hit(A_MEMORY, 1.5),), Usage(3, 4))


def response(status: int, body: Any, content_type: str = "application/problem+json", **headers: str) -> httpx.Response:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return httpx.Response(status, content=content, headers={"content-type": content_type} | headers)


def test_a_reply_is_its_text() -> None:
    """A reply holds what it rests on, and is its text where text is wanted."""
    read = reading.reply(REPLY)
    assert read == A_REPLY
    assert (str(read), read.recalled[0].text) == ("Tea.", "Likes tea")


def test_every_answer_has_its_value() -> None:
    """Users, identifiers, sessions, messages, memories and hits become values; times become datetimes."""
    linked = {"identifier": "U1", "type": "slack", "linked_at": WRITTEN, "linked_by": "associate", "verified_at": None}
    session = {"session_id": "ses_1", "name": "", "channel": "web", "started_at": WRITTEN, "last_at": WRITTEN}
    message = {"message_id": "msg_1", "seq": 1, "role": "user", "text": "Hi", "agent": "a", "metadata": {}}
    assert reading.resolved_user({"muxi_user_id": "usr_1", "created": True, "created_at": WRITTEN}) == ResolvedUser(
        "usr_1", True, MOMENT
    )
    assert reading.user({"muxi_user_id": "usr_1", "created_at": WRITTEN, "identifiers": [linked]}) == User(
        "usr_1", MOMENT, (LinkedIdentifier("U1", "slack", MOMENT, "associate", None),)
    )
    assert reading.linked_identifier(linked | {"verified_at": WRITTEN}).verified_at == MOMENT
    assert reading.shown_identifiers({"identifiers": [linked]}) == ["U1"]
    assert reading.session_page({"sessions": [session | {"messages": 2}], "next_cursor": None}) == Page(
        (Session("ses_1", "", "web", MOMENT, MOMENT, 2),), None
    )
    assert reading.message_page({"messages": [message | {"created_at": WRITTEN}], "next_cursor": "c"}) == Page(
        (Message("msg_1", 1, "user", "Hi", "a", {}, MOMENT),), "c"
    )
    assert reading.memories({"memories": [MEMORY]}) == [A_MEMORY]
    assert reading.hits({"hits": [{"memory": MEMORY, "score": 2}]}) == [Hit(A_MEMORY, 2)]


def test_a_page_is_like_a_list() -> None:
    """A page can be looped over, counted and indexed."""
    page = Page(("a", "b"), None)
    assert (list(page), len(page), page[1]) == (["a", "b"], 2, "b")


@pytest.mark.parametrize("kind", faults.BY_CODE.values(), ids=lambda kind: kind.__name__)
def test_every_error_of_the_tree_crosses_the_wire(kind: type[MuxiError]) -> None:
    """A problem document gives back the very class, with its message and details."""
    document = {"code": kind.code, "status": kind.status, "detail": "So it is.", "title": kind.title(), "x": [1]}
    error = faults.refused(response(kind.status, document), CONNECTION)
    assert type(error) is kind
    assert (error.message, str(error), error.details) == ("So it is.", "So it is.", {"x": [1]})


def test_no_two_errors_share_a_code() -> None:
    """The table of codes misses no class of the tree."""
    classes = {kind for kind in vars(muxi.errors).values() if isinstance(kind, type) and issubclass(kind, MuxiError)}
    assert set(faults.BY_CODE.values()) == classes


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, muxi.errors.InvalidInputError),
        (401, muxi.errors.AuthenticationError),
        (403, muxi.errors.PermissionDeniedError),
        (404, muxi.errors.NotFoundError),
        (409, muxi.errors.ConflictError),
        (413, muxi.errors.MessageTooLargeError),
        (422, muxi.errors.InvalidInputError),
        (418, MuxiError),
        (429, MuxiError),
        (500, MuxiError),
    ],
)
def test_an_unknown_code_gives_the_error_of_its_status(status: int, kind: type[MuxiError]) -> None:
    """A newer server's code becomes the nearest error, with the server's own words and the code in the details."""
    error = faults.refused(response(status, {"code": "from_the_future", "detail": "Words."}), CONNECTION)
    assert type(error) is kind
    assert error.message == "Words."
    assert error.details == {"code": "from_the_future", "status": status}


@pytest.mark.parametrize(
    ("status", "kind"),
    [(502, muxi.errors.ServerUnreachableError), (401, muxi.errors.AuthenticationError), (500, MuxiError)],
)
@pytest.mark.parametrize("content_type", ["text/html", "application/json"])
def test_a_proxys_answer_is_not_dumped(status: int, kind: type[MuxiError], content_type: str) -> None:
    """What is no problem document gives an error that names server and status, without the body."""
    error = faults.refused(response(status, b"<html>secret proxy page</html>", content_type), CONNECTION)
    assert type(error) is kind
    assert error.message == f"http://h:1 answered {status} and not as a muxi server does. Is a proxy in between?"


@pytest.mark.parametrize("body", [b"<html>", b"[]", b"", b'{"text": "half"}', b'{"text": 1, "recalled": 5}'])
def test_a_success_that_cannot_be_read_is_an_error(body: bytes) -> None:
    """A page of a proxy with status 200, or an answer with members missing, is a clear error."""
    with pytest.raises(MuxiError, match="cannot be read"):
        answers.result(requests.chat("Hi", "alice"), response(200, body), CONNECTION)


def retried(status: int, code: str, idempotent: bool = True, headers: Mapping[str, str] | None = None) -> float | None:
    request = requests.resolve_user("a") if idempotent else requests.unlink("a")
    error = faults.refused(
        response(status, {"code": code, "detail": "x", "status": status}, **(headers or {})), CONNECTION
    )
    return retry.pause(request, error, attempt=1)


@pytest.mark.parametrize(
    ("status", "code", "again"),
    [
        (503, "storage_unavailable", True),
        (503, "storage_busy", True),
        (429, "too_many", True),
        (503, "from_the_future", True),
        (504, "from_the_future", True),
        (503, "storage_read_only", False),
        (507, "storage_full", False),
        (500, "internal_error", False),
        (422, "invalid_input", False),
        (401, "authentication_failed", False),
        *(
            (kind.status, kind.code, False)
            for kind in faults.BY_CODE.values()
            if issubclass(kind, muxi.errors.ModelError)
        ),
    ],
)
def test_what_passes_is_tried_again(status: int, code: str, again: bool) -> None:
    """A busy database is; a failed model, a wrong key and wrong input are not."""
    assert (retried(status, code) is not None) is again


def test_what_may_not_be_done_twice_is_not_tried_again() -> None:
    """An unlink that may have happened is not repeated."""
    assert retried(503, "storage_busy", idempotent=False) is None


def test_retry_after_is_honoured_up_to_a_bound() -> None:
    """The server's pause is kept; one of more than 30 s is not waited for."""
    headers = {"retry-after": "7"}
    assert retried(503, "storage_busy", headers=headers) == 7.0
    assert retried(503, "storage_busy", headers={"retry-after": "31"}) is None
    assert 0.2 <= (retried(503, "storage_busy", headers={"retry-after": "Wed, 21 Oct 2026 07:28:00 GMT"}) or 0) <= 0.4


def test_pauses_grow_and_end() -> None:
    """The second pause is up to twice the first, and there is no third."""
    busy = muxi.errors.StorageBusyError()
    first, second, third = (retry.pause(requests.resolve_user("a"), busy, attempt) for attempt in (1, 2, 3))
    assert first is not None
    assert second is not None
    assert (0.2 <= first <= 0.4, 0.4 <= second <= 0.8, third) == (True, True, None)


@pytest.mark.parametrize(
    ("cause", "idempotent", "again"),
    [
        (httpx.ConnectError("x"), False, True),
        (httpx.ConnectTimeout("x"), False, True),
        (httpx.ReadError("x"), True, True),
        (httpx.RemoteProtocolError("x"), True, True),
        (httpx.ReadError("x"), False, False),
        (httpx.ReadTimeout("x"), True, False),
    ],
)
def test_broken_connections(cause: httpx.TransportError, idempotent: bool, again: bool) -> None:
    """What was never sent is sent again; what was cut off only if that does no harm; silence is not prolonged."""
    error = faults.unreachable(cause, CONNECTION)
    error.__cause__ = cause
    request = requests.resolve_user("a") if idempotent else requests.unlink("a")
    assert (retry.pause(request, error, attempt=1) is not None) is again
