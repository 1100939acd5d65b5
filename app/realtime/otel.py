"""Spans of Socket.IO, by OpenTelemetry's API. Importing this needs the extra `otel`."""

from collections.abc import Iterator
from contextlib import contextmanager

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import SpanKind, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from .tracing import Outcome

_SYSTEM = {"messaging.system": "socket.io"}
_FAILED = "failed"

_W3C = TraceContextTextMapPropagator()


class Spans:
    """Makes spans with the process' tracer provider, or the one that is given."""

    def __init__(self, provider: trace.TracerProvider | None = None) -> None:
        self._tracer = trace.get_tracer("fastapi_mooring", tracer_provider=provider)

    @contextmanager
    def handshake(self, transport: str) -> Iterator[Outcome]:
        """Make a span below that of the request, if it has one."""
        attributes = _SYSTEM | {"socket.io.transport": transport}
        with self._tracer.start_as_current_span(
            "socket.io handshake", kind=SpanKind.SERVER, attributes=attributes
        ) as span:
            yield _outcome(span)

    @contextmanager
    def event(self, name: str, namespace: str) -> Iterator[Outcome]:
        """Make a span that begins a trace: an event belongs to no request, a connection lives for days."""
        with self._tracer.start_as_current_span(
            f"receive {name}",
            context=Context(),
            kind=SpanKind.CONSUMER,
            attributes=_attributes("process", name, namespace),
        ) as span:
            yield _outcome(span)

    @contextmanager
    def emit(self, name: str, namespace: str) -> Iterator[str | None]:
        """Make a span below that of whatever emits."""
        attributes = _attributes("send", name, namespace)
        with self._tracer.start_as_current_span(
            f"emit {name}", kind=SpanKind.PRODUCER, attributes=attributes
        ):
            carrier: dict[str, str] = {}
            _W3C.inject(carrier)
            yield carrier.get("traceparent")

    @contextmanager
    def delivery(self, name: str, namespace: str, traceparent: str) -> Iterator[str | None]:
        """Make a span below that of an emit on another node."""
        attributes = _attributes("deliver", name, namespace)
        with self._tracer.start_as_current_span(
            f"deliver {name}",
            context=_W3C.extract({"traceparent": traceparent}),
            kind=SpanKind.CONSUMER,
            attributes=attributes,
        ):
            yield None


def _attributes(operation: str, event: str, namespace: str) -> dict[str, str]:
    return _SYSTEM | {
        "messaging.operation.type": operation,
        "messaging.destination.name": namespace,
        "socket.io.event": event,
    }


def _outcome(span: trace.Span) -> Outcome:
    def note(outcome: str) -> None:
        span.set_attribute("socket.io.outcome", outcome)
        if outcome == _FAILED:
            span.set_status(StatusCode.ERROR)

    return note


def is_configured() -> bool:
    """Return True if the process has a tracer provider."""
    return not isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider)
