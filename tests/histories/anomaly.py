"""The kinds of anomalies, and one that was found."""

from enum import StrEnum
from typing import NamedTuple


class Anomaly(StrEnum):
    """What must not be, by name."""

    TWICE = "a count was answered twice"
    LOST = "an acknowledged increment is lost"
    BACKWARDS = "a later increment was answered a lower count"
    STALE = "a read is behind what had been acknowledged"
    INVENTED = "a count that nobody wrote"
    REPEATED = "a repeat counted again"
    SERVED = "an id was served after its end"
    WENT_BACK = "an older id was served after a newer one"
    SHARED = "an id was given out twice"
    GONE = "a session is gone that nobody ended"
    STRANGER = "a request under way was served as a stranger's"
    USER = "an id has the rights of another"
    OPEN = "a socket outlives its session"
    AFTER_END = "a message that was sent after the end of a session reached its socket"
    FINAL = "a socket of a live session was sent away"
    OLD_STATE = "the last state that a socket received is not the true one"
    STATE_BACK = "an older state followed a newer one"
    MISSED = "a message was missed, and the client not told"
    RECEIVED_TWICE = "a message was received twice"
    RECOVERED = "a client was recovered that had nothing to be recovered"
    ORDER = "messages came out of order"
    UNSENT = "a message that nobody sent"
    ODD = "an answer that nobody was promised"


class Found(NamedTuple):
    """An anomaly, and where it is."""

    anomaly: Anomaly
    detail: str

    def __str__(self) -> str:
        """Return both."""
        return f"{self.anomaly}: {self.detail}"
