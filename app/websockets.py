"""uvicorn's WebSockets, without what they keep of a handshake that is long over."""

import asyncio
from typing import Any

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from app.realtime.packet_queue import PacketQueue


class Gate:
    """asyncio.Event, but that it holds nothing while nobody waits."""

    __slots__ = ("_loop", "_opened")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._opened: asyncio.Future[None] | None = None

    def set(self) -> None:
        """Let everybody through."""
        if self._opened is not None:
            opened, self._opened = self._opened, None
            opened.set_result(None)

    def clear(self) -> None:
        """Have everybody wait from now on."""
        if self._opened is None:
            self._opened = self._loop.create_future()

    async def wait(self) -> None:
        """Wait until it is set."""
        while self._opened is not None:
            await asyncio.shield(self._opened)  # who is cancelled leaves it to the others


class LightProtocol(WebSocketsSansIOProtocol):
    """Half the size of its base class, of which there is one for each socket."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.queue = PacketQueue(self.loop)  # type: ignore[assignment] # as far as it is used here
        self.writable = Gate(self.loop)  # type: ignore[assignment] # as above

    def forget_handshake(self) -> None:
        """Drop the request, its answer, and the headers of both; the parser holds on to the first."""
        self.request.headers.clear()
        self.request = self.response = None  # type: ignore[assignment] # they have been answered
        self.scope.clear()  # type: ignore[attr-defined] # a dict, whatever its type says


def forget_handshake(send: Any) -> None:
    """Do that for the connection that an ASGI `send` belongs to, if it is one of ours."""
    protocol = getattr(send, "__self__", None)
    if isinstance(protocol, LightProtocol):
        protocol.forget_handshake()
