"""The server as a process of its own: keys, workers, starting and stopping."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from muxi.errors import SettingsError
from muxi.server.run import listening_socket, serve
from muxi.settings import FormationSettings
from tests.support.server_process import ADMIN_KEY, CLIENT_KEY, ServerProcess


def test_it_serves_and_keeps(tmp_path: Path) -> None:
    """What was stored survives a kill and a new start; keys that are set are in no argument and no file."""
    with ServerProcess(tmp_path) as server:
        body = {"text": "likes tea", "user_id": "a"}
        assert httpx.post(f"{server.url}/v1/memories", json=body, headers=server.headers()).status_code == 201
        arguments = Path(f"/proc/{server.process.pid}/cmdline")
        if arguments.exists():
            assert CLIENT_KEY.encode() not in arguments.read_bytes()
        server.kill()
    with ServerProcess(tmp_path) as server:
        page = httpx.get(f"{server.url}/v1/memories", headers=server.headers("a")).json()
        assert [memory["text"] for memory in page["memories"]] == ["likes tea"]
        server.stop()
        assert "Traceback" not in server.log.read_text()
    assert not (tmp_path / "keys.json").exists()


def test_workers_share_keys_and_data(tmp_path: Path) -> None:
    """Two workers serve two formations with the same keys and the same data, and stop when told."""
    configs = ["id: first", "id: second"]
    with ServerProcess(tmp_path, configs=configs, workers=2) as server:
        ready = httpx.get(f"{server.url}/v1/ready").json()
        assert sorted(ready["formations"]) == ["first", "second"]
        users = {
            httpx.post(
                f"{server.url}/v1/users/resolve", json={"identifier": "a"}, headers={"X-Muxi-Admin-Key": ADMIN_KEY}
            ).json()["muxi_user_id"]
            for _ in range(8)
        }
        assert len(users) == 1
        assert server.stop() == 0


def test_an_address_in_use_stops_the_start(tmp_path: Path) -> None:
    """A port that is taken is named, before anything is opened."""
    with listening_socket("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(SettingsError, match=f"127.0.0.1 port {port} cannot be listened on"):
            serve([FormationSettings()], tmp_path, "127.0.0.1", port)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("ids", [[], ["f", "f"]])
def test_a_server_needs_formations(tmp_path: Path, ids: list[str]) -> None:
    """No formation, or two of one id, stop the start."""
    with pytest.raises(SettingsError, match="at least one formation"):
        serve([FormationSettings(id=id) for id in ids], tmp_path, "127.0.0.1", 0)
