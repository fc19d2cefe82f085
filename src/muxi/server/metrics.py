"""Numbers for Prometheus: requests by route, refusals, queues and caches. Never by user, key or address."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import datetime

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from muxi.core.formation import Formation
from muxi.core.threads import in_thread
from muxi.errors import MuxiError
from muxi.server.labels import method_of, route_of

PATH = "/metrics"
MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"
OTHER = "other"
#: Seconds.
BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


class Metrics:
    """The numbers of one process.

    Args:
        formations: by id.
    """

    def __init__(self, formations: Mapping[str, Formation]) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "muxi_http_requests", "Answered requests", ("method", "route", "status"), registry=self._registry
        )
        self._seconds = Histogram(
            "muxi_http_request_seconds", "Until the answer began", ("route",), buckets=BUCKETS, registry=self._registry
        )
        self._registry.register(_Inside(formations))

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        """Counts a request."""
        self._requests.labels(method, route, f"{status // 100}xx").inc()
        self._seconds.labels(route).observe(seconds)

    async def show(self, request: Request) -> Response:
        """All of them, in the text format of Prometheus."""
        # Some are asked of the database.
        return Response(await in_thread(generate_latest, self._registry), headers={"Content-Type": MEDIA_TYPE})


class Metered:
    """Pure ASGI: tells `Metrics` of every request."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self.app = app
        self.metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        began = time.perf_counter()

        async def send_counted(message: Message) -> None:
            if message["type"] == "http.response.start":
                method, route = method_of(scope, OTHER), route_of(scope)
                self.metrics.answered(method, route, message["status"], time.perf_counter() - began)
            await send(message)

        await self.app(scope, receive, send_counted)


class _Inside(Collector):
    """What formations say of themselves, asked when somebody looks."""

    def __init__(self, formations: Mapping[str, Formation]) -> None:
        self._formations = formations

    def describe(self) -> Iterable[Metric]:
        return ()

    def collect(self) -> Iterator[Metric]:
        refused = CounterMetricFamily("muxi_refusals", "By missing permission", labels=("formation", "permission"))
        kept = GaugeMetricFamily("muxi_memory_cache_bytes", "Memories at hand", labels=("formation",))
        known = GaugeMetricFamily("muxi_identity_cache_entries", "Identifiers at hand", labels=("formation",))
        waiting = _Queues()
        for id, formation in self._formations.items():
            for permission, times in list(formation.access.denials.counts.items()):
                refused.add_metric((id, permission), times)
            kept.add_metric((id,), formation.memories.cache.nbytes)
            known.add_metric((id,), formation.identities.cached)
            with suppress(MuxiError):  # the other numbers say that something is wrong
                waiting.add(id, formation)
        return iter((refused, kept, known, *waiting.families))


class _Queues:
    """What waits behind the answers: how much, and how long the first of it has waited."""

    def __init__(self) -> None:
        told = {
            "muxi_extraction_waiting_users": "Users to be read",
            "muxi_extraction_waiting_seconds": "How long the first of them has waited",
            "muxi_extraction_failures": "Messages that cannot be read",
            "muxi_embedding_waiting_memories": "Memories without a vector",
            "muxi_embedding_waiting_seconds": "How long the first of them has waited",
        }
        self.families = [GaugeMetricFamily(name, what, labels=("formation",)) for name, what in told.items()]

    def add(self, id: str, formation: Formation) -> None:
        """Those of one formation.

        Raises:
            StorageError: they cannot be asked for; none of them is told.
        """
        now, status, memories = formation.clock(), formation.extraction.status(), formation.memories.waiting()
        numbers = (
            status.waiting,
            _age(now, status.waiting_since),
            status.failures,
            memories.count,
            _age(now, memories.since),
        )
        for family, number in zip(self.families, numbers, strict=True):
            family.add_metric((id,), number)


def _age(now: datetime, since: datetime | None) -> float:
    """In seconds; 0 if nothing waits."""
    return 0.0 if since is None else max(0.0, (now - since).total_seconds())
