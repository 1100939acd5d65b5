"""A timer that notices a client which sends or reads next to nothing."""

import asyncio
import sys
from collections.abc import Callable
from contextlib import suppress

from ..asgi.limits import STALLED_BYTES

try:
    from fcntl import ioctl
    from termios import TIOCOUTQ as _UNSENT
except ImportError:  # Windows
    _UNSENT = 0  # type: ignore[misc] # as above

_LATE = 0.25
"""Of the time between two checks: that late the process was stopped, and has not read what came since."""


def sent_so_far(transport: asyncio.Transport) -> int | None:
    """Return a count that grows with each byte that the client receives; None if nothing is to be sent.

    The kernel takes a megabyte at a time, for a client that would be minutes at it, so that what it has
    still to send counts as well.
    """
    unsent = transport.get_write_buffer_size()
    return -unsent - _unsent_by_kernel(transport) if unsent else None


def _unsent_by_kernel(transport: asyncio.Transport) -> int:
    client, unsent = transport.get_extra_info("socket"), bytearray(4)
    with suppress(OSError, AttributeError):  # it is closed, or no socket
        if _UNSENT:
            ioctl(client.fileno(), _UNSENT, unsent)
    return int.from_bytes(unsent, sys.byteorder)


class ProgressTimer:
    """Checks now and then how far a client has got, and calls `stalled` if that is hardly farther.

    It ends when there is nothing to wait for; `start` begins anew.

    Args:
        seconds: between two checks.
        done: returns how many bytes have been sent or received, None if there is nothing to wait for.
        stalled: called when there are fewer than STALLED_BYTES more than at the last check.
    """

    __slots__ = ("_done", "_due", "_last", "_seconds", "_stalled", "_timer")

    def __init__(
        self, seconds: float, done: Callable[[], int | None], stalled: Callable[[], None]
    ) -> None:
        self._seconds = seconds
        self._done = done
        self._stalled = stalled
        self._last: int | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._due = 0.0

    def start(self) -> None:
        """Start, unless it has started."""
        if self._timer is None:
            self._last = self._done()
            self._wait()

    def forgive(self) -> None:
        """Count from the next check on: until now the client has got on."""
        self._last = None

    def stop(self) -> None:
        """Check no more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _wait(self) -> None:
        loop = asyncio.get_running_loop()
        self._due = loop.time() + self._seconds
        self._timer = loop.call_at(self._due, self._check)

    def _check(self) -> None:
        self._timer = None
        if asyncio.get_running_loop().time() - self._due > self._seconds * _LATE:
            self.forgive()
        done = self._done()
        if done is None:
            return
        if self._last is not None and done - self._last < STALLED_BYTES:
            self._stalled()
            return
        self._last = done
        self._wait()
