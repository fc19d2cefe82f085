"""A real server of two formations, in a process of its own, on each kind of database."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import EACH_KIND
from tests.support.both_clients import KINDS
from tests.support.identity_provider import AUDIENCE, ISSUER, IdentityProvider
from tests.support.openai_server import OpenAIServer
from tests.support.postgres import new_database
from tests.support.server_process import ServerProcess

IDENTITY_PROVIDER = IdentityProvider()
OTHER_CLIENT_KEY = "other-client-key-0123456789"
OTHER_ADMIN_KEY = "other-admin-key-0123456789"

#: The server's own formation: one agent that quotes, and one whose every answer is scripted; ID tokens of one issuer.
OWN = """
id: acme
identity:
  oidc:
    - {{issuer: "{issuer}", audience: {audience}, jwks: {jwks}}}
agents:
  - id: assistant
    default: true
  - id: scripted
    model: {{provider: openai, model: scripted, api_key: none, base_url: "{url}"}}
"""
OTHER = f"""
id: globex
keys: {{client_key: {OTHER_CLIENT_KEY}, admin_key: {OTHER_ADMIN_KEY}}}
"""


@pytest.fixture(scope="session")
def chat_model() -> Iterator[OpenAIServer]:
    """The model of the agent `scripted`: does what a test tells it to."""
    with OpenAIServer() as model:
        yield model


@pytest.fixture(scope="session")
def sqlite_server(tmp_path_factory: pytest.TempPathFactory, chat_model: OpenAIServer) -> Iterator[ServerProcess]:
    yield from _serving(tmp_path_factory.mktemp("server"), chat_model, None)


@pytest.fixture(scope="session")
def postgres_server(
    tmp_path_factory: pytest.TempPathFactory, chat_model: OpenAIServer, postgres_url: str
) -> Iterator[ServerProcess]:
    yield from _serving(tmp_path_factory.mktemp("server"), chat_model, new_database(postgres_url))


def _serving(folder: Path, chat_model: OpenAIServer, address: str | None) -> Iterator[ServerProcess]:
    provider = {"issuer": ISSUER, "audience": AUDIENCE, "jwks": json.dumps(IDENTITY_PROVIDER.jwks)}
    configs = [OWN.format(url=chat_model.url, **provider), OTHER]
    with ServerProcess(folder, database_url=address, configs=configs) as process:
        yield process


@pytest.fixture(scope="session", params=EACH_KIND)
def server(request: pytest.FixtureRequest) -> ServerProcess:
    """A server for the whole run, on each kind of database: tests name users of their own, by `someone`.

    Each kind is a fixture of its own: the values of one fixture's parameters take turns, and a server would be started
    anew for every file.
    """
    serving: ServerProcess = request.getfixturevalue(f"{request.param}_server")
    return serving


@pytest.fixture
def someone() -> Callable[[str], str]:
    """Makes identifiers that no other test uses."""
    here = uuid.uuid4().hex[:12]
    return lambda name: f"{name}-{here}@example.com"


@pytest.fixture(params=list(KINDS.values()), ids=list(KINDS))
def call(request: pytest.FixtureRequest, server: ServerProcess) -> Callable[..., Any]:
    """Calls a method of a fresh client of each kind, with the key of the server's own formation."""
    return lambda name, *args, **kwargs: request.param(server.url, server.client_key, name, *args, **kwargs)


@pytest.fixture
def admin(call: Callable[..., Any], server: ServerProcess, request: pytest.FixtureRequest) -> Callable[..., Any]:
    """As `call`, with the admin key."""
    kind = request.node.callspec.params["call"]
    return lambda name, *args, **kwargs: kind(server.url, server.admin_key, name, *args, admin=True, **kwargs)
