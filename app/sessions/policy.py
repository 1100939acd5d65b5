"""The limits of sessions."""

import math
from dataclasses import dataclass

from .models import EndReason

MAX_DATA_BYTES = 32 * 1024
IN_FLIGHT_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Policy:
    """How long sessions live, and how large they may be.

    Attributes:
        idle: seconds without use after which a session ends.
        absolute: seconds after its creation at which it ends, however much it is used.
        tombstone: seconds for which the end of a session stays readable. It must outlive every
            reload that could miss the message of it. Nodes of one store should agree on it.
        rotation: the same for a session that has moved to a new id, and seconds for which the new one
            waits for its first use where the reply to the rotation was lost.
        in_flight: seconds after its end in which a request may have been sent before it: the browser
            may have a newer cookie by now, which no response to the older one may replace.
        max_data: bytes of its data as JSON.
        max_per_user: how many sessions a user may have; 0 for any number. Beyond it the oldest ends.
        unused: the same as `idle`, for a session whose cookie has not come back since it was opened, if
            nothing was stored in it. What a flood of first contacts leaves is gone soon.
    """

    idle: float
    absolute: float
    tombstone: float = 60.0
    rotation: float = 900.0
    in_flight: float = IN_FLIGHT_SECONDS
    max_data: int = MAX_DATA_BYTES
    max_per_user: int = 0
    unused: float = math.inf

    @property
    def first(self) -> float:
        """Seconds without use after which a session ends whose cookie has not come back yet."""
        return min(self.idle, self.unused)

    def keep(self, reason: EndReason) -> float:
        """Return the seconds for which the tombstone of a session stays."""
        rotated = reason is EndReason.ROTATED
        return max(self.tombstone, self.rotation) if rotated else self.tombstone

    def age(self, reason: EndReason, left: float) -> float:
        """Return how long ago a session ended, from the seconds that its tombstone has left.

        Version 0.1 kept those of rotations no longer than others.
        """
        return (self.keep(reason) if left > self.tombstone else self.tombstone) - left

    @property
    def pending(self) -> float:
        """Seconds that the record of a new id waits for the old one to end.

        No longer than its tombstone stays, which says whether it was replaced by this record.
        """
        return min(self.idle, self.keep(EndReason.ROTATED))
