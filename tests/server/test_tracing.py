"""Spans: where the time of a request goes, and nothing of anybody."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind

from muxi.core.models.providers.openai import OpenAIModel
from muxi.errors import SettingsError
from muxi.server.app import create_app
from muxi.settings import ServerSettings
from tests.support.eventually import eventually
from tests.support.openai_server import OpenAIServer
from tests.support.thread_server import ThreadServer

ALICE = "alice-zqsentinel@acme.com"
STEPS = ["muxi.chat.resolve", "muxi.chat.embed", "muxi.chat.recall", "muxi.chat.model", "muxi.chat.store"]
ON = {"server": {"tracing": True}}
CALLER = "4bf92f3577b34da6a3ce929d0e0e4736"  # pragma: allowlist secret


class Traces:
    """A server whose spans are kept."""

    def __init__(self, server: ThreadServer, exporter: InMemorySpanExporter) -> None:
        self.server = server
        self._exporter = exporter

    def taken(self, requests: int = 1) -> list[ReadableSpan]:
        """Those of so many requests, by when they began: one ends a moment after its answer."""
        assert eventually(lambda: sum(one.kind is SpanKind.SERVER for one in self._spans()) >= requests)
        spans = self._spans()
        self._exporter.clear()
        return spans

    def _spans(self) -> list[ReadableSpan]:
        return sorted(self._exporter.get_finished_spans(), key=lambda one: one.start_time or 0)


def tracing(folder: Path, database: str | None = None, model: OpenAIModel | None = None) -> Iterator[Traces]:
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    with ThreadServer(folder, database_url=database, chat_model=model, settings=ON, tracer_provider=provider) as server:
        yield Traces(server, exporter)
    provider.shutdown()


@pytest.fixture
def traces(tmp_path: Path, database_url: str) -> Iterator[Traces]:
    yield from tracing(tmp_path, database_url)


@pytest.fixture
def failing(tmp_path: Path) -> Iterator[tuple[Traces, OpenAIServer]]:
    with OpenAIServer() as behind:
        model = OpenAIModel("m", api_key="k", base_url=behind.url, max_retries=0)
        for made in tracing(tmp_path, model=model):
            yield made, behind


@pytest.mark.parametrize("stream", [False, True])
def test_a_turn_is_a_request_and_its_steps(traces: Traces, stream: bool) -> None:
    """A request is one span of a server, named by its route, and each step of its turn is one within it, in order."""
    traces.server.post("/v1/chat", {"message": "Hi", "stream": stream}, user=ALICE).raise_for_status()
    [request, *steps] = traces.taken()
    assert (request.name, request.kind) == ("POST /chat", SpanKind.SERVER)
    assert request.attributes == {
        "http.request.method": "POST",
        "http.route": "/chat",
        "http.response.status_code": 200,
    }
    assert sorted(one.name for one in steps) == sorted(STEPS)
    assert [one.name for one in steps][-2:] == STEPS[-2:]
    assert {one.parent.span_id for one in steps if one.parent} == {request.context.span_id}
    assert all(one.end_time for one in (request, *steps))


def test_spans_hold_nothing_of_anybody(traces: Traces) -> None:
    """Whatever is said, by whomever, with whatever key: no word, identifier, id, key or address is in a span."""
    server, secret = traces.server, "zqsentinel secret plan"
    user = server.post("/v1/users/resolve", {"identifier": ALICE}).json()["muxi_user_id"]
    server.post("/v1/chat", {"message": secret, "session_id": secret, "metadata": {"x": secret}}, user=ALICE)
    server.post("/v1/chat", {"message": secret, "agent": "zqsentinel"}, user=ALICE)
    server.get(f"/v1/users/{user}")
    server.get("/v1/zqsentinel?q=zqsentinel")
    server.http.request("PROPFIND", "/v1/chat")
    headers = {"baggage": "who=zqsentinel", "tracestate": "who=zqsentinel", "traceparent": f"00-{CALLER}-{'1' * 16}-01"}
    server.http.get("/v1/memories", headers=server.headers(ALICE, key="zqsentinel-key") | headers)
    spans = traces.taken(requests=7)
    written = json.dumps([json.loads(one.to_json()) for one in spans]).lower()
    for word in ("zqsentinel", user, "default-client-key", "secret plan"):
        assert word not in written
    assert {one.name for one in spans} == {
        *STEPS,
        "POST /users/resolve",
        "POST /chat",
        "GET /users/{user_id}",
        "GET none",
        "_OTHER /chat",
        "GET /memories",
    }


def test_a_callers_trace_goes_on(traces: Traces) -> None:
    """A request within a trace of the caller's is part of it; what is no trace begins one."""
    for sent in (f"00-{CALLER}-{'1' * 16}-01", "zq"):
        traces.server.http.get("/health", headers={"traceparent": sent})
    within, alone = traces.taken(requests=2)
    assert (f"{within.context.trace_id:032x}", within.parent and within.parent.span_id) == (CALLER, int("1" * 16, 16))
    assert (alone.parent, f"{alone.context.trace_id:032x}" == CALLER) == (None, False)


def test_failures_are_told_by_their_code(failing: tuple[Traces, OpenAIServer]) -> None:
    """A step that fails says its code, the request its status, and neither the text of the error."""
    traces, behind = failing
    behind.fails(500)
    answer = traces.server.post("/v1/chat", {"message": "Hi"}, user=ALICE)
    spans = {one.name: one for one in traces.taken()}
    assert "muxi.chat.store" not in spans
    model, request = spans["muxi.chat.model"], spans["POST /chat"]
    assert (model.attributes or {})["error.type"] == answer.json()["code"]
    assert (request.attributes or {})["error.type"] == str(answer.status_code)
    assert (model.status.is_ok, model.status.description, model.events) == (False, None, ())


def test_off_by_default(tmp_path: Path) -> None:
    """Without the setting there is nothing to tell, and nobody to be told."""
    with ThreadServer(tmp_path) as server:
        assert server.formations["default"].spans is None


def test_without_the_library_the_start_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that is asked for spans where OpenTelemetry is not there does not start, and says what is missing."""
    monkeypatch.setitem(sys.modules, "opentelemetry.trace", None)
    monkeypatch.delitem(sys.modules, "muxi.server.tracing", raising=False)
    with pytest.raises(SettingsError, match="opentelemetry-api"):
        create_app({}, "f", {}, {"f": ServerSettings(tracing=True)})
