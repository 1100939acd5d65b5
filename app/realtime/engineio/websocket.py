"""The WebSocket connection of an Engine.IO socket."""

from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import suppress
from typing import Any, Protocol

WEBSOCKET = "mooring.websocket"
"""Key of the ASGI scope under which a server may offer a WebSocket that bypasses receive and send."""

DEFERRED = "mooring.deferred"
"""Key of the ASGI scope under which a server may offer a list of callables.

It awaits each of them after the app has returned.
"""

NORMAL_CLOSURE, GOING_AWAY, POLICY_VIOLATION = 1000, 1001, 1008
"""Close codes (RFC 6455, 7.4.1). Some clients take the first for final, and reconnect after the second."""


class WebSocket(Protocol):
    """An accepted WebSocket."""

    async def wait(self) -> str | bytes:
        """Return the next frame; raise OSError if the connection is closed."""

    def offer(self, take: Callable[[str], bool] | None) -> None:
        """Offer texts to a function while `wait` is waited for; what it returns False for is queued.

        A WebSocket that cannot do so returns all of them from `wait`.
        """

    def send_nowait(self, frame: str | bytes) -> bool:
        """Send a frame without waiting. Return False if `send` has to be awaited instead."""

    async def send(self, frame: str | bytes) -> None:
        """Send a frame; raise OSError or RuntimeError if the connection is closed."""

    async def close(self, code: int) -> None:
        """Close the connection. May be called twice."""

    def abort(self) -> None:
        """Close the connection without waiting for the client to read what was sent."""


class AsgiWebSocket:
    """A WebSocket over ASGI's receive and send, which any server has."""

    __slots__ = ("_receive", "_send")

    def __init__(
        self,
        receive: Callable[[], Awaitable[MutableMapping[str, Any]]],
        send: Callable[[MutableMapping[str, Any]], Awaitable[None]],
    ) -> None:
        self._receive = receive
        self._send = send

    async def wait(self) -> str | bytes:
        """Return the next frame; raise OSError if the connection is closed."""
        return frame_of(await self._receive())

    def offer(self, take: Callable[[str], bool] | None) -> None:
        """Do nothing: ASGI has one way to receive."""

    def send_nowait(self, _frame: str | bytes) -> bool:
        """Return False: ASGI can only be awaited."""
        return False

    async def send(self, frame: str | bytes) -> None:
        """Send a frame; raise OSError or RuntimeError if the connection is closed."""
        kind = "text" if isinstance(frame, str) else "bytes"
        await self._send({"type": "websocket.send", kind: frame})

    async def close(self, code: int) -> None:
        """Close the connection. May be called twice."""
        with suppress(OSError, RuntimeError):  # it is closed already
            await self._send({"type": "websocket.close", "code": code})

    def abort(self) -> None:
        """Do nothing: ASGI has no message for it."""


def frame_of(event: MutableMapping[str, Any]) -> str | bytes:
    """Return the frame in an ASGI event; raise OSError if the event is a disconnect."""
    if event["type"] != "websocket.receive":
        raise OSError("the client has closed the connection")
    text: str | None = event.get("text")
    if text is not None:
        return text
    binary: bytes = event["bytes"]
    return binary
