"""Whatever a caller sends, the answer is never that the server failed."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.thread_server import ThreadServer

ODD: list[Any] = [
    "\ud800",
    "a\x00b",
    "",
    "x" * 5000,
    "\u202e",
    None,
    -1,
    10**30,
    1e308,
    True,
    [],
    {},
    "0001-01-01T00:00:00+14:00",
    "usr_" + "0" * 26,
    "ses_" + "0" * 26,
    "mem_" + "0" * 26,
]
#: A usable body of each route, whose fields are made odd in turn, and further fields.
BODIES: dict[str, tuple[dict[str, Any], tuple[str, ...]]] = {
    "/v1/chat": ({"message": "Hi", "user_id": "a"}, ("agent", "session_id", "metadata", "stream")),
    "/v1/memories": (
        {"text": "Hi", "user_id": "a"},
        ("agent", "session_id", "metadata", "importance", "said_at", "memories"),
    ),
    "/v1/memories/search": ({"query": "Hi", "user_id": "a"}, ("agent", "limit", "filter_metadata", "scope", "explain")),
    "/v1/users/resolve": ({"identifier": "a"}, ("type",)),
    "/v1/identifiers": ({"identifiers": ["a"]}, ("user_id", "merge", "verified")),
    "/v1/identifiers/bulk": ({"groups": [{"identifiers": ["c"], "user_id": "a"}]}, ("dry_run",)),
    "/v1/identifiers/id-token": ({"id_token": "x.y.z", "user_id": "a"}, ("merge",)),
    "/v1/verifications": ({"identifier": "d", "user_id": "a"}, ("type",)),
    "/v1/verifications/confirm": ({"code": "AAAA-AAAAAA"}, ("identifier", "type", "merge")),
    "/v1/link-tokens": ({"identifier": "d"}, ("type", "expires_in")),
    "/v1/link-tokens/redeem": ({"token": "x.y.z", "user_id": "a"}, ("merge",)),
    "/v1/users/anonymous": ({}, ("expires_in",)),
    "/v1/users/sign-in": ({"token": "anon_x", "identifier": "a"}, ("type",)),
    "/v1/users/restore": ({"format": "muxi.user", "version": 1}, ("user", "tables", "rows", "counts")),
    "/v1/identifiers/unlink": ({"identifier": "b"}, ("type", "user_id", "force")),
    "/v1/users/merge": ({"users": ["a", "b"]}, ("into", "dry_run")),
    "/v1/users/split": ({"merge_id": "mrg_" + "0" * 26}, ()),
}
#: Also opens what only administrators may do.
ADMIN = {"X_Muxi_Admin_Key": "default-admin-key"}


@pytest.fixture
def server(tmp_path: Path, database_url: str) -> Iterator[ThreadServer]:
    with ThreadServer(tmp_path, database_url=database_url) as running:
        yield running


def test_odd_bodies(server: ThreadServer) -> None:
    """Every field of every body, made odd in turn: the request is done or refused, on each database."""
    asked = [
        (path, body | {field: odd}) for path, (body, more) in BODIES.items() for field in (*body, *more) for odd in ODD
    ]
    asked += [("/v1/identifiers", {"identifiers": [form]}) for odd in ODD for form in (odd, ["a", odd])]
    asked += [("/v1/identifiers/bulk", {"groups": [{"identifiers": [odd], "user_id": odd}]}) for odd in ODD]
    asked += [
        ("/v1/memories/search", {"query": "Hi", "user_id": "a", "scope": scope, "filter_metadata": {key: odd}})
        for odd in ODD
        for key in ("session_id", "agent_id", "role", "x")
        for scope in ("buffer", "long_term")
    ]
    asked += [("/v1/chat", {"message": "Hi", "user_id": "a", "metadata": {"session": odd}}) for odd in ODD]
    answers = [(path, ascii(body)[:80], server.post(path, body, **ADMIN).status_code) for path, body in asked]
    assert [answer for answer in answers if not 200 <= answer[2] < 500 or answer[2] in (401, 403)] == []


def test_odd_cursors_and_ids(server: ThreadServer) -> None:
    """Cursors that are not ours, also well-formed ones, and ids that are none are refused, on each database."""
    session_id = server.post("/v1/chat", {"message": "Hi"}, user="a").json()["session_id"]
    lists = ["/v1/sessions", "/v1/memories", f"/v1/sessions/{session_id}/messages", "/v1/audit", "/v1/users"]
    places = [place for odd in ODD for place in ([odd], [odd, odd], odd)]
    cursors = ["zz", "ä", "\x00", *(base64.urlsafe_b64encode(json.dumps(place).encode()).decode() for place in places)]
    asked = [(path, {"cursor": cursor}) for path in lists for cursor in cursors]
    asked += [(path, {"limit": limit}) for path in lists for limit in ("0", "201", "x", "9" * 30)]
    asked += [(path.format("%00"), {}) for path in ("/v1/sessions/{}/messages", "/v1/users/{}")]
    asked += [("/v1/audit", {"action": odd}) for odd in ODD if isinstance(odd, str) and odd.isascii()]
    odd_texts = [odd for odd in ODD if (isinstance(odd, str) and odd.isprintable()) or odd in ("\x00", "a\x00b")]
    asked += [("/v1/users", {"search": odd}) for odd in (*odd_texts, "%", "_", "\\", "usr_x", "\U0010ffff", "a\u0130")]
    asked += [("/v1/users", {"disabled": odd}) for odd in ("", "x", "2")]
    asked += [(f"/v1/users/{id}/{below}", {}) for id in ("usr_x", "%00", "a") for below in ("details", "export")]
    headers = server.headers("a") | {"X-Muxi-Admin-Key": b"default-admin-key"}
    answers = {(path, str(query)): server.http.get(path, params=query, headers=headers) for path, query in asked}
    assert [asked for asked, answer in answers.items() if answer.status_code >= 500] == []
    assert server.get("/v1/sessions?limit=0", user="a").json()["code"] == "invalid_cursor"
    assert server.get("/v1/sessions?cursor=zz", user="a").json()["code"] == "invalid_cursor"
