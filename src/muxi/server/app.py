"""The application, wired by hand: everything it uses is handed down to it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import partial
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.telemetry import TelemetryConfig
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import ClientDisconnect

from muxi.core.access.built_in import Keys
from muxi.core.formation import Formation
from muxi.core.threads import in_thread
from muxi.errors import MuxiError, SettingsError
from muxi.server import problems
from muxi.server.caller import Served
from muxi.server.credentials import HEADERS_READ
from muxi.server.description import Described
from muxi.server.door import Door
from muxi.server.limits import BodyLimit
from muxi.server.methods import Methods
from muxi.server.rates import Rates
from muxi.server.repeats import Recorder, ReplayedError, of_replayed
from muxi.server.routes import (
    audit,
    chat,
    context,
    credentials,
    extraction,
    health,
    identifiers,
    keys,
    memories,
    merges,
    privacy,
    proofs,
    roles,
    sessions,
    teams,
    tokens,
    users,
)
from muxi.server.schemas.base import Problem
from muxi.settings import ServerSettings

if TYPE_CHECKING:
    from opentelemetry.trace import TracerProvider

OF_A_FORMATION = (
    chat.router,
    users.router,
    identifiers.router,
    merges.router,
    proofs.router,
    privacy.router,
    sessions.router,
    memories.router,
    context.router,
    extraction.router,
    audit.router,
    keys.router,
    tokens.router,
    roles.router,
    credentials.router,
    teams.router,
)
_FAILURES: dict[int | str, dict[str, Any]] = {
    "default": {"model": Problem, "description": "A problem document (application/problem+json)."}
}

#: The framework's own would record bodies and the texts of exceptions: what people say is not for a tracing service.
_NO_TELEMETRY: TelemetryConfig = {
    "tracing": False,
    "metrics": False,
    "logs": False,
    "operation_spans": False,
    "auto_configure": False,
}


def create_app(
    formations: Mapping[str, Formation],
    own: str,
    built_in: Mapping[str, Keys],
    serving: Mapping[str, ServerSettings] | None = None,
    tracer_provider: TracerProvider | None = None,
) -> FastAPI:
    """The application that serves some formations.

    Args:
        formations: by id, open; they are closed when the application ends.
        own: the id of the one at ``/v1``; each is at ``/api/{formation_id}/v1``.
        built_in: the two keys of each formation, by its id.
        serving: how each is served, by its id; as by default if not told.
        tracer_provider: where spans go, if they are asked for; the process's own if not told.
    """

    serving = serving or {}

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        for formation in formations.values():
            formation.sweeper.start()
        yield
        for formation in formations.values():
            await in_thread(formation.close)

    app = Described(
        title="muxi",
        description="One person, many identifiers, one memory. Every route is at /v1, for the server's own formation, "
        "and at /api/{formation_id}/v1, for any formation it serves.",
        version=_version(),
        lifespan=lifespan,
        middleware=[Middleware(Door), *_cross_origin(serving, own), Middleware(BodyLimit), Middleware(Recorder)],
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        responses=_FAILURES,
        telemetry=_NO_TELEMETRY,
    )
    for id, formation in formations.items():
        formation.access.keys.built_in = partial(built_in.__getitem__, id)
    if own in serving and serving[own].metrics:
        _measure(app, formations)
    if own in serving and serving[own].tracing:
        _trace(app, formations, tracer_provider)
    app.state.served = Served(dict(formations), own, _rates(serving))
    app.add_exception_handler(MuxiError, problems.of_muxi)
    app.add_exception_handler(RequestValidationError, problems.of_validation)
    app.add_exception_handler(HTTPException, problems.of_http)
    app.add_exception_handler(ReplayedError, of_replayed)
    app.add_exception_handler(ClientDisconnect, problems.of_hang_up)
    _include_routes(app)
    app.state.methods = Methods(app)
    return app


def _cross_origin(serving: Mapping[str, ServerSettings], own: str) -> list[Middleware]:
    """Closed unless sites are named. Keys and tokens are in headers, so that no cookie is let through."""
    origins = serving[own].allowed_origins if own in serving else ()
    if not origins:
        return []
    return [
        Middleware(
            CORSMiddleware,
            allow_origins=origins,
            allow_methods=["GET", "POST", "PUT", "PATCH", "DELETE"],
            allow_headers=["Content-Type", "X-Request-Id", *HEADERS_READ],
            expose_headers=["X-Request-Id", "Retry-After", "RateLimit", "RateLimit-Policy"],
            max_age=600,
        )
    ]


def _measure(app: FastAPI, formations: Mapping[str, Formation]) -> None:
    # Loaded here only: who does not count does not wait for it.
    metrics = import_module("muxi.server.metrics")
    made = metrics.Metrics(formations)
    app.add_route(metrics.PATH, made.show, include_in_schema=False)
    app.add_middleware(metrics.Metered, metrics=made)


def _trace(app: FastAPI, formations: Mapping[str, Formation], provider: TracerProvider | None) -> None:
    # Loaded here only, as above; and whoever serves without it need not have it.
    try:
        tracing = import_module("muxi.server.tracing")
    except ImportError as error:
        raise SettingsError(
            "server.tracing needs the distribution opentelemetry-api. Install it, or unset it."
        ) from error
    spans = tracing.Tracing(provider)
    for formation in formations.values():
        formation.spans = spans
    app.add_middleware(tracing.Traced, tracing=spans)


def _rates(serving: Mapping[str, ServerSettings]) -> dict[str, Rates]:
    made = {id: Rates(settings.limits, id) for id, settings in serving.items()}
    return {id: rates for id, rates in made.items() if rates}


def _include_routes(app: FastAPI) -> None:
    # Each by itself: of routers within routers the framework asks every one which routes it has, at every request.
    for router in OF_A_FORMATION:
        app.include_router(router, prefix="/v1")
    for router in OF_A_FORMATION:
        app.include_router(router, prefix="/api/{formation_id}/v1", include_in_schema=False)
    app.include_router(health.router)
    app.include_router(health.router, prefix="/v1", include_in_schema=False)


def _version() -> str:
    try:
        return version("muxi-core")
    except PackageNotFoundError:  # run from the sources
        return "0"
