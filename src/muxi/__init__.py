"""muxi: one person, many identifiers, one memory.

`FormationClient` and `AsyncFormationClient` talk to a muxi server. The library itself is `muxi.core`
(`muxi.core.orchestrator.Orchestrator` first of all); importing `muxi` loads neither of them until it is asked for.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from muxi.client.aio import AsyncFormationClient
    from muxi.client.sync import FormationClient

__all__ = ["AsyncFormationClient", "FormationClient"]

_HOMES = {"AsyncFormationClient": "muxi.client.aio", "FormationClient": "muxi.client.sync"}


def __getattr__(name: str) -> Any:
    # On demand: the server and the command line start without the client and its HTTP library.
    if name not in _HOMES:
        raise AttributeError(f"module 'muxi' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
