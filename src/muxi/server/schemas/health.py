"""The server's health as JSON."""

from __future__ import annotations

from typing import Literal

from muxi.server.schemas.base import Response


class Health(Response):
    """The process answers."""

    status: Literal["ok"]


class MemoryCacheOut(Response):
    """Recall indexes kept in memory."""

    bytes: int
    max_bytes: int
    users: int


class IdentityCacheOut(Response):
    """Resolved identifiers kept in memory."""

    entries: int


class FormationHealth(Response):
    """One formation that is served."""

    storage: str
    memory_cache: MemoryCacheOut
    identity_cache: IdentityCacheOut


class Readiness(Response):
    """Every database answers."""

    status: Literal["ready"]
    formations: dict[str, FormationHealth]
