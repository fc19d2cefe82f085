"""Importing a file through a server: whole or refused, told of while it runs, and resumed after it was broken off."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest

from muxi import FormationClient
from muxi.client.user_replies import BulkResult
from muxi.errors import ConflictError, InvalidImportError, PermissionDeniedError, UserNotFoundError
from tests.conftest import EACH_KIND
from tests.support.both_clients import KINDS
from tests.support.eventually import eventually
from tests.support.postgres import new_database
from tests.support.thread_server import ThreadServer


@pytest.fixture(params=EACH_KIND, scope="module")
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ThreadServer]:
    address = new_database(request.getfixturevalue("postgres_url")) if request.param == "postgres" else None
    with ThreadServer(tmp_path_factory.mktemp("import"), ("default", "other"), database_url=address) as running:
        yield running


@pytest.fixture(params=sorted(KINDS))
def imported(request: pytest.FixtureRequest, server: ThreadServer) -> Callable[..., BulkResult]:
    """Imports through either client."""
    use = KINDS[request.param]
    return lambda *args, **more: use(server.url, "default-admin-key", "users.import_file", *args, admin=True, **more)


def written(folder: Path, name: str, users: int, start: str) -> Path:
    file = folder / name
    lines = [f"{start}-{n},{start}-{n}@x.org," for n in range(users)]
    file.write_text("\n".join(["user,identifier,type", *lines]) + "\n", encoding="utf-8")
    return file


def test_a_file_of_many(imported: Callable[..., BulkResult], tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """All of it is linked; the steps are told in their order, and each conflict with its line."""
    start = request.node.name.replace("[", "-").replace("]", "").lower()
    file = written(tmp_path, "users.csv", 3000, start)
    with file.open("a") as more:
        more.write(f"{start}-other,{start}-7@x.org,\n")
    told: list[tuple[str, int, int]] = []
    conflicts: list[Any] = []
    dry = imported(file, True)
    result = imported(file, progress=lambda *step: told.append(step), report=conflicts.append)
    assert (dry.dry_run, result.dry_run) == (True, False)
    assert (dry.linked, dry.users_made, dry.conflict_count) == (6000, 3000, 1)
    assert (result.groups, result.linked, result.users_made) == (3001, 6000, 3000)
    assert [(one.place, one.code) for one in conflicts] == [(3002, "identifier_conflict")]
    assert list(dict.fromkeys(step for step, _, _ in told)) == ["sending", "checking", "linking"]
    assert told[-1] == ("linking", 3002, 3002)
    again = imported(file)
    assert (again.linked, again.unchanged, again.resumed_after) == (0, 6000, 0)


def test_a_wrong_line_changes_nothing(
    imported: Callable[..., BulkResult], server: ThreadServer, tmp_path: Path
) -> None:
    """It is named with its number; so is a file that says nothing."""
    file = written(tmp_path, "users.csv", 10, "wrong")
    file.write_bytes(file.read_bytes() + b",undefined,\n")
    with pytest.raises(InvalidImportError) as error:
        imported(file)
    assert error.value.details["lines"][0]["line"] == 12
    with FormationClient(server.url, admin_key="default-admin-key") as client, pytest.raises(UserNotFoundError):
        client.users.show("wrong-1@x.org")
    file.write_bytes(b"")
    with pytest.raises(InvalidImportError):
        imported(file)


def test_who_hangs_up_goes_on_later(server: ThreadServer, tmp_path: Path) -> None:
    """The import stops after a chunk; the same file again begins there, and everybody is linked once."""
    file = written(tmp_path, "users.csv", 40_000, "later")
    headers = {"X-Muxi-Admin-Key": "default-admin-key", "Content-Type": "text/csv"}
    with (
        file.open("rb") as content,
        httpx.stream(
            "POST", f"{server.url}/v1/identifiers/import", content=content, headers=headers, timeout=60
        ) as run,
    ):
        for line in run.iter_lines():
            told = json.loads(line)
            if told["progress"]["step"] == "linking":
                break
    with FormationClient(server.url, admin_key="default-admin-key", timeout=60) as client:
        results: list[BulkResult] = []
        assert eventually(lambda: resumed(client, file, results), within_s=30)
        (result,) = results
        assert 0 < result.resumed_after < 40_000
        assert result.resumed_after - 1 + result.groups == 40_000
        assert client.resolve_user("later-39999@x.org").created is False


def resumed(client: FormationClient, file: Path, results: list[BulkResult]) -> bool:
    """Until the first import has seen that nobody listens any more, it is in the way."""
    with suppress(ConflictError):
        results.append(client.users.import_file(file))
    return bool(results)


def test_only_an_admin_of_the_formation(server: ThreadServer, tmp_path: Path) -> None:
    """A client key is refused, another formation gets nothing, and a form that is none of ours is named."""
    file = written(tmp_path, "users.csv", 2, "only")
    with FormationClient(server.url, client_key="default-client-key") as client, pytest.raises(PermissionDeniedError):
        client.users.import_file(file)
    with FormationClient(server.url, "other", admin_key="other-admin-key") as other:
        assert other.users.import_file(file).linked == 4
    with FormationClient(server.url, admin_key="default-admin-key") as client, pytest.raises(UserNotFoundError):
        client.users.show("only-1@x.org")
    headers = {"X-Muxi-Admin-Key": "default-admin-key", "Content-Type": "application/json"}
    answer = httpx.post(f"{server.url}/v1/identifiers/import", content=b"{}", headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_input")
