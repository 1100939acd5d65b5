"""Fast path: the packets that make up nearly all traffic, without python-socketio's general form.

That form (https://socket.io/docs/v4/socket-io-protocol/) is type, attachments, namespace, id, JSON.
A connect is answered with `0{"sid": id}`; an event is `2<id>[name, argument, ...]`, and its ack
`3<id>[answer]`; outside the root namespace `<namespace>,` stands before the id. All else is left to the
library.
"""

from typing import Any

import orjson
from socketio import packet

from .codec import ROOT, DecodedEvent, Encoded, LibraryCodec, ack_arguments
from .engineio.payload import TextMessage

_PLAIN_CONNECT = "0"
"""To the root namespace, without `auth`."""
_CONNECT = packet.Packet(packet.CONNECT)

_MAX_ID_DIGITS = 15
_MAX_NAMESPACE = 100

_new = tuple.__new__
"""A named tuple's own is a function in Python."""

_LONG_DIGITS = 19
_AS_ZEROS = bytes(ord("0") if chr(byte).isdecimal() else byte for byte in range(128)) + bytes(128)
_LONG_INTEGER = b"0" * _LONG_DIGITS
"""orjson reads integers beyond 64 bits as floats. A regular expression would take longer than orjson."""


class FastCodec(LibraryCodec):
    """Encodes and decodes plain packets with orjson, and the others as the library does."""

    def decode_event(self, text: str) -> DecodedEvent | None:
        """Return an event, or None for what is not plainly one."""
        begin, namespace, number = 1, ROOT, None
        if text.startswith("/", 1):
            comma = text.find(",", 1, _MAX_NAMESPACE)
            if comma < 0 or "?" in (namespace := text[1:comma]):
                return None
            begin = comma + 1
        start = text.find("[", begin, begin + _MAX_ID_DIGITS + 1)
        if start < 0 or text[0] != "2":
            return None
        if start > begin:
            digits = text[begin:start]
            if not (digits.isdecimal() and digits.isascii()):
                return None
            number = int(digits)
        if len(text) > start + _LONG_DIGITS and _LONG_INTEGER in text.encode(
            errors="replace"
        ).translate(_AS_ZEROS):
            return None
        try:
            data = orjson.loads(text[start:])
        except orjson.JSONDecodeError:
            return None
        return _new(DecodedEvent, (number, data, namespace))

    def decode(self, text: str) -> packet.Packet:
        """Return a packet, which may lack its attachments yet; raise anything if it is malformed."""
        return _CONNECT if text == _PLAIN_CONNECT else super().decode(text)

    def encode_connect(self, data: dict[str, str], namespace: str = ROOT) -> Encoded:
        """Encode the answer to a client that has connected to a namespace."""
        head = "0" if namespace == ROOT else f"0{namespace},"
        return [TextMessage(head + orjson.dumps(data).decode())]

    def encode_event(self, name: str, *arguments: Any, namespace: str = ROOT) -> Encoded:
        """Encode an event."""
        head = "2" if namespace == ROOT else f"2{namespace},"
        written = _encode(head, [name, *arguments])
        return written or super().encode_event(name, *arguments, namespace=namespace)

    def encode_ack(self, number: int, answer: Any, namespace: str = ROOT) -> Encoded:
        """Encode an ack: with several arguments if it is a tuple, with none if it is None."""
        head = f"3{number}" if namespace == ROOT else f"3{namespace},{number}"
        written = _encode(head, ack_arguments(answer))
        return written or super().encode_ack(number, answer, namespace)


def _encode(head: str, data: list[Any]) -> Encoded | None:
    """Return a packet, or None if its data are no plain JSON."""
    try:
        text = orjson.dumps(data).decode()
    except TypeError:
        return None
    return [TextMessage(head + text)]
