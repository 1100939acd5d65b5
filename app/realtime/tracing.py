"""Spans of OpenTelemetry, where the process has it and has configured where they go."""

import sys
import time
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from .otel import Spans

CHECK_SECONDS = 1.0
"""How often it is checked whether a tracer provider is configured by now."""


class Outcome(Protocol):
    """What reports the outcome to a span at its end."""

    def __call__(self, outcome: str) -> None: ...


class Tracing:
    """Makes spans once a tracer provider is configured; until then it costs a reading of the clock.

    The package is never imported for this: who configures a provider has imported it.

    Attributes:
        spans: what makes them; None for none.
    """

    def __init__(self) -> None:
        self.spans: Spans | None = None
        self._check_at = 0.0

    def handshake(self, transport: str) -> AbstractContextManager[Outcome]:
        """Return the span of a handshake: until its session is open, or it is refused."""
        spans = self.spans or self._check()
        return NO_OUTCOME if spans is None else spans.handshake(transport)

    def event(self, name: str, namespace: str, now: float) -> AbstractContextManager[Outcome]:
        """Return the span of an event that a client has sent: from its turn, `now`, to its ack."""
        spans = self.spans or (self._check(now) if now >= self._check_at else None)
        return NO_OUTCOME if spans is None else spans.event(name, namespace)

    def emit(self, name: str, namespace: str) -> AbstractContextManager[str | None]:
        """Return the span of an emit; entered it gives the `traceparent` for who delivers it."""
        spans = self.spans or self._check()
        return _NOTHING if spans is None else spans.emit(name, namespace)

    def delivery(
        self, name: str, namespace: str, traceparent: str
    ) -> AbstractContextManager[str | None]:
        """Return the span in which an emit of another node is delivered."""
        spans = self.spans or self._check()
        return _NOTHING if spans is None else spans.delivery(name, namespace, traceparent)

    def _check(self, now: float | None = None) -> "Spans | None":
        now = time.monotonic() if now is None else now
        if now < self._check_at:
            return None
        self._check_at = now + CHECK_SECONDS
        if "opentelemetry.trace" in sys.modules:
            from .otel import Spans, is_configured  # noqa: PLC0415 - it needs an extra

            self.spans = Spans() if is_configured() else None
        return self.spans


def _ignore(outcome: str) -> None:
    """Do nothing with what there is no span for."""


NO_OUTCOME: AbstractContextManager[Outcome] = nullcontext(_ignore)
_NOTHING: AbstractContextManager[None] = nullcontext()

tracing = Tracing()
"""That of this process: a tracer provider is the process', too."""
