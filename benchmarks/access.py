"""What access costs: a key, a token, a decision, and all of it in a chat request over HTTP.

Each is timed in turns with what it is compared to. ``python benchmarks/access.py``
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jwt
from report import emit, median, ratio, say, spread
from starlette.requests import Request

from muxi.core.access.built_in import Keys
from muxi.core.access.policy import ROLES, require
from muxi.core.formation import Formation
from muxi.server.app import create_app
from muxi.server.caller import requires
from muxi.settings import FormationSettings

TARGETS = {
    "key_cached_us": "at most 3",
    "token_to_pyjwt": "at most 1.2",
    "decision_us": "at most 2",
    "chat_request_ms": "at most 0.3 more at p50",
}
CLIENT_KEY, ADMIN_KEY = "client-key-0123456789", "admin-key-0123456789"
CALLS, ENTERED = 2000, 20


def main() -> None:
    """Prints the figures."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    options.add_argument("--rounds", type=int, default=30, help=f"of {CALLS} calls each")
    options.add_argument("--requests", type=int, default=300, help="chat requests of each kind")
    told = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        formation = Formation.open(FormationSettings(), Path(folder))
        try:
            figures = {"targets": TARGETS, **_calls(formation, told.rounds)}
            figures["chat_request_ms"] = asyncio.run(_requests(formation, told.requests))
        finally:
            formation.close()
    emit(figures)


def _calls(formation: Formation, rounds: int) -> dict[str, Any]:
    access, user = formation.access, formation.identities.resolve("alice@acme.com").id
    key, token = access.keys.create().key, access.tokens.create(user).token
    checks = jwt.get_unverified_header(token)
    signer = next(one for one in access.tokens._worth().signers.values() if one.stored.kid == checks["kid"])
    permissions = ROLES["developer"].permissions
    kinds: dict[str, Callable[[], object]] = {
        "key_cached": lambda: access.keys.validate(key),
        "token": lambda: access.tokens.validate(next(fresh)),
        "token_again": lambda: access.tokens.validate(token),
        "pyjwt": lambda: jwt.decode(token, signer.checks, algorithms=["HS256"], issuer="muxi", audience=formation.id),
        "decision": lambda: require(permissions, "memories:read"),
    }
    each: dict[str, list[float]] = {name: [] for name in kinds}
    for _ in range(rounds):
        # A token is decoded once where it is believed again: each of these is seen for the first time.
        fresh = iter([access.tokens.create(user).token for _ in range(CALLS)])
        for name, call in kinds.items():
            each[name].append(_timed(call))
    say("keys, tokens and decisions are timed")
    us = {f"{name}_us": median(one * 1e6 for one in times) for name, times in each.items()}
    pairs = zip(each["token"], each["pyjwt"], strict=True)
    return us | {"token_to_pyjwt": median(ratio(ours, theirs) for ours, theirs in pairs)}


def _timed(call: Callable[[], object]) -> float:
    """Seconds of processor time that one of many calls takes: others on this machine do not count."""
    begun = time.thread_time()
    for _ in range(CALLS):
        call()
    return (time.thread_time() - begun) / CALLS


async def _requests(formation: Formation, count: int) -> dict[str, Any]:
    """Chat requests, in turns: with the client key, with a bound key, with a token; and what entering alone takes."""
    app = create_app({formation.id: formation}, formation.id, {formation.id: Keys(CLIENT_KEY, ADMIN_KEY)})
    user = formation.identities.resolve("alice@acme.com")
    bound = formation.access.keys.create(role="user", user_id=user.id).key
    token = formation.access.tokens.create(user.id).token
    named = (b"x-muxi-user-id", b"alice@acme.com")
    kinds = {
        "client_key": [(b"x-muxi-client-key", CLIENT_KEY.encode()), named],
        "bound_key": [(b"x-api-key", bound.encode())],
        "token": [(b"authorization", f"Bearer {token}".encode())],
    }
    chats: dict[str, list[float]] = {name: [] for name in kinds}
    entering: dict[str, list[float]] = {name: [] for name in kinds}
    entrance = requires("chat:write").dependency
    for _ in range(count):
        for name, headers in kinds.items():
            chats[name].append(await _asked(app, "POST", "/v1/chat", headers, b'{"message": "Hello"}'))
            request = Request({"type": "http", "app": app, "headers": headers, "query_string": b"", "path_params": {}})
            begun = time.thread_time()
            for _ in range(ENTERED):
                await entrance(request)
            entering[name].append((time.thread_time() - begun) / ENTERED)
    return {
        "whole_request": {name: spread(times) for name, times in chats.items()},
        "of_which_access": {name: spread(times) for name, times in entering.items()},
    }


async def _asked(app: Any, method: str, path: str, headers: list[tuple[bytes, bytes]], body: bytes) -> float:
    """Seconds of one request to the application itself, without a network."""
    sent = [{"type": "http.request", "body": body, "more_body": False}]
    status = 0

    async def receive() -> dict[str, Any]:
        if sent:
            return sent.pop()
        await asyncio.sleep(3600)
        return {"type": "http.disconnect"}

    async def send(message: dict[str, Any]) -> None:
        nonlocal status
        status = message.get("status", status)

    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "scheme": "http",
        "headers": [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode()), *headers],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 8000),
    }
    begun = time.perf_counter()
    await app(scope, receive, send)
    taken = time.perf_counter() - begun
    if status != 200:
        raise SystemExit(f"{method} {path} answered {status}.")
    return taken


if __name__ == "__main__":
    main()
