"""What makes room in a memory store that is full: sessions that nobody would miss."""

import logging
from collections import OrderedDict

from ...metric_types import Counter

logger = logging.getLogger(__name__)

_EVICTED = Counter(
    "mooring_sessions_evicted",
    "Anonymous sessions without data that made room in a full memory store.",
)
_SETTLING_SECONDS = 5.0
"""Time for a browser to come back with its first cookie, before a newcomer may take its place."""
_LOG_INTERVAL_SECONDS = 60.0


class Room:
    """The sessions that nobody has signed in to or written to, the longest unused first.

    Every method takes a turn of its caller's clock, in seconds.
    """

    def __init__(self) -> None:
        self._untouched: OrderedDict[str, float] = OrderedDict()
        self._logged_at: float | None = None
        self._evicted = 0

    def add(self, key: str, now: float) -> None:
        """Note a session that was opened, and holds nothing."""
        self._untouched[key] = now

    def use(self, key: str, now: float) -> None:
        """Note that it was read; if it is not one of these, this does nothing."""
        if key in self._untouched:
            self._untouched[key] = now
            self._untouched.move_to_end(key)

    def keep(self, key: str) -> None:
        """Note that it has something to lose, or is gone."""
        self._untouched.pop(key, None)

    def evict(self, now: float, *, settling: bool) -> str | None:
        """Return the session that is to go, or None; with `settling` also one that was used just now."""
        if not self._untouched:
            return None
        key, used_at = next(iter(self._untouched.items()))
        if not settling and now - used_at < _SETTLING_SECONDS:
            return None
        del self._untouched[key]
        _EVICTED.inc()
        self._log(now)
        return key

    def _log(self, now: float) -> None:
        self._evicted += 1
        if self._logged_at is None or now - self._logged_at >= _LOG_INTERVAL_SECONDS:
            logger.warning(
                "the memory store is full: anonymous sessions without data make room",
                extra={"evicted": self._evicted},
            )
            self._logged_at, self._evicted = now, 0
