"""A transport that drops what is written to a connection which is lost, as asyncio's own does."""

import asyncio
from typing import Any


class LossyTransport:
    """Wrap a transport, of which it has everything but `write`.

    uvloop raises for a write to a connection that its client has reset. uvicorn is told of the reset a turn
    of the event loop later, so that the app of each such request would be logged as failed.
    """

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        """Send data, unless the connection is lost."""
        if not self._transport.is_closing():
            self._transport.write(data)
