"""Users' secrets over HTTP, with both clients, and on the command line."""

from __future__ import annotations

import json
import stat
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from muxi import AsyncFormationClient, FormationClient
from muxi.core.credentials.envelope import new_master_key, read_master_key
from muxi.errors import (
    ConflictError,
    InvalidInputError,
    NotFoundError,
    PermissionDeniedError,
    SettingsError,
    UnprovenIdentifierError,
    UserNotFoundError,
)
from tests.support import command_line
from tests.support.sentinels import left_in
from tests.support.server_process import ServerProcess
from tests.support.thread_server import ThreadServer

SECRET = "ghp-sentinel-secret-of-ann-x9Y8"
ANN, BEN, CAT = "ann@x.org", "ben@x.org", "cat@x.org"
KEY = {"credentials": {"master_key": new_master_key()}}
PATH = "/v1/credentials/github/default"


@pytest.fixture
def server(tmp_path: Path, database_url: str) -> Iterator[ThreadServer]:
    """Ann and Ben are proven in both formations, and Cat is known in the first."""
    with ThreadServer(tmp_path / "data", ("f", "g"), database_url=database_url, settings=KEY) as running:
        for formation in running.formations.values():
            for who in (ANN, BEN):
                formation.identities.associate([who], verified=True)
        running.formations["f"].identities.resolve(CAT)
        yield running


@pytest.fixture
def app(server: ThreadServer) -> Iterator[FormationClient]:
    with FormationClient(server.url, client_key="f-client-key") as client:
        yield client


@pytest.fixture
def admin(server: ThreadServer) -> Iterator[FormationClient]:
    with FormationClient(server.url, admin_key="f-admin-key") as client:
        yield client


def test_with_the_clients(app: FormationClient, admin: FormationClient) -> None:
    """Stored, listed, replaced, handed out and deleted, with everything about it."""
    stored = app.credentials.put("github", SECRET, ANN, "work", {"a": [1]}, expires_in=timedelta(hours=1))
    assert (stored.service, stored.name, stored.preview, stored.metadata) == (
        "github",
        "work",
        "********x9Y8",
        {"a": [1]},
    )
    assert stored.expires_at == stored.created_at + timedelta(hours=1) and stored.last_used_at is None
    assert app.credentials.list(ANN) == [stored] == app.credentials.list(ANN, "github")
    assert app.credentials.list(ANN, "slack") == []
    again = app.credentials.put("github", SECRET[::-1], ANN, "work", credential_id=stored.credential_id)
    assert (again.credential_id, again.expires_at) == (stored.credential_id, None)
    found = admin.credentials.get("github", ANN, "work")
    assert found.reveal() == SECRET[::-1] and found.credential == again
    assert "sentinel"[::-1] not in repr(found) + str(found) + f"{found!s}"
    assert app.credentials.delete("github", ANN, "work").credential_id == stored.credential_id
    assert app.credentials.list(ANN) == []
    for call in (admin.credentials.get, app.credentials.delete):
        with pytest.raises(NotFoundError):
            call("github", ANN, "work")


def test_who_may_be_handed_a_secret(server: ThreadServer, app: FormationClient, admin: FormationClient) -> None:
    """The permission alone says so: neither the client key, nor a user's own token has it."""
    app.credentials.put("github", SECRET, ANN)
    token = app.tokens.create(ANN).token
    with FormationClient(server.url, token=token) as own:
        assert own.credentials.list()[0].preview == "********x9Y8"
        own.credentials.put("slack", "x")
        own.credentials.delete("slack")
        for client in (app, own):
            with pytest.raises(PermissionDeniedError) as error:
                client.credentials.get("github", ANN)
            assert error.value.details["permission"] == "credentials:reveal"
    key = admin.keys.create(scopes=["credentials:*"], role="owner").key
    with FormationClient(server.url, api_key=key) as trusted:
        assert trusted.credentials.get("github", ANN).reveal() == SECRET
    key = admin.keys.create(role="owner", user_id=ANN).key
    with FormationClient(server.url, api_key=key) as bound, pytest.raises(PermissionDeniedError):
        bound.credentials.get("github")
    rows = [row for row in admin.list_audit(ANN).items if row.action == "credential.read"]
    assert len(rows) == 1 and rows[0].actor.startswith("key_")


