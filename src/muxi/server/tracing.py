"""Spans for OpenTelemetry: where the time of a request goes. Never whose it is: no text, no address, no identifier."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from opentelemetry import context, trace
from opentelemetry.context import Context
from opentelemetry.trace import NonRecordingSpan, Span, SpanContext, SpanKind, Status, StatusCode, TracerProvider
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from muxi.errors import MuxiError
from muxi.server.labels import method_of, route_of

#: Attributes, as OpenTelemetry's conventions for HTTP servers name them.
METHOD, ROUTE, STATUS, ERROR = "http.request.method", "http.route", "http.response.status_code", "error.type"
OTHER = "_OTHER"
_HEADER = b"traceparent"


class Tracing:
    """Makes spans.

    Args:
        provider: where they go; the process's own if not told, as OpenTelemetry's own tools set it up.
    """

    def __init__(self, provider: TracerProvider | None = None) -> None:
        self._tracer = trace.get_tracer("muxi", tracer_provider=provider)

    @contextmanager
    def span(self, name: str) -> Iterator[None]:
        """A step within the request of this task or thread."""
        # Not made the current one: an answer that streams is left from another task than it was entered from.
        span = self._tracer.start_span(name)
        try:
            yield
        except BaseException as error:
            failed(span, error.code if isinstance(error, MuxiError) else type(error).__name__)
            raise
        finally:
            span.end()

    def request(self, scope: Scope) -> Span:
        """The span of a request, within its caller's if that one is told."""
        return self._tracer.start_span(method_of(scope, OTHER), context=_callers(scope), kind=SpanKind.SERVER)


class Traced:
    """Pure ASGI: a span for each request, and in it the steps of a turn."""

    def __init__(self, app: ASGIApp, tracing: Tracing) -> None:
        self.app = app
        self.tracing = tracing

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        span = self.tracing.request(scope)
        token = context.attach(trace.set_span_in_context(span))

        async def send_traced(message: Message) -> None:
            if message["type"] == "http.response.start":
                _answered(span, scope, message["status"])
            await send(message)

        try:
            await self.app(scope, receive, send_traced)
        finally:
            context.detach(token)
            span.end()


def failed(span: Span, code: str) -> None:
    """A span that ended with an error: its code, and nothing of its text."""
    span.set_status(Status(StatusCode.ERROR))
    span.set_attribute(ERROR, code)


def _answered(span: Span, scope: Scope, status: int) -> None:
    method, route = method_of(scope, OTHER), route_of(scope)
    span.update_name(f"{method} {route}")
    span.set_attributes({METHOD: method, ROUTE: route, STATUS: status})
    if status >= 500:
        failed(span, str(status))


def _callers(scope: Scope) -> Context:
    """The span of the caller: its two numbers, and nothing that somebody else could have written into it."""
    sent = next((value.decode("latin-1") for name, value in scope["headers"] if name == _HEADER), None)
    if sent is None:
        return Context()
    found = TraceContextTextMapPropagator().extract({"traceparent": sent}, context=Context())
    caller = trace.get_current_span(found).get_span_context()
    numbers = SpanContext(caller.trace_id, caller.span_id, is_remote=True, trace_flags=caller.trace_flags)
    return trace.set_span_in_context(NonRecordingSpan(numbers), Context()) if caller.is_valid else Context()
