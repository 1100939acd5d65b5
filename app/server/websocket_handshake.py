"""The WebSocket handshake (RFC 6455, 4.2) of a request that has been parsed already.

uvicorn writes the request out again, and `websockets` parses it a second time: a third of what a
handshake costs. A request in which nothing is unusual needs neither.
"""

import binascii
from collections.abc import Iterable

from websockets.utils import accept_key

Header = tuple[bytes, bytes]

_ONCE = {b"connection", b"upgrade", b"sec-websocket-key", b"sec-websocket-version"}
_UNUSUAL = {b"sec-websocket-protocol", b"content-length", b"transfer-encoding", b"expect"}
_CONNECTION = {b"upgrade", b"keep-alive, upgrade"}
"""As browsers, Node and proxies send it."""

_KEY_LENGTH = 16
_SWITCHING = (
    b"HTTP/1.1 101 Switching Protocols\r\n"
    b"upgrade: websocket\r\nconnection: Upgrade\r\nsec-websocket-accept: "
)


def accept_of(headers: Iterable[Header]) -> bytes | None:
    """Return the Sec-WebSocket-Accept for the headers of a GET; None if anything in them is unusual.

    Args:
        headers: names in lower case, as uvicorn has them.
    """
    found: dict[bytes, bytes] = {}
    for name, value in headers:
        if name in _UNUSUAL or name in found:
            return None
        if name in _ONCE:
            found[name] = value
    return _check(found) if len(found) == len(_ONCE) else None


def _check(found: dict[bytes, bytes]) -> bytes | None:
    key = found[b"sec-websocket-key"]
    usual = (
        found[b"connection"].lower() in _CONNECTION
        and found[b"upgrade"].lower() == b"websocket"
        and found[b"sec-websocket-version"] == b"13"
        and _is_key(key)
    )
    return accept_key(key.decode("ascii")).encode("ascii") if usual else None


def _is_key(value: bytes) -> bool:
    try:
        return len(binascii.a2b_base64(value, strict_mode=True)) == _KEY_LENGTH
    except binascii.Error:
        return False


def switching_protocols(accept: bytes, headers: Iterable[Header]) -> bytes:
    """Return the response that accepts a handshake, with additional headers."""
    lines = [_SWITCHING, accept, b"\r\n"]
    for name, value in headers:
        lines += (name, b": ", value, b"\r\n")
    lines.append(b"\r\n")
    return b"".join(lines)
