"""Keys, tokens, roles and sessions over HTTP: what opens, for whom, and what is refused."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from muxi.core.access.policy import OF_ONE_USER, PERMISSIONS, ROLES
from tests.support.thread_server import ThreadServer

ADMIN = {"X-Muxi-Admin-Key": "f-admin-key"}
ALICE, BOB = "alice@acme.com", "bob@acme.com"
UNKNOWN = "usr_01h455vb4pex5vsknk084sn02q"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ThreadServer]:
    with ThreadServer(tmp_path_factory.mktemp("access"), ("f", "g")) as running:
        yield running


def made(server: ThreadServer, **body: Any) -> tuple[str, str]:
    """A new key and its id."""
    answer = server.http.post("/v1/keys", json=body, headers=ADMIN)
    assert answer.status_code == 201, answer.text
    return answer.json()["key"], answer.json()["record"]["key_id"]


def user_id(server: ThreadServer, name: str) -> str:
    found: str = server.post("/v1/users/resolve", {"identifier": name}).json()["muxi_user_id"]
    return found


def token_of(server: ThreadServer, name: str) -> dict[str, str]:
    token = server.post("/v1/tokens", {"user_id": name}).json()["token"]
    return {"Authorization": f"Bearer {token}"}


def whoami(server: ThreadServer, headers: dict[str, str], path: str = "/v1/access") -> httpx.Response:
    return server.http.get(path, headers=headers)


@pytest.mark.parametrize("header", ["X-API-Key", "X-Muxi-Client-Key", "X-Muxi-Admin-Key", "Authorization"])
def test_a_key_is_taken_from_every_header(server: ThreadServer, header: str) -> None:
    """A key that was made opens its own formation from each of the headers, and no other formation."""
    key, key_id = made(server, name="app")
    sent = {header: f"Bearer {key}" if header == "Authorization" else key}
    answer = whoami(server, sent).json()
    assert (answer["actor"], answer["formation"], answer["muxi_user_id"]) == (key_id, "f", None)
    assert answer["permissions"] == sorted(ROLES["developer"].permissions)
    assert whoami(server, sent, "/api/g/v1/access").status_code == 401
    assert whoami(server, sent, "/api/nowhere/v1/access").status_code == 404


def test_the_keys_of_the_settings_are_taken_as_any_key(server: ThreadServer) -> None:
    """Both work in the common headers too, and neither in the other's own header."""
    for key, actor in (("f-client-key", "client key"), ("f-admin-key", "admin key")):
        for sent in ({"X-API-Key": key}, {"Authorization": f"bearer {key}"}):
            assert whoami(server, sent).json()["actor"] == actor
    assert whoami(server, {"X-Muxi-Admin-Key": "f-client-key"}).status_code == 401


@pytest.mark.parametrize(
    "query", ["api_key", "API-Key", "key", "token", "access_token", "x-api-key", "client_key", "q"]
)
def test_keys_in_the_address_are_refused(server: ThreadServer, query: str) -> None:
    """A key in the query string opens nothing, and is refused even beside a right header: it would be in every log."""
    key, _ = made(server)
    assert server.http.get(f"/v1/access?{query}={key}").status_code == 401
    answer = server.http.get(f"/v1/access?limit=1&{query}={key}", headers={"X-API-Key": key})
    assert (answer.status_code, answer.json()["code"]) == (401, "authentication_failed")
    assert key not in answer.text


def test_headers_that_contradict_each_other_are_refused(server: ThreadServer) -> None:
    """Two kinds of credentials, or one of the headers twice: another reader may believe the other one."""
    key, _ = made(server)
    both = whoami(server, {"X-API-Key": key, "Authorization": f"Bearer {key}"})
    assert both.status_code == 401
    for name in ("X-API-Key", "X-Muxi-User-Id", "Authorization"):
        sent = [("X-API-Key", key)] if name == "X-Muxi-User-Id" else []
        twice = server.http.get("/v1/access", headers=[*sent, (name, "a"), (name, "b")])
        assert (twice.status_code, twice.json()["code"]) == (400, "repeated_header"), name
    # A user for somebody in front of us, and an underscore that only looks like one of our headers.
    other = {"X-API-Key": key, "Authorization": "Basic eDp5", "X_Muxi_User_Id": BOB}
    assert whoami(server, other).status_code == 200


