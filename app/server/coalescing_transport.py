"""A transport whose writes of one event-loop turn leave as one."""

import asyncio

from ..aio.turn_end import TurnEnd
from .wrapped_transport import WrappedTransport

_MAX_BUFFERED_BYTES = 65_536
"""More is sent at once: nothing is gained by waiting, and the transport may want to pause the writer."""


class CoalescingTransport(WrappedTransport):
    """Wrap a transport that sends each write at once, as uvloop's does.

    A response is two of them, head and body, and messages to a socket are often more; each is a system call
    that costs as much as a route does.

    What is written to a connection that is lost is dropped: uvloop raises for it, and uvicorn is
    notified a turn of the event loop later.

    Args:
        transport: the other one.
        turn_end: has what was written sent.
    """

    __slots__ = ("_parts", "_size", "_turn_end")

    def __init__(self, transport: asyncio.Transport, turn_end: TurnEnd) -> None:
        super().__init__(transport)
        self._turn_end = turn_end
        self._parts: list[bytes | bytearray | memoryview] = []
        self._size = 0

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Send data at the end of this turn, or at once if there is much of it."""
        if not self._parts:
            self._turn_end.add(self._flush)
        self._parts.append(data)
        self._size += len(data)
        if self._size > _MAX_BUFFERED_BYTES:
            self._flush()

    def close(self) -> None:
        """Close when everything is sent."""
        self._flush()
        self._transport.close()

    def abort(self) -> None:
        """Close the connection at once; what is not sent is dropped."""
        self._parts.clear()
        self._transport.abort()

    def write_eof(self) -> None:
        """Send what was written, then no more."""
        self._flush()
        self._transport.write_eof()

    def _flush(self) -> None:
        parts, size = self._parts, self._size
        if not parts:
            return
        self._parts, self._size = [], 0
        if self._transport.is_closing():
            return
        if size > _MAX_BUFFERED_BYTES:
            # Not copied: uvloop keeps what was not sent as it is, and many may wait for one file.
            self._transport.writelines(parts)
        else:
            self._transport.write(b"".join(parts))
