"""Teams over HTTP: who may do what, and that a team is not there for anybody else."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import httpx
import pytest

from muxi.errors import MemoryNotFoundError, NotFoundError, PermissionDeniedError, UserNotFoundError
from tests.support.both_clients import KINDS
from tests.support.thread_server import ThreadServer

CLIENT, ADMIN = {"X-Muxi-Client-Key": "f-client-key"}, {"X-Muxi-Admin-Key": "f-admin-key"}
MISSING = {"code": "not_found", "status": 404}
#: Every route of one team: what is sent, and what a member and a manager get.
ROUTES: tuple[tuple[str, str, Any, int, int], ...] = (
    ("GET", "", None, 200, 200),
    ("PATCH", "", {"name": "{name} renamed"}, 403, 200),
    ("GET", "/members", None, 200, 200),
    ("POST", "/members", {"member": "new@x.org"}, 403, 200),
    ("DELETE", "/members/{other}", None, 403, 204),
    ("GET", "/memories", None, 200, 200),
    ("POST", "/memories", {"text": "tea"}, 201, 201),
    ("DELETE", "/memories/{memory}", None, 403, 204),
    ("GET", "/context", None, 200, 200),
    ("GET", "/context/facts", None, 200, 200),
    ("GET", "/context/history", None, 200, 200),
    ("PATCH", "/context", {"knowledge": {"a": 1}}, 200, 200),
    ("PUT", "/context/b", {"value": 2}, 200, 200),
    ("DELETE", "/context/b?forget=true", None, 403, 200),
    ("DELETE", "/context/a", None, 200, 200),
)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ThreadServer]:
    with ThreadServer(tmp_path_factory.mktemp("teams"), ("f", "g")) as running:
        yield running


class Team:
    """A team with a manager, a member, one more, and a memory of that one."""

    def __init__(self, server: ThreadServer, name: str) -> None:
        self.server, self.name = server, name
        self.id = self.ask("POST", "", {"name": name}, at="/v1/teams").json()["team_id"]
        self.users = {}
        for role, who in (("manager", "manager"), ("member", "member"), ("member", "other")):
            found = self.ask("POST", "/members", {"member": self.mail(who), "role": role}).json()["members"]
            self.users[who] = found[-1]["muxi_user_id"]
        self.memory = self.ask("POST", "/memories", {"text": f"{name} tea", "user_id": self.mail("other")}).json()

    def mail(self, who: str) -> str:
        return f"{who}.{self.name.lower()}@x.org"

    def path(self, written: str) -> str:
        return written.format(other=self.users.get("other"), memory=getattr(self, "memory", {}).get("memory_id"))

    def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        headers: dict[str, str] | None = None,
        at: str | None = None,
    ) -> httpx.Response:
        where = at or f"/v1/teams/{self.id}{self.path(path)}"
        return self.server.http.request(method, where, json=body, headers=CLIENT | (headers or {}))

    def token(self, who: str) -> dict[str, str]:
        made = self.server.http.post("/v1/tokens", json={"user_id": self.mail(who)}, headers=CLIENT).json()
        return {"Authorization": f"Bearer {made['token']}"}


def resolved(server: ThreadServer, who: str) -> str:
    answer = server.http.post("/v1/users/resolve", json={"identifier": who}, headers=CLIENT)
    return str(answer.json()["muxi_user_id"])


def key_of(server: ThreadServer, role: str, permissions: list[str] | None = None) -> dict[str, str]:
    """The header of a new key, of a new role if permissions are told."""
    if permissions:
        server.http.put(f"/v1/roles/{role}", json={"permissions": permissions}, headers=ADMIN)
    made = server.http.post("/v1/keys", json={"role": role}, headers=ADMIN).json()
    return {"X-API-Key": made["key"]}


@pytest.mark.parametrize("by", ["header", "token"])
@pytest.mark.parametrize("role", ["member", "manager"])
def test_members_and_managers(server: ThreadServer, role: str, by: str) -> None:
    """Each route answers a member and a manager as the table says, named by a header or by their own token."""
    team = Team(server, f"{role}-{by}")
    own = {"X-Muxi-User-Id": team.mail(role)} if by == "header" else team.token(role)
    for method, path, body, member, manager in ROUTES:
        headers = own if by == "token" else CLIENT | own
        sent = {"name": f"{team.name} renamed"} if path == "" and body else body
        if path == "/members" and body and by == "token":
            sent = {"member": resolved(server, body["member"])}
        answer = server.http.request(method, f"/v1/teams/{team.id}{team.path(path)}", json=sent, headers=headers)
        assert answer.status_code == (manager if role == "manager" else member), (method, path, answer.text)


def test_a_team_is_not_there_for_others(server: ThreadServer) -> None:
    """A stranger, a stranger's token, a former member, a guess and another formation: one answer at every route."""
    team = Team(server, "Closed")
    former = team.token("member")
    assert server.http.get(f"/v1/teams/{team.id}", headers=former).status_code == 200
    assert team.ask("DELETE", f"/members/{team.users['member']}").status_code == 204
    server.http.post("/v1/users/resolve", json={"identifier": "eve@x.org"}, headers=CLIENT)
    token = server.http.post("/v1/tokens", json={"user_id": "eve@x.org"}, headers=CLIENT).json()["token"]
    guess = "team_01h455vb4pex5vsknk084sn02q"
    strangers = {
        "named": (team.id, CLIENT | {"X-Muxi-User-Id": "eve@x.org"}),
        "named by an admin": (team.id, ADMIN | {"X-Muxi-User-Id": "eve@x.org"}),
        "token": (team.id, {"Authorization": f"Bearer {token}"}),
        "former": (team.id, former),
        "guess": (guess, CLIENT),
        "no id": ("x", CLIENT),
        "abroad": (team.id, {"X-Muxi-Client-Key": "g-client-key"}),
    }
    for name, (team_id, headers) in strangers.items():
        for method, path, body, _, _ in ROUTES:
            base = "/api/g/v1/teams" if name == "abroad" else "/v1/teams"
            answer = server.http.request(method, f"{base}/{team_id}{team.path(path)}", json=body, headers=headers)
            told = answer.json()
            assert {key: told[key] for key in MISSING} == MISSING, (name, method, path)
            assert told["detail"] == f"There is no team {team_id!r}."
    assert server.http.get("/v1/teams", headers=former).json() == {"teams": [], "next_cursor": None}


