"""What everything requires: each route, SDK method and command is listed, and does require what the list says."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from muxi import AsyncFormationClient, FormationClient
from muxi.cli.app import app as commands
from muxi.client.streams import ReplyStream
from muxi.core.access.policy import PERMISSIONS, role_table
from muxi.errors import PermissionDeniedError
from muxi.server.app import create_app
from muxi.server.caller import ANY as ANY_KEY
from muxi.server.requirements import required
from tests.support.required import ANY, COMMANDS, METHODS, NOBODY, STORE
from tests.support.thread_server import ThreadServer

DOCUMENT = Path(__file__).parents[2] / "docs" / "access.md"
WITHOUT_A_KEY = {"/health", "/ready", "/v1/health", "/v1/ready"}
KEY_SETS = {"/v1/.well-known/jwks.json", "/api/{formation_id}/v1/.well-known/jwks.json"}
#: What a method is called with, by the name of its parameter; anything else gets a text.
GIVEN: dict[str, Any] = {
    "identifiers": ["a@acme.com"],
    "users": ["a@acme.com", "b@acme.com"],
    "memories": ["x"],
    "permissions": ["chat:write"],
    "knowledge": {"x": 1},
    "groups": [["a@acme.com"]],
    "export": ['{"format": "muxi.user"}'],
    "user_id": "usr_01h455vb4pex5vsknk084sn02q",
    "path": "x",
    "member": "usr_01h455vb4pex5vsknk084sn02q",
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ThreadServer]:
    with ThreadServer(tmp_path_factory.mktemp("required"), ("f",)) as running:
        yield running


def names(client: object) -> set[str]:
    """Every public method of a client and of its parts."""
    found = set()
    for name in (one for one in dir(client) if not one.startswith("_")):
        part = getattr(client, name)
        inner = [one for one in dir(part) if not one.startswith("_") and inspect.ismethod(getattr(part, one))]
        found |= {name} if inspect.ismethod(part) else {f"{name}.{one}" for one in inner}
    return found


def leaves(command: Any, path: tuple[str, ...] = ()) -> Iterator[str]:
    inner = getattr(command, "commands", None)
    if inner is None:
        yield " ".join(path)
    for name, one in (inner or {}).items():
        yield from leaves(one, (*path, name))


def test_every_route_requires_something() -> None:
    """No route of a formation is without a permission, and each permission is one."""
    routes = required(create_app({}, "f", {}))
    assert {path for (_, path), needed in routes.items() if needed is None} == WITHOUT_A_KEY | KEY_SETS
    assert {path for (_, path), needed in routes.items() if needed == ANY_KEY} == {
        "/v1/access",
        "/api/{formation_id}/v1/access",
    }
    assert {needed for needed in routes.values() if needed} <= set(PERMISSIONS)


def test_every_method_and_command_is_listed() -> None:
    """The lists hold every method of both clients and every command, and nothing that is not there."""
    with FormationClient("http://127.0.0.1:1", client_key="x") as client:
        assert names(client) == set(METHODS)
    assert names(AsyncFormationClient("http://127.0.0.1:1", client_key="x")) == set(METHODS)
    assert set(leaves(get_command(commands))) == set(COMMANDS)
    assert {*METHODS.values(), *COMMANDS.values()} <= {*PERMISSIONS, ANY, NOBODY, STORE}


def test_every_method_requires_what_the_list_says(server: ThreadServer, tmp_path: Path) -> None:
    """With a key that may do nothing of it, each method is refused for want of exactly the listed permission."""
    admin = {"X-Muxi-Admin-Key": "f-admin-key"}
    server.http.put("/v1/roles/nothing", json={"permissions": ["roles:read"]}, headers=admin)
    key = server.http.post("/v1/keys", json={"role": "nothing"}, headers=admin).json()["key"]
    file = tmp_path / "people.jsonl"
    file.write_text('{"identifiers": ["a@acme.com"]}\n')
    lacking = {}
    with FormationClient(server.url, api_key=key) as client:
        for name in sorted(set(METHODS) - {"roles.list", "close"}):
            lacking[name] = _lacks(client, name, file)
    free = {ANY: None, NOBODY: None}
    assert lacking == {
        name: free.get(needed, needed) for name, needed in METHODS.items() if name not in {"roles.list", "close"}
    }


def test_the_document_has_the_routes() -> None:
    """docs/access.md lists every route with what it requires, and every permission with the roles that have it."""
    text = DOCUMENT.read_text(encoding="utf-8")
    routes = required(create_app({}, "f", {})).items()
    missing = [
        f"| `{method.upper()} {path}` | `{needed}` |"
        for (method, path), needed in routes
        if path.startswith("/v1/") and needed and f"| `{method.upper()} {path}` | `{needed}` |" not in text
    ]
    assert missing == []
    assert role_table() in text


def _lacks(client: FormationClient, name: str, file: Path) -> str | None:
    part, _, inner = name.rpartition(".")
    method = getattr(getattr(client, part) if part else client, inner)
    wanted = [
        one.name
        for one in inspect.signature(method).parameters.values()
        if one.default is one.empty and one.kind in (one.POSITIONAL_OR_KEYWORD, one.KEYWORD_ONLY)
    ]
    given = {one: GIVEN.get(one, "x") for one in wanted}
    if name == "users.import_file":
        given = {next(iter(given)): file}
    if name == "tokens.revoke":
        given = {"jti": "x"}
    if name == "chat_stream":
        given["user_id"] = "a@acme.com"
    try:
        result = method(**given)
        if isinstance(result, Iterator | ReplyStream):
            list(result)
    except PermissionDeniedError as error:
        return str(error.details["permission"])
    return None
