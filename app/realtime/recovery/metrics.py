"""Metrics of recovery."""

from prometheus_client import Counter

_RECOVERIES = Counter(
    "mooring_recoveries",
    "Clients that came back to a namespace with recovery, by outcome.",
    ["outcome"],
)
RECOVERIES = {
    outcome: _RECOVERIES.labels(outcome)
    for outcome in (
        *("recovered", "unknown", "expired", "offset"),
        *("trimmed", "too-much", "disconnected", "taken"),
    )
}
REPLAYED = Counter(
    "mooring_replayed_messages", "Messages that were sent to clients that came back."
)
