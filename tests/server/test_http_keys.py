"""What opens a formation, and where keys come from."""

from __future__ import annotations

import json
import stat
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from muxi.core.access.built_in import Keys
from muxi.core.keys_file import open_keys
from muxi.errors import SettingsError
from muxi.settings import FormationSettings
from tests.support.thread_server import ThreadServer

F, G = FormationSettings(id="f"), FormationSettings(id="g")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ThreadServer]:
    with ThreadServer(tmp_path_factory.mktemp("keys"), ("f", "g")) as running:
        yield running


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("/v1/sessions", {"X-Muxi-Client-Key": "f-client-key"}, 200),
        ("/v1/sessions", {"X-Muxi-Admin-Key": "f-admin-key"}, 200),
        ("/v1/sessions", {"X-Muxi-Client-Key": "wrong", "X-Muxi-Admin-Key": "f-admin-key"}, 200),
        ("/api/f/v1/sessions", {"X-Muxi-Client-Key": "f-client-key"}, 200),
        ("/api/g/v1/sessions", {"X-Muxi-Client-Key": "g-client-key"}, 200),
        ("/v1/sessions", {}, 401),
        ("/v1/sessions", {"X-Muxi-Client-Key": ""}, 401),
        ("/v1/sessions", {"X-Muxi-Client-Key": "f-admin-key"}, 401),
        ("/v1/sessions", {"X-Muxi-Admin-Key": "f-client-key"}, 401),
        ("/v1/sessions", {"X-Muxi-Client-Key": "g-client-key"}, 401),
        ("/api/g/v1/sessions", {"X-Muxi-Admin-Key": "f-admin-key"}, 401),
        ("/api/nowhere/v1/sessions", {"X-Muxi-Client-Key": "wrong"}, 401),
        ("/api/nowhere/v1/sessions", {"X-Muxi-Client-Key": "f-client-key"}, 404),
    ],
)
def test_a_key_opens_its_own_formation(server: ThreadServer, path: str, headers: dict[str, str], status: int) -> None:
    """A client or admin key opens its formation under both addresses, and no other."""
    answer = server.http.get(path, headers=headers | {"X-Muxi-User-Id": "a"})
    assert answer.status_code == status
    codes = {200: None, 401: "authentication_failed", 404: "formation_not_found"}
    assert answer.json().get("code") == codes[status]
    assert ("www-authenticate" in answer.headers) == (status == 401)


def test_every_route_of_a_formation_needs_a_key(server: ThreadServer) -> None:
    """Without a key, every route but health, readiness and the public keys is refused."""
    paths = server.http.get("/openapi.json").json()["paths"]
    asked = {
        f"{method} {path}": server.http.request(method, path, json={}).status_code
        for path, methods in paths.items()
        for method in methods
    }
    assert {route for route, status in asked.items() if status != 401} == {
        "get /health",
        "get /ready",
        "get /v1/.well-known/jwks.json",
    }
    assert len(asked) == 84


def test_what_joins_or_watches_people_needs_the_admin_key(server: ThreadServer) -> None:
    """These routes refuse the client key, whatever is sent to them, and no other route does."""
    paths = server.http.get("/openapi.json").json()["paths"]
    refused = {
        f"{method} {path}"
        for path, methods in paths.items()
        for method in methods
        if server.http.request(method, path, json={}, headers=server.headers("a")).json().get("code")
        == "permission_denied"
    }
    assert refused == {
        "post /v1/users/merge",
        "post /v1/users/split",
        "get /v1/users",
        "get /v1/users/{user_id}/details",
        "post /v1/users/{user_id}/disable",
        "post /v1/users/{user_id}/enable",
        "delete /v1/users/{user_id}",
        "post /v1/users/restore",
        "post /v1/users/expire",
        "post /v1/identifiers/bulk",
        "post /v1/identifiers/import",
        "get /v1/audit",
        "get /v1/audit/verify",
        "get /v1/extraction",
        "get /v1/extraction/failures",
        "post /v1/extraction/failures/{failure_id}/replay",
        "get /v1/keys",
        "post /v1/keys",
        "get /v1/keys/{key_id}",
        "delete /v1/keys/{key_id}",
        "post /v1/keys/{key_id}/rotate",
        "get /v1/roles",
        "put /v1/roles/{name}",
        "delete /v1/roles/{name}",
        "post /v1/tokens/rotate",
        "post /v1/credentials/{service}/{name}/reveal",
    }
    answer = server.post("/v1/identifiers", {"identifiers": ["a"], "merge": True})
    assert (answer.status_code, answer.json()["code"]) == (403, "permission_denied")