def test_secrets_are_not_kept_by_others(server: ThreadServer, app: FormationClient) -> None:
    """A handed out secret says that it must not be."""
    app.credentials.put("github", SECRET, ANN)
    headers = {"X-Muxi-Admin-Key": "f-admin-key", "X-Muxi-User-Id": ANN}
    answer = server.http.post(f"{PATH}/reveal", headers=headers)
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")
    assert set(answer.json()) == {"secret", "credential"} and answer.json()["secret"] == SECRET


def test_unproven_identifiers_get_none(app: FormationClient, admin: FormationClient, server: ThreadServer) -> None:
    """Nor does an id that was read somewhere, of who speaks for anybody; with the admin key an id is enough."""
    ann = server.formations["f"].identities.get(ANN).id
    for client, who in ((app, CAT), (admin, CAT), (app, ann)):
        for call in (
            lambda client=client, who=who: client.credentials.put("github", SECRET, who),
            lambda client=client, who=who: client.credentials.list(who),
            lambda client=client, who=who: client.credentials.delete("github", who),
        ):
            with pytest.raises(UnprovenIdentifierError):
                call()
    with pytest.raises(UnprovenIdentifierError):
        admin.credentials.get("github", CAT)
    with pytest.raises(UserNotFoundError):
        app.credentials.list("nobody@x.org")
    admin.credentials.put("github", SECRET, ann)
    assert admin.credentials.get("github", ann).reveal() == SECRET


def test_nobody_reaches_what_is_anothers(app: FormationClient, admin: FormationClient, server: ThreadServer) -> None:
    """Another user, another formation, a guessed or a right id: all the same answer."""
    stored = app.credentials.put("github", SECRET, ANN)
    answers = set()
    with FormationClient(server.url, formation_id="g", admin_key="g-admin-key") as abroad:
        assert app.credentials.list(BEN) == abroad.credentials.list(ANN) == []
        for client, who in ((admin, BEN), (abroad, ANN), (abroad, BEN)):
            for credential_id in (None, stored.credential_id, "crd_01h455vb4pex5vsknk084sn02q", "x"):
                for call in (client.credentials.get, client.credentials.delete):
                    with pytest.raises(NotFoundError) as error:
                        call("github", who, credential_id=credential_id)
                    answers.add((type(error.value), error.value.message))
    assert len(answers) == 1
    token = app.tokens.create(BEN).token
    with FormationClient(server.url, token=token) as ben:
        for call in (lambda: ben.credentials.list(ANN), lambda: ben.credentials.put("github", "x", ANN)):
            with pytest.raises(UserNotFoundError):
                call()
    assert admin.credentials.get("github", ANN).reveal() == SECRET


def test_both_have_one_after_a_merge(app: FormationClient, admin: FormationClient) -> None:
    """The conflict lists the ids, and an id chooses."""
    of_ann, of_ben = (app.credentials.put("github", f"of {who}", who) for who in (ANN, BEN))
    merge = admin.merge_users([ANN, BEN], into=ANN)
    with pytest.raises(ConflictError) as error:
        admin.credentials.get("github", BEN)
    ids = sorted((of_ann.credential_id, of_ben.credential_id))
    assert error.value.details["credentials"] == ids == sorted(one.credential_id for one in app.credentials.list(BEN))
    found = admin.credentials.get("github", ANN, credential_id=of_ben.credential_id)
    assert found.reveal() == f"of {BEN}"
    admin.split_merge(merge.merge_id)  # type: ignore[union-attr]
    assert admin.credentials.get("github", BEN).reveal() == f"of {BEN}"
    assert admin.credentials.get("github", ANN).reveal() == f"of {ANN}"


