"""A WebSocket as its engine sees it: frames in, frames out."""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

CUT = "mooring.cut"
"""Where an ASGI scope may hold a function that cuts the connection without waiting for the client."""

SEND = "mooring.send"
"""Where it may hold the server's own `send`: frames need none of the layers that a handshake needs."""

AFTER = "mooring.after"
"""Where it may hold a list, of what is to be awaited when the app has returned."""


class Frames:
    """One accepted WebSocket, by its ASGI channels."""

    __slots__ = ("_receive", "_send")

    def __init__(
        self,
        receive: Callable[[], Awaitable[dict[str, Any]]],
        send: Callable[[dict[str, Any]], Awaitable[None]],
    ) -> None:
        self._receive = receive
        self._send = send

    async def wait(self) -> str | bytes:
        """Wait for the next frame; raises OSError when the client has gone."""
        event = await self._receive()
        if event["type"] != "websocket.receive":
            raise OSError("the client has gone")
        text: str | None = event.get("text")
        if text is not None:
            return text
        binary: bytes = event["bytes"]
        return binary

    async def send(self, frame: str | bytes) -> None:
        """Send a frame; raises OSError or RuntimeError if the connection is gone."""
        kind = "text" if isinstance(frame, str) else "bytes"
        await self._send({"type": "websocket.send", kind: frame})

    async def close(self) -> None:
        """Close the connection, if it is still there."""
        with suppress(OSError, RuntimeError):  # it is gone
            await self._send({"type": "websocket.close"})
