"""uvicorn's WebSocket protocol, whose refusals can be found, and are the app's when the server stops."""

from typing import Any

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from ..asgi.refusals import Refusal, refused

_SWITCHING_PROTOCOLS = 101
_TOO_LARGE = 1009
"""Close code of a message that is too large (RFC 6455, 7.4.1)."""


class FindableWebSocketProtocol(WebSocketsSansIOProtocol):
    """Counts and logs what it refuses before the app sees it, or without it."""

    def handle_connect(self, event: Any) -> None:
        """Handle a handshake; refuse one in which something is missing."""
        super().handle_connect(event)
        if self.response.status_code != _SWITCHING_PROTOCOLS:
            refused(Refusal.BAD_HANDSHAKE)

    def shutdown(self) -> None:
        """Close the connection because the server stops; leave the answer to a handshake to the app.

        uvicorn answers 500 for it. The app refuses it with 503, after which clients try again; one
        that does not answer is cancelled with all other requests.
        """
        answered = self.handshake_complete or self.close_sent
        if answered or not getattr(self, "handshake_initiated", False):
            super().shutdown()

    def handle_parser_exception(self) -> None:
        """Close the connection: what the client has sent is too large, or no frame.

        uvicorn forgets the frames before it that came with it.
        """
        if self.handshake_complete:
            self.handle_events()
        close = self.conn.close_sent
        is_too_large = close is not None and close.code == _TOO_LARGE
        refused(Refusal.FRAME_TOO_LARGE if is_too_large else Refusal.BAD_FRAME)
        super().handle_parser_exception()