@pytest.mark.parametrize(
    "body",
    [
        {"secret": 7},
        {"secret": [SECRET]},
        {"secret": SECRET, "unknown": 1},
        {"secret": ""},
        {"secret": SECRET, "metadata": SECRET},
        {"secret": SECRET * 3000},
        {"secret": SECRET, "expires_in": 0},
        {"secret": f"{SECRET}\x00"},
        {"secret": SECRET, "credential_id": "x"},
    ],
)
def test_wrong_bodies(server: ThreadServer, body: dict[str, Any]) -> None:
    """What is refused does not come back in the answer."""
    answer = server.http.put(PATH, json=body, headers=server.headers(ANN))
    assert answer.status_code == (404 if "credential_id" in body else 422)
    assert "sentinel" not in answer.text


@pytest.mark.parametrize("service", ["Git", "a b", "..", "%2e%2e", "x" * 65, "ü"])
def test_wrong_names(app: FormationClient, service: str) -> None:
    """Are refused, and lead nowhere else."""
    with pytest.raises((InvalidInputError, NotFoundError)):
        app.credentials.put(service, SECRET, ANN)
    assert app.credentials.list(ANN) == []


async def test_both_clients_do_the_same(server: ThreadServer) -> None:
    """Awaited or not."""
    async with AsyncFormationClient(server.url, admin_key="f-admin-key") as client:
        stored = await client.credentials.put("github", SECRET, ANN)
        assert await client.credentials.list(ANN) == [stored]
        assert (await client.credentials.get("github", ANN)).reveal() == SECRET
        assert await client.credentials.delete("github", ANN) is not None
        assert await client.credentials.list(ANN, "github") == []


def test_without_a_master_key(tmp_path: Path) -> None:
    """The answer says what to set; lists work."""
    with ThreadServer(tmp_path, ("f",)) as server:
        server.formations["f"].identities.associate([ANN], verified=True)
        with FormationClient(server.url, client_key="f-client-key") as client:
            assert client.credentials.list(ANN) == []
            with pytest.raises(SettingsError, match=r"credentials\.master_key"):
                client.credentials.put("github", SECRET, ANN)


def test_the_log_of_a_server(tmp_path: Path) -> None:
    """Has nothing of a secret or a master key, whatever went wrong; nor has its database."""
    master = KEY["credentials"]["master_key"]
    with ServerProcess(tmp_path, configs=[f"credentials: {{master_key: {master}}}\n"]) as server:
        keys = {"X-Muxi-Admin-Key": server.admin_key}
        with httpx.Client(base_url=server.url, headers=keys, trust_env=False) as http:
            body = {"identifiers": [ANN], "verified": True}
            assert http.post("/v1/identifiers", json=body).status_code == 200
            http.headers["X-Muxi-User-Id"] = ANN
            assert http.put(PATH, json={"secret": SECRET}).status_code == 200
            assert http.put(PATH, json={"secret": [SECRET]}).status_code == 422
            assert http.put(PATH, content=f'{{"secret": "{SECRET}').status_code == 422
            assert http.post(f"{PATH}/reveal").json()["secret"] == SECRET
    files = [path for path in tmp_path.iterdir() if path.is_file() and path.suffix != ".yaml"]
    assert len(files) >= 2 and left_in(files, [SECRET, SECRET[:14], master]) == set()


