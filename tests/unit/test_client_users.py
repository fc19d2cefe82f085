"""Users as things and proofs: what the client sends, and how it reads lines."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from muxi import FormationClient
from muxi.client import proof_requests, user_requests
from muxi.errors import (
    InvalidIdentifierError,
    InvalidImportError,
    InvalidInputError,
    InvalidProofError,
    ServerUnreachableError,
    UnprovenIdentifierError,
    UserNotFoundError,
)
from tests.support.both_clients import KINDS, Use
from tests.support.scripted_server import Answer, ScriptedServer, ok, problem, running

KEY = "mk_admin_0123456789abcdef"
USER = "usr_01h455vb4pex5vsknk084sn02q"
JSON_LINES = "application/x-ndjson"


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with running() as server:
        yield server


@pytest.fixture(params=list(KINDS.values()), ids=list(KINDS))
def use(request: pytest.FixtureRequest) -> Use:
    """Calls a method of a fresh client of each kind; loops to the end over what can be looped over."""
    return request.param  # type: ignore[no-any-return]


def test_user_requests() -> None:
    """Filters are parameters of the query; what is done to a user has the id in its path; erasing is not repeated."""
    everybody, some = user_requests.users(), user_requests.users("alice@", disabled=False, limit=5, cursor="c")
    assert (everybody.path, everybody.params) == ("/v1/users", {"limit": "50"})
    assert some.params == {"limit": "5", "cursor": "c", "search": "alice@", "disabled": "false"}
    assert user_requests.details(USER).path == f"/v1/users/{USER}/details"
    for name in ("disable", "enable"):
        request = getattr(user_requests, name)(USER)
        assert (request.method, request.path, request.idempotent) == ("POST", f"/v1/users/{USER}/{name}", True)
    erase = user_requests.erase(USER)
    assert (erase.method, erase.path, erase.idempotent) == ("DELETE", f"/v1/users/{USER}", False)
    with pytest.raises(UserNotFoundError):
        user_requests.erase("..")
    lines = user_requests.export_lines(USER, ("U1", "slack"))
    assert (lines.params, lines.headers["Accept"]) == ({"format": "jsonl"}, JSON_LINES)
    assert (lines.headers["X-Muxi-User-Id"], lines.headers["X-Muxi-User-Id-Type"]) == ("U1", "slack")


def test_what_is_restored_is_sent_as_it_is() -> None:
    """A document as JSON, lines one by one with an end each, and neither twice."""
    document, lines = user_requests.restore({"version": 1}), user_requests.restore(["a\n", "b"])
    assert document.headers == {"Content-Type": "application/json"}
    assert lines.headers == {"Content-Type": JSON_LINES}
    assert document.content is not None and lines.content is not None
    assert (list(document.content), list(lines.content)) == ([b'{"version": 1}'], [b"a\n", b"b\n"])
    assert (document.idempotent, lines.idempotent) == (False, False)
    with pytest.raises(InvalidImportError):
        user_requests.restore("{}")
    unsendable = user_requests.restore({"x": object()}).content
    assert unsendable is not None
    with pytest.raises(InvalidImportError):
        list(unsendable)


def test_groups_are_lists_or_mappings() -> None:
    """A list is a group without a user; a mapping may name one; anything else is refused."""
    request = user_requests.associate_many(
        [["a@b.com", ("U1", "slack")], {"identifiers": [7], "user_id": USER}], dry_run=True
    )
    assert request.json == {
        "groups": [
            {"identifiers": [{"identifier": "a@b.com"}, {"identifier": "U1", "type": "slack"}]},
            {"identifiers": [{"identifier": "7"}], "user_id": {"identifier": USER}},
        ],
        "dry_run": True,
    }
    wrong: list[Any] = ["ab", {"identifiers": ["a"]}, ["ab"], [{"user_id": "a"}], [{"identifiers": ["a"], "to": "b"}]]
    for groups in wrong:
        with pytest.raises(InvalidIdentifierError):
            user_requests.associate_many(groups)


def test_proof_requests() -> None:
    """A proof is sent once; asking for one may be repeated; spans are whole seconds; codes are text."""
    start = proof_requests.start_verification("alice@b.com", ("U1", "slack"))
    assert (start.path, start.json) == ("/v1/verifications", {"identifier": "U1", "type": "slack"})
    assert (start.headers, start.idempotent) == ({"X-Muxi-User-Id": "alice@b.com"}, True)
    assert proof_requests.start_verification("a").json == {}
    confirm = proof_requests.confirm_verification("AAAA-AAAAAA", ("U1", "slack"), merge=True)
    assert confirm.json == {"code": "AAAA-AAAAAA", "merge": True, "identifier": "U1", "type": "slack"}
    redeem, sign_in = proof_requests.redeem_link_token("t", "a"), proof_requests.sign_in("t", "a")
    assert (sign_in.path, sign_in.json) == ("/v1/users/sign-in", {"token": "t", "identifier": "a"})
    assert [one.idempotent for one in (confirm, redeem, sign_in)] == [False] * 3
    assert proof_requests.create_link_token("a", timedelta(minutes=2)).json == {"identifier": "a", "expires_in": 120}
    assert (proof_requests.resolve_anonymous().json, proof_requests.resolve_anonymous().idempotent) == ({}, False)
    id_token = proof_requests.associate_id_token("x.y.z", merge=True)
    assert (id_token.json, id_token.headers, id_token.idempotent) == ({"id_token": "x.y.z", "merge": True}, {}, True)
    unusable: Any = 5
    with pytest.raises(InvalidProofError):
        proof_requests.confirm_verification(unusable)
    with pytest.raises(InvalidInputError):
        proof_requests.create_link_token("a", unusable)


def test_an_identifier_is_looked_up_before_it_is_in_a_path(server: ScriptedServer, use: Use) -> None:
    """Paths are written into logs: they hold the usr_ id, for which nothing is asked if it was passed."""
    gone = {"muxi_user_id": USER, "users": [USER], "counts": {}, "receipt": 7, "erased_at": "2026-01-01T00:00:00Z"}
    server.answers = [ok({"muxi_user_id": USER, "identifiers": []}), ok(gone)]
    assert use(server.url, KEY, "users.erase", ("U1", "slack"), admin=True).receipt == 7
    assert use(server.url, KEY, "users.erase", USER, admin=True).muxi_user_id == USER
    assert [(one.method, one.path) for one in server.asked] == [
        ("GET", "/v1/identifiers"),
        ("DELETE", f"/v1/users/{USER}"),
        ("DELETE", f"/v1/users/{USER}"),
    ]
    assert server.asked[0].headers["x-muxi-user-id-type"] == "slack"


def test_lines_are_cut_at_line_feeds_only(server: ScriptedServer, use: Use) -> None:
    """Pieces may end within a line or a character; a line may hold what else ends lines; the last may lack its end."""
    text = '{"a": "\u2028\u0085\x0b"}\r\n\n{"b": "ä€"}'
    body = text.encode()
    server.answers = [Answer(chunks=tuple(body[at : at + 1] for at in range(len(body))), content_type=JSON_LINES)]
    assert "".join(use(server.url, KEY, "users.export_lines", USER)) == text
    assert use(server.url, KEY, "users.export_lines", USER) == ['{"a": "\u2028\u0085\x0b"}\r\n', "\n", '{"b": "ä€"}']


def test_a_download_that_breaks_off_is_an_error(server: ScriptedServer, use: Use) -> None:
    """Lines that came are handed out; then the error says that it was not all."""
    server.answers = [Answer(chunks=(b"one\ntwo\n",), content_type=JSON_LINES, whole=False)]
    with pytest.raises(ServerUnreachableError):
        use(server.url, KEY, "users.export_lines", USER)
    with FormationClient(server.url, admin_key=KEY) as client:
        lines = client.users.export_lines(USER)
        assert next(lines) == "one\n"


def test_a_refused_download_is_its_error(server: ScriptedServer, use: Use) -> None:
    """A problem document instead of lines is raised; so is an answer of another kind."""
    server.answers = [problem(403, "unproven_identifier", "Verify it first.")]
    with pytest.raises(UnprovenIdentifierError, match="Verify it first"):
        use(server.url, KEY, "users.export_lines", USER)
    server.answers = [ok({})]
    with pytest.raises(Exception, match="cannot be read"):
        use(server.url, KEY, "users.export_lines", USER)


def test_a_part_of_a_client_keeps_its_connection(server: ScriptedServer) -> None:
    """`FormationClient(...).users` works without a name for the client."""
    server.answers = [ok({"users": [], "next_cursor": None})]
    users = FormationClient(server.url, admin_key=KEY).users
    assert users.list().items == ()