@pytest.mark.parametrize("kind", ["key", "token"])
def test_who_acts_for_one_user_acts_for_nobody_else(server: ThreadServer, kind: str) -> None:
    """Without naming anybody it is their own user; another one, a guess and a stranger are the same 404."""
    alice, bob = user_id(server, ALICE), user_id(server, BOB)
    own = {"X-API-Key": made(server, role="user", user_id=ALICE)[0]} if kind == "key" else token_of(server, ALICE)
    assert whoami(server, own).json()["muxi_user_id"] == alice
    text = f"Alice's own, by {kind}"
    stored = server.http.post("/v1/memories", json={"text": text}, headers=own).json()
    assert stored["memory_id"] in server.get("/v1/memories", user=ALICE).text
    assert text in server.http.get("/v1/memories", headers=own | {"X-Muxi-User-Id": ALICE}).text
    answers = []
    for named in (BOB, bob, UNKNOWN, "nobody@acme.com"):
        answer = server.http.get("/v1/memories", headers=own | {"X-Muxi-User-Id": named})
        answers.append((answer.status_code, answer.json()["code"], answer.json()["detail"]))
        written = server.http.post("/v1/memories", json={"text": "x", "user_id": named}, headers=own)
        answers.append((written.status_code, written.json()["code"], written.json()["detail"]))
    assert set(answers) == {(404, "user_not_found", "There is no such user")}
    assert server.get("/v1/identifiers", user="nobody@acme.com").status_code == 404
    paths = [f"/v1/users/{bob}", f"/v1/users/{UNKNOWN}"]
    assert {server.http.get(path, headers=own).status_code for path in paths} == {404}
    assert server.http.get(f"/v1/users/{alice}", headers=own).json()["muxi_user_id"] == alice


def test_who_acts_for_one_user_has_no_doors_to_others(server: ThreadServer) -> None:
    """Every route that is about more than the caller's own user refuses a user's token and a bound admin key."""
    paths = server.http.get("/openapi.json").json()["paths"]
    key, _ = made(server, role="owner", user_id=ALICE)
    for own in (token_of(server, ALICE), {"X-API-Key": key}):
        for path, methods in paths.items():
            for method, operation in methods.items():
                needed = operation.get("x-permission")
                if needed and needed not in OF_ONE_USER:
                    status = server.http.request(method, path, json={}, headers=own).status_code
                    assert status == 403, (method, path)


def test_an_id_token_links_to_the_callers_own_user(server: ThreadServer) -> None:
    """Linking by proof cannot name another user, and what needs a trusted application is refused."""
    own, bob = token_of(server, ALICE), user_id(server, BOB)
    answer = server.http.post("/v1/identifiers/id-token", json={"id_token": "x.y.z", "user_id": bob}, headers=own)
    assert (answer.status_code, answer.json()["code"]) == (404, "user_not_found")
    mine = server.http.post("/v1/identifiers", json={"identifiers": ["victim@acme.com"]}, headers=own)
    assert (mine.status_code, mine.json()["permission"]) == (403, "identities:write")


def test_every_role_may_do_what_it_says(server: ThreadServer) -> None:
    """For each role and route: 403 exactly where the permission is missing."""
    paths = server.http.get("/openapi.json").json()["paths"]
    keys = {role: made(server, role=role)[0] for role in ("owner", "admin", "support", "developer")}
    for role, key in keys.items():
        for path, methods in paths.items():
            for method, operation in methods.items():
                needed = operation.get("x-permission")
                if not needed:
                    continue
                headers = {"X-API-Key": key, "X-Muxi-User-Id": UNKNOWN}
                answer = server.http.request(method, path, json={"wrong": 1}, headers=headers)
                refused = answer.status_code == 403 and answer.json().get("permission") == needed
                assert refused == (needed not in ROLES[role].permissions), (role, method, path, answer.text)


