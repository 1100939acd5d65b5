"""A transport whose writes of one event-loop turn leave as one."""

import asyncio
from typing import Any

_ENOUGH = 65_536
"""Bytes after which nothing is gained by waiting for more."""


class Gathering:
    """Stands before a transport, and is it in all but `write`, `close` and `abort`.

    uvloop sends each write at once. An answer is two of them, head and body, and what a socket is
    told is often more; every one costs as much as a route does.
    """

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._parts: list[bytes] = []
        self._size = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        """Send data at the end of this turn, or at once if there is enough."""
        if not self._parts:
            self._loop.call_soon(self._flush)
        self._parts.append(data)
        self._size += len(data)
        if self._size > _ENOUGH:
            self._flush()

    def close(self) -> None:
        """Close when everything is sent."""
        self._flush()
        self._transport.close()

    def abort(self) -> None:
        """Cut the connection; what is not sent is dropped."""
        self._parts.clear()
        self._transport.abort()

    def _flush(self) -> None:
        if self._parts:
            parts, self._parts, self._size = self._parts, [], 0
            self._transport.write(b"".join(parts))
