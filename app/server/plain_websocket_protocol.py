"""uvicorn's WebSocket protocol, with an answer to handshakes that cannot be read."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from websockets.datastructures import Headers
from websockets.http11 import Request, Response
from websockets.server import ServerProtocol

from ..asgi.problems import Problem
from ..asgi.refusals import Refusal, refused
from .paced_websocket_protocol import CLOSE_SECONDS, PacedWebSocketProtocol

_SWITCHING_PROTOCOLS = 101
_UNREADABLE = Problem(
    400,
    "bad-handshake",
    "This is no handshake of a WebSocket",
    "It is no GET of HTTP/1.1, or one of its headers is too long or malformed.",
)
_INCOMPLETE = replace(
    _UNREADABLE,
    detail="A handshake has a Sec-WebSocket-Key of 16 bytes and Sec-WebSocket-Version: 13. Proxies have to"
    " pass these on.",
    headers={"sec-websocket-version": "13"},
)


class AnsweringProtocol(ServerProtocol):
    """The library's parser, which refuses a handshake with a problem document instead of plain text."""

    def accept(self, request: Request) -> Response:
        """Return the response to a handshake."""
        response = super().accept(request)
        if response.status_code == _SWITCHING_PROTOCOLS:
            return response
        fields, body = _fields_and_body(replace(_INCOMPLETE, status=response.status_code))
        headers = Headers(fields)
        return Response(response.status_code, response.reason_phrase, headers, body)

    def release(self) -> None:
        """Drop what of a connection that is lost holds this object, which only a collector would free."""
        self.parser.close()
        error: BaseException | None = self.handshake_exc
        while error is not None:
            error.__traceback__ = None
            error = error.__context__


class PlainWebSocketProtocol(PacedWebSocketProtocol):
    """Serve WebSockets without fast paths.

    `websockets` answers a handshake that it cannot read (a header that is too long, say), and uvicorn
    0.54 does not send that answer: the client waits for ever, and the server's shutdown raises an
    AssertionError for the connection, before the app's own shutdown has run.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.close_timeout = CLOSE_SECONDS
        self.conn = self._answering = AnsweringProtocol(
            extensions=self.conn.available_extensions,
            max_size=self.config.ws_max_size,
            logger=self.conn.logger,
        )

    def data_received(self, data: bytes) -> None:
        """Handle bytes from the client."""
        super().data_received(data)
        if self._is_unreadable():
            refused(Refusal.BAD_HANDSHAKE)
            self.transport.write(refusal(self.conn.data_to_send()))
            self.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """End with a connection."""
        super().connection_lost(exc)
        self._answering.release()

    def shutdown(self) -> None:
        """Close the connection because the server stops."""
        if self._is_unreadable():
            self.transport.close()
        else:
            super().shutdown()

    def _is_unreadable(self) -> bool:
        # uvicorn hands over a request as a whole. It may come to have another name for this, and this
        # class serves with versions that nobody has tried.
        return not getattr(self, "handshake_initiated", True)


def refusal(response: Iterable[bytes]) -> bytes:
    """Return a response of `websockets` to a handshake that it cannot read, with a problem document."""
    status_line = b"".join(response).partition(b"\r\n")[0]
    status = status_line.split(b" ")[1:2]
    if not status:  # the client has closed the connection before
        return b""
    fields, body = _fields_and_body(replace(_UNREADABLE, status=int(status[0])))
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return b"".join((status_line, b"\r\n", head.encode(), b"\r\n", body))


def _fields_and_body(problem: Problem) -> tuple[Mapping[str, str], bytes]:
    body = problem.body()
    length = {"content-length": str(len(body)), "connection": "close"}
    return problem.response_headers() | length, body
