"""Metrics of the Socket.IO server."""

from collections.abc import Callable, Iterable
from functools import lru_cache, partial

from prometheus_client import Gauge

from ..metric_types import Count, Counter, Histogram
from ..sessions import EndReason

Source = Callable[[], float]


class SourcedGauge:
    """A gauge over all services of this process: the sum of what its sources return, or the greatest.

    Args:
        gauge: what shows it.
        combine: makes one value of all; of none as well.
    """

    def __init__(self, gauge: Gauge, combine: Callable[[Iterable[float]], float] = sum) -> None:
        self._sources: list[Source] = []
        self._combine = combine
        gauge.set_function(self._read)

    def add(self, source: Source) -> None:
        """Include a source."""
        self._sources.append(source)

    def discard(self, source: Source) -> None:
        """Leave a source out. If it is not included, this does nothing."""
        if source in self._sources:
            self._sources.remove(source)

    def _read(self) -> float:
        return self._combine(source() for source in list(self._sources))


_SOCKETS = Gauge("mooring_sockets", "Connected sockets on this node.", ["transport"])
SOCKETS = {each: SourcedGauge(_SOCKETS.labels(each)) for each in ("polling", "websocket")}
SESSIONS = SourcedGauge(
    Gauge("mooring_sessions_connected", "Sessions that have sockets on this node.")
)
CLOSED = Counter(
    "mooring_sockets_closed", "Sockets disconnected by the server, by reason.", ["reason"]
)
EVENTS = Counter("mooring_events", "Events of clients, by outcome.", ["event", "outcome"])
EMITS = Counter("mooring_emits", "Events that this node has emitted, by declared name.", ["event"])
RELOAD = Histogram("mooring_reload_seconds", "Duration of one reload of up to 500 sessions.")
RELOADED = Counter("mooring_reload_sessions", "Sessions reloaded by the background task.")
RELOAD_LAG = Gauge("mooring_reload_lag_seconds", "Delay of the last round of reloads.")
DEADLINE_LAG = Histogram(
    "mooring_deadline_lag_seconds",
    "From a session's deadline to the read that checks it.",
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0),
)
BUS_LAG = Gauge("mooring_bus_lag_seconds", "Age of the last message of another node, on arrival.")
BUS_UNREAD = SourcedGauge(
    Gauge(
        "mooring_bus_unread_seconds",
        "Time since the bus was last read; about a second at the most while it is available.",
    ),
    partial(max, default=0.0),
)
BUS_DROPPED = Counter(
    "mooring_bus_dropped", "Messages to other nodes that were dropped during an outage."
)
BUS_GAPS = Counter("mooring_bus_gaps", "Times that messages of other nodes were lost.")
CARRIED = Counter(
    "mooring_carried_requests",
    "Polls and posts that this node has had answered by the node that has the socket, by outcome.",
    ["outcome"],
)
CARRIED_BY = {each: CARRIED.labels(each) for each in ("answered", "refused", "unavailable")}
CARRIED_HELD = SourcedGauge(
    Gauge("mooring_carried_held", "Polls and posts that another node is to answer, now.")
)
STOPS = Counter("mooring_stops", "Times that this node did not run for two seconds and more.")


@lru_cache(maxsize=1024)
def emits_of(event: str) -> Count:
    """Return what counts the emits of a declared event, or of "other": looking it up takes a lock."""
    return EMITS.labels(event)


CLOSED_BY = {reason: CLOSED.labels(str(reason)) for reason in EndReason}