def test_support_reads_who_but_not_what(server: ThreadServer) -> None:
    """Support finds a user and their identifiers, and nothing that they said."""
    server.post("/v1/memories", {"text": "a secret"}, user=ALICE)
    sent = {"X-API-Key": made(server, role="support")[0], "X-Muxi-User-Id": ALICE}
    alice = user_id(server, ALICE)
    assert ALICE in server.http.get("/v1/identifiers", headers=sent).text
    assert server.http.get(f"/v1/users/{alice}/details", headers=sent).status_code == 200
    for path in ("/v1/memories", "/v1/context", "/v1/sessions", f"/v1/users/{alice}/export"):
        assert server.http.get(path, headers=sent).status_code == 403


def test_mass_assignment_is_an_error(server: ThreadServer) -> None:
    """Fields that a caller may not set are not ignored but refused."""
    for body in ({"permissions": ["keys:write"]}, {"formation_id": "g"}, {"created_by": "root"}, {"hash": "x"}):
        assert server.http.post("/v1/keys", json=body, headers=ADMIN).status_code == 422
    own = {"X-API-Key": made(server, role="admin")[0]}
    grab = server.http.post("/v1/keys", json={"role": "owner"}, headers=own)
    assert (grab.status_code, grab.json()["permission"]) == (403, "roles:write")


def test_keys_are_listed_rotated_and_revoked(server: ThreadServer) -> None:
    """The list never shows what opens; a replaced key works for its overlap, a revoked one not at all."""
    key, key_id = made(server, name="old", owner="ops")
    shown = server.http.get(f"/v1/keys/{key_id}", headers=ADMIN).json()
    assert (shown["name"], shown["owner"], shown["created_by"]) == ("old", "ops", "admin key")
    rotated = server.http.post(f"/v1/keys/{key_id}/rotate", json={"overlap": 60}, headers=ADMIN).json()
    assert {whoami(server, {"X-API-Key": one}).status_code for one in (key, rotated["key"])} == {200}
    listed = server.http.get("/v1/keys?limit=1", headers=ADMIN)
    assert listed.json()["keys"][0]["key_id"] == rotated["record"]["key_id"]
    assert listed.json()["next_cursor"] and rotated["key"] not in listed.text
    for one in (key_id, rotated["record"]["key_id"]):
        assert server.http.delete(f"/v1/keys/{one}", headers=ADMIN).json()["revoked_at"]
    assert {whoami(server, {"X-API-Key": one}).status_code for one in (key, rotated["key"])} == {401}
    assert server.http.delete("/v1/keys/key_01h455vb4pex5vsknk084sn02q", headers=ADMIN).status_code == 404
    gone = server.http.delete(f"/api/g/v1/keys/{key_id}", headers={"X-Muxi-Admin-Key": "g-admin-key"})
    assert gone.status_code == 404


def test_tokens_are_revoked(server: ThreadServer) -> None:
    """By the token, by its jti, and all of a user's; the public keys need no key."""
    one, two, three = (server.post("/v1/tokens", {"user_id": ALICE, "expires_in": 60}).json() for _ in range(3))
    for body in ({"token": one["token"]}, {"jti": two["jti"]}):
        assert server.post("/v1/tokens/revoke", body).status_code == 200
    works = [whoami(server, {"Authorization": f"Bearer {each['token']}"}).status_code for each in (one, two, three)]
    assert works == [401, 401, 200]
    assert server.post("/v1/tokens/revoke", {"token": one["token"]}).json()["code"] == "invalid_proof"
    assert server.post("/v1/tokens/revoke", {}, user=ALICE).status_code == 200
    assert whoami(server, {"Authorization": f"Bearer {three['token']}"}).status_code == 401
    assert server.http.get("/api/g/v1/.well-known/jwks.json").json() == {"keys": []}
    assert server.http.get("/api/nowhere/v1/.well-known/jwks.json").status_code == 404


