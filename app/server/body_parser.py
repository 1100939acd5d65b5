"""Parses a body apart from its head, for requests with an upgrade that is ignored."""

from collections.abc import Iterable
from typing import Any

from httptools import HttpRequestParser

Field = tuple[bytes, bytes]


def body_field(headers: Iterable[Field]) -> Field | None:
    """Return the header field that says how a request's body is framed; None if it has no body."""
    fields = dict(headers)
    if b"transfer-encoding" in fields:
        return b"transfer-encoding", fields[b"transfer-encoding"]
    length = fields.get(b"content-length", b"0")
    return (b"content-length", length) if length.strip(b"0") else None


def body_parser(field: Field, protocol: Any) -> HttpRequestParser:
    """Return a parser that is behind a head with that field, and calls the protocol for all that follows."""
    callbacks = _Callbacks()
    parser = HttpRequestParser(callbacks)
    parser.feed_data(b"POST / HTTP/1.1\r\n%b: %b\r\n\r\n" % field)
    callbacks.protocol = protocol
    return parser


class _Callbacks:
    """Passes calls of the parser on; before there is a protocol, none."""

    protocol: Any = None

    def on_message_begin(self) -> None:
        if self.protocol is not None:
            self.protocol.on_message_begin()

    def on_url(self, url: bytes) -> None:
        if self.protocol is not None:
            self.protocol.on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        if self.protocol is not None:
            self.protocol.on_header(name, value)

    def on_headers_complete(self) -> None:
        if self.protocol is not None:
            self.protocol.on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self.protocol.on_body(body)

    def on_message_complete(self) -> None:
        self.protocol.on_message_complete()
