"""Whether the server lives, and whether it can work. No key is needed."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.requests import Request

from muxi.core.formation import Formation
from muxi.core.threads import in_thread
from muxi.server.caller import Served
from muxi.server.schemas.health import FormationHealth, Health, IdentityCacheOut, MemoryCacheOut, Readiness

router = APIRouter(tags=["health"])


@router.get("/health")
async def health() -> Health:
    """The process answers."""
    return Health(status="ok")


@router.get("/ready")
async def ready(request: Request) -> Readiness:
    """Every database answers, and what is kept in memory."""
    served: Served = request.app.state.served
    formations = {id: await in_thread(_checked, formation) for id, formation in served.formations.items()}
    return Readiness(status="ready", formations=formations)


def _checked(formation: Formation) -> FormationHealth:
    formation.ping()
    cache = formation.memories.cache
    return FormationHealth(
        storage=formation.storage.dialect,
        memory_cache=MemoryCacheOut(bytes=cache.nbytes, max_bytes=cache.max_bytes, users=len(cache)),
        identity_cache=IdentityCacheOut(entries=formation.identities.cached),
    )
