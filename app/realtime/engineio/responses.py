"""HTTP responses of the Engine.IO server."""

import gzip
import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from engineio import packet
from starlette.types import Scope, Send

from ...asgi.headers import accepted_coding, get_header
from .payload import encode_payload

COMPRESSION_THRESHOLD_BYTES = 1024

_COMPRESSIONS: dict[bytes, Callable[[bytes], bytes]] = {
    b"gzip": lambda body: gzip.compress(body, mtime=0),
    b"deflate": zlib.compress,
}


@dataclass(frozen=True, slots=True)
class Response:
    """The status and the body of an answer, and its media type."""

    status: int
    body: bytes
    media_type: bytes = b"text/plain"

    async def send(self, scope: Scope, send: Send) -> None:
        """Send it as the answer to a request."""
        body, headers = self._encode(scope)
        headers.append((b"content-length", b"%d" % len(body)))
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    def _encode(self, scope: Scope) -> tuple[bytes, list[tuple[bytes, bytes]]]:
        """Return the body, compressed if it is large and the client takes it, and its headers."""
        headers = [(b"content-type", self.media_type)]
        if len(self.body) < COMPRESSION_THRESHOLD_BYTES:
            return self.body, headers
        accepted = get_header(scope, b"accept-encoding") or b""
        coding = accepted_coding(accepted, _COMPRESSIONS)
        if coding is None:
            return self.body, headers
        headers.append((b"content-encoding", coding))
        return _COMPRESSIONS[coding](self.body), headers


def packets_response(packets: Iterable[packet.Packet]) -> Response:
    """Answer a poll."""
    return Response(200, encode_payload(packets), b"text/plain; charset=UTF-8")


OK = Response(200, b"ok")
