"""A transport whose writes of one event-loop turn leave as one."""

import asyncio
from typing import Any

_MAX_BUFFERED_BYTES = 65_536
"""More is sent at once: nothing is gained by waiting, and the transport may want to pause the writer."""


class CoalescingTransport:
    """Wrap a transport, of which it has everything but `write`, `close` and `abort`.

    What is written to a connection that is lost is dropped: uvloop raises for it, and uvicorn is told
    of the loss a turn of the event loop later.

    uvloop sends each write at once. A response is two of them, head and body, and messages to a
    socket are often more; each is a system call that costs as much as a route does.
    """

    __slots__ = ("_loop", "_parts", "_size", "_transport")

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._parts: list[bytes] = []
        self._size = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """Have another protocol receive from now on; found here without the detour of `__getattr__`."""
        self._transport.set_protocol(protocol)

    def is_closing(self) -> bool:
        """Return True if the transport is closing."""
        return self._transport.is_closing()

    def write(self, data: bytes) -> None:
        """Send data at the end of this turn, or at once if there is much of it."""
        if not self._parts:
            self._loop.call_soon(self._flush)
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

    def _flush(self) -> None:
        if self._parts:
            parts, size = self._parts, self._size
            self._parts, self._size = [], 0
            if self._transport.is_closing():
                return
            if size > _MAX_BUFFERED_BYTES:
                # Not copied: uvloop keeps what was not sent as it is, and many may wait for one file.
                self._transport.writelines(parts)
            else:
                self._transport.write(b"".join(parts))
