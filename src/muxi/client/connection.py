"""Where the server is, and as whom to speak to it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import httpx

from muxi.client.request import Request
from muxi.errors import InvalidInputError, SettingsError

DEFAULT_URL = "http://127.0.0.1:8000"
#: A server that does not take the connection in this time, in seconds, is not there.
CONNECT_TIMEOUT = 5.0
# Idle connections are closed here before the server does it under a request (it waits for 75 s).
LIMITS = httpx.Limits(max_connections=100, max_keepalive_connections=20, keepalive_expiry=30.0)
_THIS_MACHINE = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True, slots=True)
class Connection:
    """Everything that a client is made with, checked.

    Attributes:
        url: of the server, without a slash at its end.
        formation_id: ``"default"`` is the server's own.
        timeout: seconds to wait for (the next part of) an answer.
        headers: what every request carries; never shown, since the key is in it.
    """

    url: str
    formation_id: str
    timeout: float
    headers: Mapping[str, str] = field(repr=False)

    @classmethod
    def of(
        cls,
        url: str | None,
        formation_id: str,
        client_key: str | None,
        admin_key: str | None,
        timeout: float,
        environ: Mapping[str, str],
        api_key: str | None = None,
        token: str | None = None,
    ) -> Connection:
        """Fills what is not told from the environment. A key that is told stands alone: none is taken from there.

        Raises:
            SettingsError: the address is none, the time-out is not a number above 0, a key cannot be one, or several
                kinds of them are told.
        """
        if client_key is None and admin_key is None and api_key is None and token is None:
            api_key = environ.get("MUXI_API_KEY") or None
            if api_key is None:
                client_key, admin_key = environ.get("MUXI_CLIENT_KEY"), environ.get("MUXI_ADMIN_KEY")
        if len([one for one in (client_key or admin_key, api_key, token) if one is not None]) > 1:
            raise SettingsError("Tell an api_key, a token, or the keys of the settings: one of them.")
        address = _address(url or environ.get("MUXI_URL") or DEFAULT_URL)
        return cls(address, formation_id, _seconds(timeout), _key_header(client_key, admin_key, api_key, token))

    @property
    def shown(self) -> str:
        """The address without a password, for messages."""
        return str(httpx.URL(self.url).copy_with(userinfo=b""))

    def httpx_settings(self) -> dict[str, Any]:
        """What both kinds of httpx client are made with."""
        return {
            "timeout": httpx.Timeout(self.timeout, connect=min(CONNECT_TIMEOUT, self.timeout)),
            "limits": LIMITS,
            "headers": _encoded(self.headers),
            # A proxy named in the environment cannot know this machine's own addresses.
            "trust_env": httpx.URL(self.url).host not in _THIS_MACHINE,
        }

    def httpx_request(self, request: Request[Any]) -> dict[str, Any]:
        """The arguments of ``build_request`` of both kinds of httpx client.

        Raises:
            InvalidInputError: something in the body cannot be written as JSON.
        """
        headers = dict(request.headers)
        if request.json is not None:
            headers["Content-Type"] = "application/json"
        return {
            "method": request.method,
            "url": self.url + self._below_formation(request.path),
            "params": dict(request.params) or None,
            "headers": _encoded(headers),
            "content": request.content if request.json is None else _body(request.json),
        }

    def _below_formation(self, path: str) -> str:
        if self.formation_id == "default" or not path.startswith("/v1/"):
            return path
        return f"/api/{quote(self.formation_id, safe='')}{path}"


def _seconds(timeout: Any) -> float:
    if isinstance(timeout, bool) or not isinstance(timeout, int | float) or not timeout > 0:
        raise SettingsError(f"timeout must be a number of seconds above 0, not {timeout!r}.")
    return float(timeout)


def _address(url: str) -> str:
    # What stands before an @ may be a password.
    wrong = f"{url.rpartition('@')[2]!r} is not the address of a server. Use one like {DEFAULT_URL}."
    try:
        parsed = httpx.URL(url.strip())
    except httpx.InvalidURL as error:
        raise SettingsError(wrong) from error
    if parsed.scheme not in ("http", "https") or not parsed.host:
        raise SettingsError(wrong)
    return str(parsed).rstrip("/")


def _key_header(
    client_key: str | None, admin_key: str | None, api_key: str | None, token: str | None
) -> dict[str, str]:
    if token:
        return {"Authorization": f"Bearer {_key(token, 'token')}"}
    if api_key:
        return {"X-API-Key": _key(api_key, "api_key")}
    # The admin key may do all that the client key may.
    if admin_key:
        return {"X-Muxi-Admin-Key": _key(admin_key, "admin_key")}
    return {"X-Muxi-Client-Key": _key(client_key, "client_key")} if client_key else {}


def _key(key: str, name: str) -> str:
    written = key.strip()
    if not written.isascii() or not written.isprintable():
        raise SettingsError(f"{name} has characters that no key has. Copy it again.")
    return written


def _encoded(headers: Mapping[str, str]) -> dict[bytes, bytes]:
    return {name.encode("ascii"): value.encode() for name, value in headers.items()}


def _body(json_body: Mapping[str, Any]) -> bytes:
    try:
        return json.dumps(json_body, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidInputError(f"This cannot be sent as JSON: {error}.") from error