def test_own_roles(server: ThreadServer) -> None:
    """A formation's own role is made, given to a key, changed under it, and removed."""
    path = "/v1/roles/reader"
    assert server.http.put(path, json={"permissions": ["memories:read"]}, headers=ADMIN).status_code == 200
    key, key_id = made(server, role="reader")
    assert whoami(server, {"X-API-Key": key}).json()["permissions"] == ["memories:read"]
    server.http.put(path, json={"permissions": ["chat:*"], "description": "talks"}, headers=ADMIN)
    assert whoami(server, {"X-API-Key": key}).json()["permissions"] == ["chat:write"]
    listed = server.http.get("/v1/roles", headers=ADMIN).json()["roles"]
    assert [one["name"] for one in listed if not one["built_in"]] == ["reader"]
    assert server.http.delete(path, headers=ADMIN).status_code == 409
    server.http.delete(f"/v1/keys/{key_id}", headers=ADMIN)
    assert server.http.delete(path, headers=ADMIN).status_code == 204
    assert server.http.delete(path, headers=ADMIN).status_code == 404


def test_sessions_are_opened_and_ended(server: ThreadServer) -> None:
    """A user's own session is chatted in until it ends; another user cannot end it or speak in it."""
    own, other = token_of(server, ALICE), token_of(server, BOB)
    session = server.http.post("/v1/sessions", json={"metadata": {"device": "tv"}}, headers=own).json()
    assert (session["metadata"], session["messages"], session["ends_at"]) == ({"device": "tv"}, 0, None)
    say = {"message": "Hello", "session_id": session["session_id"]}
    assert server.http.post("/v1/chat", json=say, headers=own).status_code == 200
    foreign = [
        server.http.post("/v1/chat", json=say, headers=other),
        server.http.post(f"/v1/sessions/{session['session_id']}/end", headers=other),
    ]
    assert [answer.json()["code"] for answer in foreign] == ["session_not_found", "session_not_found"]
    assert server.http.post(f"/v1/sessions/{session['session_id']}/end", headers=own).json()["ends_at"]
    answer = server.http.post("/v1/chat", json=say, headers=own)
    assert (answer.status_code, answer.json()["code"]) == (410, "session_ended")
    stream = server.http.post("/v1/chat", json=say | {"stream": True}, headers=own)
    assert (stream.status_code, stream.json()["code"]) == (410, "session_ended")


def test_refusals_stand_in_the_audit(server: ThreadServer) -> None:
    """Who asked for what they may not do is in the audit, by the id of the key, and counted."""
    key, key_id = made(server, role="developer")
    counts = server.formations["f"].access.denials.counts
    before = counts["audit:read"]
    assert server.http.get("/v1/audit", headers={"X-API-Key": key}).status_code == 403
    records = server.http.get("/v1/audit?action=access.denied", headers=ADMIN).json()["records"]
    assert (records[0]["actor"], records[0]["details"]["permission"]) == (key_id, "audit:read")
    assert counts["audit:read"] == before + 1
    unknown = counts["authentication"]
    whoami(server, {"X-API-Key": "wrong"})
    assert counts["authentication"] == unknown + 1


def test_a_disabled_users_key_is_shut(server: ThreadServer) -> None:
    """A key of a disabled user opens nothing until they are let in again."""
    carol = user_id(server, "carol@acme.com")
    sent = {"X-API-Key": made(server, role="user", user_id=carol)[0]}
    server.http.post(f"/v1/users/{carol}/disable", headers=ADMIN)
    assert whoami(server, sent).json()["code"] == "user_disabled"
    server.http.post(f"/v1/users/{carol}/enable", headers=ADMIN)
    assert whoami(server, sent).status_code == 200
    server.http.delete(f"/v1/users/{carol}", headers=ADMIN)
    assert whoami(server, sent).status_code == 401


def test_the_admin_key_may_do_everything(server: ThreadServer) -> None:
    """Whoever holds the admin key of the settings is the owner."""
    assert whoami(server, ADMIN).json()["permissions"] == sorted(PERMISSIONS)
