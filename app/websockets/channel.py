"""What the engine is given of a connection: frames, mostly without ASGI's events between."""

from starlette.types import Send

from app.realtime.frames import AsgiFrames, frame_of
from app.websockets.protocol import LightProtocol


class LightFrames(AsgiFrames):
    """The frames of one LightProtocol."""

    __slots__ = ("_protocol",)

    def __init__(self, protocol: LightProtocol) -> None:
        super().__init__(protocol.receive, protocol.send)
        self._protocol = protocol

    async def wait(self) -> str | bytes:
        """Wait for the next frame; raises OSError when the client has gone."""
        item = await self._protocol.next()
        return item if isinstance(item, str) else frame_of(item)

    def write(self, frame: str | bytes) -> bool:
        """Send a frame, if it is a plain one, and nothing waits to be sent."""
        return isinstance(frame, str) and self._protocol.write_plain(frame)

    def cut(self) -> None:
        """End the connection without waiting for a client that does not read."""
        self._protocol.transport.abort()

    def forget_handshake(self) -> None:
        """Drop all that the connection holds of its handshake."""
        self._protocol.forget_handshake()


def frames_of(send: Send) -> LightFrames | None:
    """Give the frames of the connection that an ASGI `send` belongs to, None if it is not one of ours."""
    protocol = getattr(send, "__self__", None)
    return LightFrames(protocol) if isinstance(protocol, LightProtocol) else None