def test_formations_share_nothing(server: ThreadServer) -> None:
    """One address in two formations is two users, who see nothing of each other, also by id."""
    body = {"text": "F keeps this", "user_id": "a@example.com"}
    memory_id = server.post("/v1/memories", body).json()["memory_id"]
    seen_by_g = server.get("/api/g/v1/memories", user="a@example.com", key="g-client-key").json()
    headers = server.headers("a@example.com", key="g-client-key")
    assert seen_by_g["memories"] == []
    assert server.http.delete(f"/api/g/v1/memories/{memory_id}", headers=headers).status_code == 404
    assert server.http.delete(f"/v1/memories/{memory_id}", headers=server.headers("a@example.com")).status_code == 204


def test_keys_are_made_once_and_kept_private(tmp_path: Path) -> None:
    """The first start makes keys, in a file that only its owner reads; the next start finds them."""
    first = open_keys([F], tmp_path)
    again = open_keys([F], tmp_path)
    assert first["f"].made
    assert not again["f"].made
    assert (first["f"].client, first["f"].admin) == (again["f"].client, again["f"].admin)
    assert first["f"].client.startswith("muxi_client_")
    assert first["f"].admin.startswith("muxi_admin_")
    assert stat.S_IMODE((tmp_path / "keys.json").stat().st_mode) == 0o600
    assert sorted(path.name for path in tmp_path.iterdir()) == ["keys.json", "keys.json.lock"]
    assert first["f"].client not in repr(first)


def test_starts_at_once_agree(tmp_path: Path) -> None:
    """Eight starts at once, of two formations, get the same keys."""
    with ThreadPoolExecutor(8) as pool:
        all_keys = list(pool.map(lambda number: open_keys([F, G][number % 2 :], tmp_path), range(8)))
    assert len({keys["g"].client for keys in all_keys}) == 1
    assert len({keys["f"].admin for keys in all_keys if "f" in keys}) == 1
    assert sum(keys["g"].made for keys in all_keys) == 1


def test_set_keys_are_not_kept(tmp_path: Path) -> None:
    """Keys that are set are used as they are and written nowhere; only a missing one is made."""
    both = FormationSettings.model_validate({"keys": {"client_key": "c" * 16, "admin_key": "a" * 16}})
    one = FormationSettings.model_validate({"id": "g", "keys": {"client_key": "c" * 16}})
    assert open_keys([both], tmp_path) == {"default": Keys("c" * 16, "a" * 16)}
    assert list(tmp_path.iterdir()) == []
    made = open_keys([one], tmp_path)["g"]
    assert made.client == "c" * 16
    assert json.loads((tmp_path / "keys.json").read_text()) == {"g": {"admin": made.admin}}


@pytest.mark.parametrize("text", ["{", "[]", '{"f": 1}', "\x00"])
def test_a_broken_key_file_stops_the_start(tmp_path: Path, text: str) -> None:
    """A key file that cannot be read is named, and left as it is."""
    (tmp_path / "keys.json").write_text(text)
    with pytest.raises(SettingsError, match=r"keys\.json does not hold keys"):
        open_keys([F], tmp_path)
    assert (tmp_path / "keys.json").read_text() == text


def test_an_unusable_folder_stops_the_start(tmp_path: Path) -> None:
    """A data directory that cannot be made is named."""
    (tmp_path / "file").write_text("")
    with pytest.raises(SettingsError, match=r"keys\.json cannot be read or written"):
        open_keys([F], tmp_path / "file" / "inside")


def test_the_description_names_keys_and_headers(server: ThreadServer) -> None:
    """The OpenAPI document says which keys open a route, and which headers it reads."""
    document = server.http.get("/openapi.json").json()
    chat, search = document["paths"]["/v1/chat"]["post"], document["paths"]["/v1/memories/search"]["post"]
    schemes = document["components"]["securitySchemes"]
    assert {name: scheme.get("name", scheme.get("scheme")) for name, scheme in schemes.items()} == {
        "ClientKey": "X-Muxi-Client-Key",
        "AdminKey": "X-Muxi-Admin-Key",
        "ApiKey": "X-API-Key",
        "Bearer": "bearer",
    }
    assert [list(one) for one in chat["security"]] == [["ClientKey"], ["AdminKey"], ["ApiKey"], ["Bearer"]]
    audit = document["paths"]["/v1/audit"]["get"]
    assert [list(one) for one in audit["security"]] == [["AdminKey"], ["ApiKey"], ["Bearer"]]
    assert (chat["x-permission"], audit["x-permission"]) == ("chat:write", "audit:read")
    assert [one["name"] for one in chat["parameters"]] == ["X-Muxi-User-Id", "X-Muxi-User-Id-Type", "Idempotency-Key"]
    assert [one["name"] for one in search["parameters"]] == [one["name"] for one in chat["parameters"]]
    listed = document["paths"]["/v1/memories"]["get"]["parameters"]
    assert "Idempotency-Key" not in [one["name"] for one in listed]
    assert "security" not in document["paths"]["/health"]["get"]
