"""What those who queue up need to know of a store that hangs."""

import math
import time

from app.sessions.errors import StoreUnavailableError

_PATIENCE = 0.3
"""Seconds. A store that is found away in less, as when a connection is lost, fails only who asked it."""


class Outage:
    """When somebody last gave up on a store that hangs. Times are those of time.monotonic().

    To give up takes most of a second. Of several who do so one after another, the third would be
    answered too late: so who has waited while the one before gave up is not made to try as well.
    """

    def __init__(self) -> None:
        self._given_up_at = -math.inf

    def note(self, since: float) -> None:
        """Somebody who has asked since then gives up."""
        now = time.monotonic()
        if now > since + _PATIENCE:
            self._given_up_at = now

    def check(self, since: float) -> None:
        """Raise StoreUnavailableError if, of those who wait since then, one has given up."""
        if self._given_up_at > since + _PATIENCE:
            raise StoreUnavailableError("the store was away while this waited for its turn")
