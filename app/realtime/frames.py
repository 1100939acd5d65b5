"""A WebSocket as its engine sees it: frames in, frames out."""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, Protocol

FRAMES = "mooring.frames"
"""Where an ASGI scope may hold the Frames of its connection: they need none of a handshake's layers."""

AFTER = "mooring.after"
"""Where it may hold a list, of what is to be awaited when the app has returned."""


class Frames(Protocol):
    """One accepted WebSocket."""

    async def wait(self) -> str | bytes:
        """Wait for the next frame; raises OSError when the client has gone."""

    def write(self, frame: str | bytes) -> bool:
        """Send a frame, if it can be sent at once; else `send` is to wait, or to say what is wrong."""

    async def send(self, frame: str | bytes) -> None:
        """Send a frame; raises OSError or RuntimeError if the connection is gone."""

    async def close(self) -> None:
        """Close the connection, if it is still there."""

    def cut(self) -> None:
        """End the connection without waiting for a client that does not read."""


class AsgiFrames:
    """Those of any ASGI server. ASGI has no word for `cut`, so it does nothing."""

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
        return frame_of(await self._receive())

    def write(self, _frame: str | bytes) -> bool:
        """Leave it to `send`."""
        return False

    async def send(self, frame: str | bytes) -> None:
        """Send a frame; raises OSError or RuntimeError if the connection is gone."""
        kind = "text" if isinstance(frame, str) else "bytes"
        await self._send({"type": "websocket.send", kind: frame})

    async def close(self) -> None:
        """Close the connection, if it is still there."""
        with suppress(OSError, RuntimeError):  # it is gone
            await self._send({"type": "websocket.close"})

    def cut(self) -> None:
        """Do nothing."""


def frame_of(event: dict[str, Any]) -> str | bytes:
    """Give the frame that an ASGI event brings; raises OSError if it brings the end."""
    if event["type"] != "websocket.receive":
        raise OSError("the client has gone")
    text: str | None = event.get("text")
    if text is not None:
        return text
    binary: bytes = event["bytes"]
    return binary
