"""Where the client goes, as whom, and what it never shows."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import httpx
import pytest

from muxi import AsyncFormationClient, FormationClient
from muxi.client import requests
from muxi.client.connection import Connection
from muxi.errors import InvalidInputError, SettingsError

KEY = "mk_client_0123456789abcdef"
ADMIN = "mk_admin_0123456789abcdef"


def made(
    url: str | None = None,
    formation_id: str = "default",
    client_key: str | None = None,
    admin_key: str | None = None,
    timeout: Any = 30,
    **environ: str,
) -> Connection:
    return Connection.of(url, formation_id, client_key, admin_key, timeout, environ)


def test_everything_has_a_default() -> None:
    """Nothing told and nothing in the environment: this machine, the server's own formation, no key."""
    connection = made()
    assert (connection.url, connection.formation_id) == ("http://127.0.0.1:8000", "default")
    assert (connection.timeout, connection.headers) == (30.0, {})


def test_the_environment_fills_what_is_not_told() -> None:
    """MUXI_URL and the keys are read; the admin key is used where there is one."""
    environ = {"MUXI_URL": "https://muxi.example/base/", "MUXI_CLIENT_KEY": KEY + "\n"}
    connection = made(**environ)
    assert connection.url == "https://muxi.example/base"
    assert connection.headers == {"X-Muxi-Client-Key": KEY}
    assert made(**environ, MUXI_ADMIN_KEY=ADMIN).headers == {"X-Muxi-Admin-Key": ADMIN}
    assert made("http://localhost:1", **environ).url == "http://localhost:1"


def test_a_key_that_is_told_stands_alone() -> None:
    """With a client key told, no admin key comes from the environment."""
    assert made(client_key=KEY, MUXI_ADMIN_KEY=ADMIN).headers == {"X-Muxi-Client-Key": KEY}
    assert made(admin_key=ADMIN, MUXI_CLIENT_KEY=KEY).headers == {"X-Muxi-Admin-Key": ADMIN}


@pytest.mark.parametrize(
    "url",
    # pragma: allowlist nextline secret
    ["localhost:8000", "ftp://host", "http://", "nonsense", "http://h:port", "http://u:secret@"],
)
def test_a_wrong_address_is_a_wrong_setting(url: str) -> None:
    """The client is not made with an address that cannot be one."""
    with pytest.raises(SettingsError, match="address"):
        made(url)


def test_a_password_in_a_wrong_address_is_not_shown() -> None:
    """What stands before the @ of an address may be a secret."""
    with pytest.raises(SettingsError) as caught:
        made("http://user:secret@")  # pragma: allowlist secret
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("timeout", [0, -1, True, "30", None, float("nan")])
def test_a_timeout_is_a_number_above_zero(timeout: Any) -> None:
    """Anything else is a wrong setting."""
    with pytest.raises(SettingsError, match="timeout"):
        made(timeout=timeout)


@pytest.mark.parametrize("key", ["abc\r\nX-Evil: 1", "schlüssel"])
def test_a_wrong_key_is_a_wrong_setting_and_not_shown(key: str) -> None:
    """A key that no header can carry is refused, without repeating it."""
    with pytest.raises(SettingsError, match="client_key") as caught:
        made(client_key=key)
    assert key not in str(caught.value)


def test_the_formation_decides_the_path() -> None:
    """The default formation is the server's own; another one has its id in the path; health has none."""
    request, health = requests.sessions("alice"), requests.health()
    assert made("http://h/base").httpx_request(request)["url"] == "http://h/base/v1/sessions"
    assert made("http://h", "acme").httpx_request(request)["url"] == "http://h/api/acme/v1/sessions"
    assert made("http://h", "a/b").httpx_request(request)["url"] == "http://h/api/a%2Fb/v1/sessions"
    assert made("http://h", "acme").httpx_request(health)["url"] == "http://h/health"


def test_identifiers_are_utf8_bytes_in_headers() -> None:
    """Names in any script reach the server as UTF-8."""
    headers = made().httpx_request(requests.sessions("Zoë 李"))["headers"]
    assert headers[b"X-Muxi-User-Id"] == "Zoë 李".encode()


@pytest.mark.parametrize("metadata", [{"when": object()}, {"x": float("nan")}, {"x": "\ud800"}])
def test_what_json_cannot_hold_is_refused(metadata: Any) -> None:
    """Objects, NaN and broken Unicode in metadata are refused before anything is sent."""
    with pytest.raises(InvalidInputError, match="JSON"):
        made().httpx_request(requests.chat("Hi", "alice", metadata=metadata))


def test_no_proxy_is_asked_for_this_machine() -> None:
    """A proxy in the environment is used for other machines only."""
    assert [made(f"http://{host}:1").httpx_settings()["trust_env"] for host in ("127.0.0.1", "localhost", "[::1]")] == [
        False
    ] * 3
    assert made("https://muxi.example").httpx_settings()["trust_env"] is True


def test_time_limits() -> None:
    """A connection is waited for 5 s at most, an answer as long as told."""
    assert made(timeout=30).httpx_settings()["timeout"] == httpx.Timeout(30, connect=5)
    assert made(timeout=2).httpx_settings()["timeout"] == httpx.Timeout(2, connect=2)


@pytest.mark.parametrize("kind", [FormationClient, AsyncFormationClient])
def test_nothing_shows_a_key(kind: type) -> None:
    """Neither the client nor its connection shows a key, or a password in the address."""
    client = kind("http://u:secret@h:1", client_key=KEY)
    assert repr(client) == f"{kind.__name__}(url='http://h:1', formation_id='default')"
    assert KEY not in repr(vars(client))
    assert KEY not in repr(client._wire.connection)


def test_importing_the_client_loads_neither_core_nor_server() -> None:
    """`from muxi import FormationClient` stays light."""
    program = (
        "import sys; from muxi import FormationClient, AsyncFormationClient; FormationClient(client_key='k');"
        "banned = ('muxi.core', 'muxi.server', 'muxi.storage', 'muxi.settings', 'muxi.cli',"
        " 'numpy', 'fastapi', 'starlette', 'sqlite3', 'psycopg', 'pydantic', 'onnxruntime', 'openai', 'structlog');"
        "print([name for name in banned if name in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
