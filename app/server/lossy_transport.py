"""A transport that drops what is written to a connection which is lost, as asyncio's own does."""

from .wrapped_transport import WrappedTransport


class LossyTransport(WrappedTransport):
    """Wrap a transport whose `write` raises for a connection that its client has reset.

    uvloop's does. uvicorn is notified of it a turn of the event loop later, so that the app of each such
    request would be logged as failed.
    """

    __slots__ = ()

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Send data, unless the connection is lost."""
        if not self._transport.is_closing():
            self._transport.write(data)
