"""uvicorn's HTTP protocol, which takes nothing for a WebSocket's handshake that is none."""

import asyncio
from typing import cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from .lossy_transport import LossyTransport


class PlainHttpProtocol(HttpToolsProtocol):
    """Serve HTTP without fast paths.

    A request for any other upgrade is served as if it asked for none (RFC 9110, 7.8). uvicorn takes
    one for a handshake that is no GET, and `websockets` then answers in plain text, or, if the
    request has a body, not at all.
    """

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as the base class has it
        """Begin with a connection."""
        super().connection_made(self._wrap(transport))

    def _wrap(self, transport: asyncio.Transport) -> asyncio.Transport:
        """Return a transport that may be written to when the connection is lost."""
        return cast("asyncio.Transport", LossyTransport(transport))

    def _should_upgrade(self) -> bool:
        return self.scope["method"] == "GET" and super()._should_upgrade()

    def _unsupported_upgrade_warning(self) -> None:
        """Log nothing: clients that would rather speak HTTP/2 ask for it with their first request."""
