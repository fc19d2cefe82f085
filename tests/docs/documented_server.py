"""The server that the documentation's examples talk to."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from muxi.core.credentials.envelope import new_master_key
from tests.support.mongo import MongoServer
from tests.support.server_process import ServerProcess


@pytest.fixture(scope="module")
def server_of_document(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A real server with an empty store for each document."""
    config = f"credentials: {{master_key: {new_master_key()}}}\n"
    with ServerProcess(tmp_path_factory.mktemp("documented"), configs=[config]) as server:
        yield server


@pytest.fixture(scope="module")
def mongo_of_document(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MongoServer]:
    """A MongoDB server, for the documents that need one."""
    with MongoServer(tmp_path_factory.mktemp("mongo")) as server:
        yield server


@pytest.fixture
def documented_server(
    server_of_document: ServerProcess,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> None:
    """The servers, named by the environment as the documents say, and a folder for files."""
    monkeypatch.chdir(tmp_path)
    if "MONGODB_URI" in request.path.read_text(encoding="utf-8"):
        monkeypatch.setenv("MONGODB_URI", request.getfixturevalue("mongo_of_document").uri)
    monkeypatch.setenv("MUXI_URL", server_of_document.url)
    monkeypatch.setenv("MUXI_CLIENT_KEY", server_of_document.client_key)
    monkeypatch.setenv("MUXI_ADMIN_KEY", server_of_document.admin_key)
