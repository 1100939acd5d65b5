"""Spans and metrics of handshakes, events and emits."""

import subprocess
import sys
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode
from prometheus_client import REGISTRY

from app import EmitterDep, EventRouter, SocketDep
from app.realtime.bus.messages import EventMessage, parse, write
from app.realtime.otel import Spans
from app.realtime.tracing import Tracing, tracing
from tests.realtime.two_nodes import Cluster, cluster
from tests.support.eventually import eventually
from tests.support.processes import ROOT

NOTHING_IMPORTED = """
import sys
class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "opentelemetry":
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Missing())
import app
from app.realtime.tracing import tracing
with tracing.emit("e", "/") as traceparent:
    print(traceparent)
"""


def _router() -> EventRouter:
    router = EventRouter()
    router.sends("said", str)

    @router.on("enter")
    async def enter(socket: SocketDep) -> None:
        await socket.join("lobby")

    @router.on("say")
    async def say(line: str, emitter: EmitterDep) -> None:
        await emitter.emit("said", line, to="lobby")

    @router.on("break")
    async def broken() -> None:
        raise RuntimeError("broken")

    return router


@pytest.fixture
def exported(monkeypatch: pytest.MonkeyPatch) -> Iterator[InMemorySpanExporter]:
    """What the spans of this process are exported to, without a provider of the process."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(tracing, "spans", Spans(provider))
    yield exporter
    provider.shutdown()


def _named(exporter: InMemorySpanExporter, name: str) -> ReadableSpan:
    [found] = [each for each in exporter.get_finished_spans() if each.name == name]
    return found


def _attributes(span: ReadableSpan) -> Mapping[str, Any]:
    assert span.attributes is not None
    return span.attributes


async def test_an_emit_is_traced_from_the_event_that_causes_it_to_its_delivery_elsewhere(
    exported: InMemorySpanExporter,
) -> None:
    async with (
        cluster(_router(), nodes=2) as nodes,
        nodes.client(0) as here,
        nodes.client(1) as far,
    ):
        await here.join()
        await far.join()
        await far.emit("enter")
        exported.clear()
        await here.emit("say", "hello")
        assert await far.event() == ["said", "hello"]
        await eventually(lambda: len(exported.get_finished_spans()) == 3)
    event, emit = _named(exported, "receive say"), _named(exported, "emit said")
    delivery = _named(exported, "deliver said")
    assert event.parent is None
    assert emit.parent is not None
    assert delivery.parent is not None
    assert emit.parent.span_id == event.context.span_id
    assert delivery.parent.span_id == emit.context.span_id
    assert delivery.parent.is_remote
    assert {each.context.trace_id for each in (event, emit, delivery)} == {event.context.trace_id}
    assert [event.kind, emit.kind] == [SpanKind.CONSUMER, SpanKind.PRODUCER]
    assert _attributes(event)["socket.io.outcome"] == "handled"
    assert _attributes(emit)["socket.io.event"] == "said"


async def test_a_handshake_is_a_span(exported: InMemorySpanExporter) -> None:
    async with cluster(_router()) as nodes, nodes.client() as client:
        await client.join()
    attributes = _attributes(_named(exported, "socket.io handshake"))
    assert attributes["socket.io.transport"] == "polling"
    assert attributes["socket.io.outcome"] == "opened"


async def test_a_handler_that_fails_is_an_error(exported: InMemorySpanExporter) -> None:
    async with cluster(_router()) as nodes, nodes.client() as client:
        await client.join()
        await client.emit("break")
        await client.emit("say", 1)
    assert _named(exported, "receive break").status.status_code is StatusCode.ERROR
    invalid = _named(exported, "receive say")
    assert invalid.status.status_code is StatusCode.UNSET
    assert _attributes(invalid)["socket.io.outcome"] == "invalid"


async def test_an_emit_of_a_request_is_below_its_span(exported: InMemorySpanExporter) -> None:
    router = _router()
    request = Spans(TracerProvider())
    async with cluster(router) as nodes:
        with request.emit("a request", "/") as traceparent:
            await nodes.nodes[0].emitter.emit("said", "x", to="lobby")
    assert traceparent is not None
    parent = _named(exported, "emit said").parent
    assert parent is not None
    assert f"{parent.trace_id:032x}-{parent.span_id:016x}" in traceparent


def test_an_earlier_node_passes_over_the_context_and_an_earlier_message_has_none() -> None:
    message = EventMessage(space="room", name="r", namespace="/", body=['["e"]'])
    assert parse(write(message)) == message
    assert message.traceparent is None


def test_without_a_provider_there_are_no_spans() -> None:
    found = Tracing()
    with found.emit("e", "/") as traceparent:
        assert traceparent is None
    assert found.spans is None


def test_nothing_of_it_is_needed() -> None:
    ran = subprocess.run(
        [sys.executable, "-c", NOTHING_IMPORTED],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert ran.stdout.strip() == "None"


def _emits(event: str) -> float:
    return REGISTRY.get_sample_value("mooring_emits_total", {"event": event}) or 0.0


async def test_emits_are_counted_by_declared_name(monkeypatch: pytest.MonkeyPatch) -> None:
    router = EventRouter()
    router.sends("only in this test", str)
    async with cluster(router) as nodes:
        await _emit(nodes, "only in this test", "x")
        await _emit(nodes, "made up by a client")
    assert _emits("only in this test") == 1
    assert _emits("made up by a client") == 0
    assert _emits("other") >= 1


async def _emit(nodes: Cluster, event: str, *args: Any) -> None:
    await nodes.nodes[0].emitter.emit(event, *args, to="lobby")
