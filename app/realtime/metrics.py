"""What the realtime edge counts."""

from prometheus_client import Counter, Gauge, Histogram

from app.sessions import EndReason

SOCKETS = Gauge("mooring_sockets", "Connected sockets on this node.", ["transport"])
MOORED = Gauge("mooring_sessions_moored", "Sessions that have sockets on this node.")
CLOSED = Counter("mooring_sockets_closed", "Sockets let go by the server, by reason.", ["reason"])
EVENTS = Counter(
    "mooring_events", "Events of clients, by what became of them.", ["event", "outcome"]
)
RELOAD = Histogram("mooring_reload_seconds", "Time that one reload of up to 500 sessions took.")
RELOADED = Counter("mooring_reload_sessions", "Sessions reloaded by the background task.")
RELOAD_LAG = Gauge("mooring_reload_lag_seconds", "How late the last round of reloads ended.")
DEADLINE_LAG = Histogram(
    "mooring_deadline_lag_seconds",
    "From a session's deadline to the look that found it ended.",
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0),
)
BUS_LAG = Gauge("mooring_bus_lag_seconds", "Age of the last message of another node, on arrival.")
BUS_UNREAD = Gauge(
    "mooring_bus_unread_seconds",
    "Time since the bus was read last; about a second at the most while it can be reached.",
)
BUS_DROPPED = Counter(
    "mooring_bus_dropped", "Messages to other nodes that an outage left no room for."
)
BUS_GAPS = Counter("mooring_bus_gaps", "Times that messages of other nodes were missed for good.")

CLOSED_BY = {reason: CLOSED.labels(str(reason)) for reason in EndReason}
