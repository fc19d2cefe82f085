"""The two clients behind one call, so that a test's claim holds for both."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from operator import attrgetter
from typing import Any

from muxi import AsyncFormationClient, FormationClient

#: use(url, client_key, method, *arguments, **arguments): calls it ("chat", "users.list") on a fresh client, and gives
#: what it returns.
Use = Callable[..., Any]


def use_sync(
    url: str,
    key: str,
    name: str,
    *args: Any,
    timeout: float = 30,
    formation: str = "default",
    admin: bool = False,
    **kwargs: Any,
) -> Any:
    """One call of the blocking client; a list of what can be looped over. With ``admin`` the key is the admin key."""
    with FormationClient(url, formation, **_keys(key, admin), timeout=timeout) as client:
        result = attrgetter(name)(client)(*args, **kwargs)
        return list(result) if isinstance(result, Iterator) else result


def use_async(
    url: str,
    key: str,
    name: str,
    *args: Any,
    timeout: float = 30,
    formation: str = "default",
    admin: bool = False,
    **kwargs: Any,
) -> Any:
    """The same call of the client for asyncio, in an event loop of its own."""

    async def use() -> Any:
        async with AsyncFormationClient(url, formation, **_keys(key, admin), timeout=timeout) as client:
            result = attrgetter(name)(client)(*args, **kwargs)
            return [item async for item in result] if isinstance(result, AsyncIterator) else await result

    return asyncio.run(use())


def _keys(key: str, admin: bool) -> dict[str, str]:
    return {"admin_key" if admin else "client_key": key}


KINDS: dict[str, Use] = {"sync": use_sync, "async": use_async}