@pytest.fixture(params=["store", "server"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[tuple[Any, ...], dict[str, str]]]:
    """A store without a server, and a server: options and variables of commands."""
    config = tmp_path / "formation.yaml"
    config.write_text(f"credentials: {{master_key: {KEY['credentials']['master_key']}}}\n", encoding="utf-8")
    if request.param == "store":
        yield ("--config", config, "--data-dir", tmp_path / "data"), {}
        return
    with ThreadServer(tmp_path / "data", settings=KEY) as server:
        yield (), {"MUXI_URL": server.url, "MUXI_ADMIN_KEY": "default-admin-key"}


def test_commands(place: tuple[tuple[Any, ...], dict[str, str]]) -> None:
    """set takes the secret from standard input, list and show mask it, --reveal gives it, delete removes it."""
    options, variables = place

    def muxi(*words: Any, says: str = "", code: int = 0) -> str:
        run = command_line.run(*words, *options, says=says, **variables)
        assert run.returncode == code, run.stderr
        assert code == 0 or SECRET not in run.stdout + run.stderr
        return run.stdout if code == 0 else run.stderr

    who = json.loads(muxi("users", "resolve", "ann@x.org", "--json"))["muxi_user_id"]
    refused = muxi("credentials", "set", "github", "--as", "ann@x.org", says=SECRET, code=1)
    assert refused.endswith("(unproven_identifier)\n")
    metadata = ("--metadata", '{"a": 1}', "--expires-in", "1h")
    assert "********x9Y8" in muxi("credentials", "set", "github", "--as", who, *metadata, says=f"{SECRET}\n")
    muxi("credentials", "set", "github", "--as", who, "--name", "pem", says="a\nb\n\n")
    listed = json.loads(muxi("credentials", "list", "--as", who, "--json"))["credentials"]
    assert [(one["name"], one["preview"]) for one in listed] == [("default", "********x9Y8"), ("pem", "********")]
    assert SECRET not in muxi("credentials", "list", "github", "--as", who)
    shown = json.loads(muxi("credentials", "show", "github", "--as", who, "--json"))
    assert shown == listed[0] and (shown["metadata"], shown["expires_at"] is not None) == ({"a": 1}, True)
    assert SECRET not in muxi("credentials", "show", "github", "--as", who)
    assert muxi("credentials", "show", "github", "--as", who, "--reveal") == f"{SECRET}\n"
    assert muxi("credentials", "show", "github", "--as", who, "--name", "pem", "--reveal") == "a\nb\n\n"
    muxi("credentials", "delete", "github", "--as", who)
    assert "not_found" in muxi("credentials", "show", "github", "--as", who, code=1)
    muxi("credentials", "set", "github", "--as", who, "--metadata", "[]", says=SECRET, code=2)


def test_keys_on_the_command_line(tmp_path: Path) -> None:
    """new-key makes keys, a file gets the newest first and is nobody else's; rotate uses it."""
    printed = command_line.run("credentials", "new-key").stdout.strip()
    read_master_key(printed)
    file, config = tmp_path / "master.keys", tmp_path / "formation.yaml"
    config.write_text(f"credentials: {{master_key_file: {file}}}\n", encoding="utf-8")
    options = ("--config", config, "--data-dir", tmp_path / "data")
    missing = command_line.run("users", "resolve", "ann@x.org", *options)
    assert missing.returncode == 1 and "master_key_file" in missing.stderr
    assert command_line.run("credentials", "new-key", "--file", file).returncode == 0
    [first] = file.read_text().split()
    who = json.loads(command_line.run("users", "resolve", "ann@x.org", "--json", *options).stdout)["muxi_user_id"]
    assert command_line.run("credentials", "set", "github", "--as", who, *options, says=SECRET).returncode == 0
    made = command_line.run("credentials", "new-key", "--file", file)
    newest, kept = file.read_text().split()
    assert kept == first and read_master_key(newest).id in made.stdout and newest not in made.stdout + made.stderr
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    rotated = json.loads(command_line.run("credentials", "rotate", "--json", *options).stdout)
    assert rotated == {"master_key": read_master_key(newest).id, "rewrapped": 1, "left": 0}
    file.write_text(f"{newest}\n")
    shown = command_line.run("credentials", "show", "github", "--as", who, "--reveal", *options)
    assert shown.stdout == f"{SECRET}\n"