def test_who_makes_and_deletes(server: ThreadServer) -> None:
    """The client key and the admin key; no user, and no key without the permission."""
    team = Team(server, "Made")
    for headers in (team.token("manager"), key_of(server, "support")):
        for method, path, body in (("POST", "/v1/teams", {"name": "x"}), ("DELETE", f"/v1/teams/{team.id}", None)):
            answer = server.http.request(method, path, json=body, headers=headers)
            assert (answer.status_code, answer.json()["permission"]) == (403, "teams:write")
    assert server.http.post("/v1/teams", json={"name": "MADE"}, headers=CLIENT).json()["code"] == "conflict"
    deleted = server.http.delete(f"/v1/teams/{team.id}", headers=ADMIN).json()
    assert (deleted["team_id"], deleted["counts"]["memories"], deleted["counts"]["team_members"]) == (team.id, 1, 3)
    assert server.http.delete(f"/v1/teams/{team.id}", headers=ADMIN).status_code == 404


def test_a_key_that_only_shares_needs_a_user(server: ThreadServer) -> None:
    """Without a user it is the application itself that acts, and that takes more."""
    team = Team(server, "Shares")
    key = key_of(server, "sharer", ["teams:read", "teams:share"])
    answer = server.http.get("/v1/teams", headers=key)
    assert (answer.status_code, answer.json()["permission"]) == (403, "teams:write")
    own = key | {"X-Muxi-User-Id": team.mail("member")}
    assert [one["name"] for one in server.http.get("/v1/teams", headers=own).json()["teams"]] == ["Shares"]


