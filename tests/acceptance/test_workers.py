"""`muxi serve --workers 4`: whichever process a connection reaches, it is one server."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest

from muxi import FormationClient
from tests.support.eventually import eventually
from tests.support.server_process import ServerProcess

WORKERS = 4
#: Each has a connection of its own, which stays with the worker that took it: enough for every worker to have some.
CLIENTS = 12
WEB, SLACK = "alice@acme.com", ("U98765ABC", "slack")


@pytest.fixture
def clients(tmp_path: Path, database_url: str) -> Iterator[list[FormationClient]]:
    postgres = database_url if database_url.startswith("postgres") else None
    with ServerProcess(tmp_path / "server", database_url=postgres, workers=WORKERS) as server, ExitStack() as closing:
        yield [closing.enter_context(FormationClient(server.url, admin_key=server.admin_key)) for _ in range(CLIENTS)]


def test_one_server(clients: list[FormationClient]) -> None:
    """First contact at once, what was said, an unlinked identifier and a merge: all workers agree."""
    with ThreadPoolExecutor(CLIENTS) as pool:
        made = list(pool.map(lambda client: client.resolve_user(WEB), clients))
    assert len({user.muxi_user_id for user in made}) == 1 and [user.created for user in made].count(True) == 1
    alice = made[0].muxi_user_id

    for place, client in enumerate(clients):
        client.chat(f"The code of room {place} is {place * 111}.", WEB)
        reader = clients[(place + 1) % CLIENTS]
        found = reader.search_memory(f"code of room {place}", WEB, limit=1)
        assert found[0].memory.text == f"The code of room {place} is {place * 111}."

    clients[0].associate_user_identifiers([SLACK], WEB)
    assert {client.resolve_user(SLACK).muxi_user_id for client in clients} == {alice}
    clients[1].unlink_user_identifier(SLACK)
    assert eventually(lambda: alice not in {client.resolve_user(SLACK).muxi_user_id for client in clients})
    strangers = {client.resolve_user(SLACK).muxi_user_id for client in clients}
    assert len(strangers) == 1

    merge = clients[2].merge_users([SLACK], into=WEB)
    assert eventually(lambda: {client.resolve_user(SLACK).muxi_user_id for client in clients} == {alice})
    clients[3].split_merge(merge.merge_id)
    assert eventually(lambda: {client.resolve_user(SLACK).muxi_user_id for client in clients} == strangers)
