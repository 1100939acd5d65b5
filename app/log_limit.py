"""A limit of log lines: what clients cause must not fill a disk, whichever library writes it."""

import logging
import time
from collections.abc import Callable

from .aio.allowance import Allowance
from .asgi import refusals
from .asgi.limits import LINES, LINES_SECONDS

_MAX_KINDS = 1_000
"""Messages that hold what differs each time are of a kind each."""

_Kind = tuple[str, int, str]


class LineLimit(logging.Filter):
    """Passes so many lines of a kind (logger, level and message) in a second, but for debugging.

    The next one that passes says how many were left unsaid.

    Args:
        clock: returns seconds of a clock that never goes back.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._allowances: dict[_Kind, Allowance] = {}
        self._unsaid: dict[_Kind, int] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Return True for a line that is to be written."""
        if record.levelno < logging.INFO or record.name == refusals.logger.name:
            return True  # a refusal has a limit of its own, for each kind
        kind = (record.name, record.levelno, str(record.msg))
        if not self._allowance(kind).spend(self._clock()):
            self._unsaid[kind] = self._unsaid.get(kind, 0) + 1
            return False
        if unsaid := self._unsaid.pop(kind, 0):
            record.unsaid = unsaid + getattr(record, "unsaid", 0)
        return True

    def _allowance(self, kind: _Kind) -> Allowance:
        found = self._allowances.get(kind)
        if found is None:
            if len(self._allowances) >= _MAX_KINDS:
                self._allowances.clear()
                self._unsaid.clear()
            found = self._allowances[kind] = Allowance(LINES, LINES_SECONDS)
        return found
