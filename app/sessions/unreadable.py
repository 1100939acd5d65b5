"""Log lines about records that cannot be read: one for each session."""

import logging

from .ids import short

_MAX_KEYS = 1000


class UnreadableLog:
    """Logs each session once, however often its record is read again.

    Args:
        logger: the logger of the module that reads.
    """

    def __init__(self, logger: logging.Logger) -> None:
        self._logger = logger
        self._keys: set[str] = set()

    def note(self, key: str, what: str = "its record") -> None:
        """Log that something of a session cannot be read."""
        if key in self._keys:
            return
        if len(self._keys) >= _MAX_KEYS:
            self._keys.clear()
        self._keys.add(key)
        self._logger.error(
            "%s cannot be read, the session is left as it is", what, extra={"session": short(key)}
        )