def test_a_user_names_members_by_id_only(server: ThreadServer) -> None:
    """An identifier, known or not, and an id of nobody are one answer to who has only a token, and make nobody."""
    team = Team(server, "Asks")
    token = team.token("manager")
    server.http.post("/v1/users/resolve", json={"identifier": "known@x.org"}, headers=CLIENT)
    for member in ("known@x.org", "nobody@x.org", ["U1", "slack"], "usr_01h455vb4pex5vsknk084sn02q"):
        body = {"member": member if isinstance(member, str) else {"identifier": member[0], "type": member[1]}}
        answer = server.http.post(f"/v1/teams/{team.id}/members", json=body, headers=token)
        assert (answer.status_code, answer.json()["code"]) == (404, "user_not_found")
    found = server.http.get("/v1/users", params={"search": "nobody@"}, headers=ADMIN).json()["users"]
    assert found == []


def test_a_hit_says_whose_it_is(server: ThreadServer) -> None:
    """In a search, with what the weight takes, and in a chat's answer."""
    team = Team(server, "Hits")
    headers = CLIENT | {"X-Muxi-User-Id": team.mail("member")}
    body = {"query": "tea", "explain": True}
    [hit] = server.http.post("/v1/memories/search", json=body, headers=headers).json()["hits"]
    assert (hit["owner"], hit["team_id"], hit["team_name"], hit["author"]) == (
        "team",
        team.id,
        "Hits",
        team.users["other"],
    )
    assert abs(hit["adds"]["owner"] + 0.510826) < 0.001 and abs(sum(hit["adds"].values()) - hit["score"]) < 0.001
    reply = server.http.post("/v1/chat", json={"message": "Is there tea?"}, headers=headers).json()
    assert [(one["owner"], one["team_name"]) for one in reply["recalled"]] == [("team", "Hits")]
    own = server.http.get("/v1/memories", headers=headers).json()["memories"]
    assert [one["text"] for one in own] == ["Is there tea?"]


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_the_clients(server: ThreadServer, kind: str) -> None:
    """Every method of both clients' teams, with the values that the server gives."""
    call = partial(KINDS[kind], server.url, "f-client-key")
    made = call("teams.create", f"Client {kind}")
    assert call("teams.show", made.team_id) == made
    boss, ann = f"boss@{kind}.org", (f"U{kind}", "slack")
    call("teams.add_member", made.team_id, boss, "manager")
    members = call("teams.add_member", made.team_id, ann, user_id=boss)
    assert (
        [one.role for one in members]
        == ["manager", "member"]
        == [one.role for one in call("teams.members", made.team_id, ann)]
    )
    [mine] = call("teams.list", ann)
    assert (mine.team_id, mine.role) == (made.team_id, "member")
    assert made.team_id in {one.team_id for one in call("teams.list", limit=200)}
    assert call("teams.rename", made.team_id, f"Clients {kind}", boss).name == f"Clients {kind}"
    shared = call("teams.add_memory", made.team_id, "we like tea", ann, metadata={"a": 1}, importance=0.9)
    assert [(one.text, one.author) for one in call("teams.list_memories", made.team_id)] == [
        ("we like tea", members[1].muxi_user_id)
    ]
    [hit] = call("search_memory", "tea", ann)
    assert (hit.owner, hit.team_name, hit.memory.metadata) == ("team", f"Clients {kind}", {"a": 1})
    call("teams.merge_context", made.team_id, {"day": "Friday", "tools": ["git"]}, ann, source="wiki")
    call("teams.set_context", made.team_id, "tools", "make", ann, op="add")
    assert call("teams.context", made.team_id) == {"day": "Friday", "tools": ["git", "make"]}
    assert {one.source for one in call("teams.facts", made.team_id, ann)} == {"wiki", ""}
    assert call("teams.delete_context", made.team_id, "day", ann) is True
    assert len(call("teams.history", made.team_id, "day", ann)) == 2
    with pytest.raises(PermissionDeniedError):
        call("teams.delete_context", made.team_id, "day", ann, forget=True)
    call("teams.delete_memory", made.team_id, shared.memory_id, ann)
    with pytest.raises(MemoryNotFoundError):
        call("teams.delete_memory", made.team_id, shared.memory_id, ann)
    call("teams.remove_member", made.team_id, ann)
    with pytest.raises(NotFoundError):
        call("teams.show", made.team_id, ann)
    with pytest.raises(UserNotFoundError):
        call("teams.remove_member", made.team_id, ann)
    assert call("teams.delete", made.team_id).counts["team_members"] == 1
