"""An hour of churn: does anything grow? `make soak`."""

RELOAD_SECONDS = 10
"""Tombstones are kept by it, and are to go in a run of minutes."""

_USUAL_PACE = 5.0


def idle_seconds(pace: float) -> float:
    """Return after how many seconds without use a session ends, for clients that use it every `pace`."""
    return 20.0 * max(1.0, pace / _USUAL_PACE)


def absolute_seconds(pace: float) -> float:
    """Return how many seconds a session lives at the most; likewise."""
    return 90.0 * max(1.0, pace / _USUAL_PACE)
