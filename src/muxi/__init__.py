"""muxi: one person, many identifiers, one memory.

`FormationClient` and `AsyncFormationClient` talk to a muxi server. The library itself is `muxi.core`
(`muxi.core.orchestrator.Orchestrator` first of all); importing `muxi` loads neither it nor the server.
"""

from __future__ import annotations

from muxi.client.aio import AsyncFormationClient
from muxi.client.sync import FormationClient

__all__ = ["AsyncFormationClient", "FormationClient"]
