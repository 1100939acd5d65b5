"""What the gauges of a process show of one service."""

from collections.abc import Callable
from functools import partial

from .bus.relay import BusRelay
from .engineio.server import EngineServer
from .metrics import BUS_UNREAD, SESSIONS, SOCKETS, SourcedGauge
from .registry import SocketRegistry


class ServiceGauges:
    """The sources of one service.

    Args:
        registry: its sockets, by session.
        engine: their transports.
        relay: its end of the bus.
    """

    def __init__(self, registry: SocketRegistry, engine: EngineServer, relay: BusRelay) -> None:
        self._engine = engine
        self._sources: list[tuple[SourcedGauge, Callable[[], float]]] = [
            (SESSIONS, lambda: len(registry.keys())),
            (BUS_UNREAD, lambda: relay.unread),
            *((gauge, partial(self._count_on, transport)) for transport, gauge in SOCKETS.items()),
        ]

    def show(self) -> None:
        """Begin to be counted."""
        for gauge, source in self._sources:
            gauge.add(source)

    def hide(self) -> None:
        """Stop being counted. May be called twice."""
        for gauge, source in self._sources:
            gauge.discard(source)

    def _count_on(self, transport: str) -> int:
        upgraded = transport == "websocket"
        sockets = list(self._engine.sockets.values())
        return sum(socket.connected and socket.upgraded == upgraded for socket in sockets)
