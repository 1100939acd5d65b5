"""Socket.IO packets as Engine.IO messages, by python-socketio's and python-engineio's own classes."""

from typing import Any, NamedTuple

from engineio import packet as eio_packet
from socketio import packet

from .bodies import Body, write_json

Encoded = list[eio_packet.Packet]
"""A Socket.IO packet: one Engine.IO message, and another one for each attachment."""

ROOT = "/"


class _Json:
    """What a packet writes its data with."""

    @staticmethod
    def dumps(data: Any, **_form: Any) -> str:
        """Return the data as JSON that every client can read."""
        return write_json(data)


class DecodedEvent(NamedTuple):
    """An event without attachments: its ack id, None if it wants no ack, its name and arguments."""

    ack: int | None
    data: list[Any]
    namespace: str = ROOT


class LibraryCodec:
    """Encodes and decodes every packet as the libraries do."""

    def decode_event(self, _text: str) -> DecodedEvent | None:
        """Return an event, or None for what `decode` has to decode."""
        return None

    def decode(self, text: str) -> packet.Packet:
        """Return a packet, which may lack its attachments yet; raise anything if it is malformed."""
        return packet.Packet(encoded_packet=text)

    def encode_connect(self, data: dict[str, str], namespace: str = ROOT) -> Encoded:
        """Encode the answer to a client that has connected to a namespace."""
        return self.encode(packet.Packet(packet.CONNECT, data=data, namespace=namespace))

    def encode_event(self, name: str, *arguments: Any, namespace: str = ROOT) -> Encoded:
        """Encode an event."""
        data = [name, *arguments]
        return self.encode(packet.Packet(packet.EVENT, data=data, namespace=namespace))

    def encode_ack(self, number: int, answer: Any, namespace: str = ROOT) -> Encoded:
        """Encode an ack: with several arguments if it is a tuple, with none if it is None."""
        data = ack_arguments(answer)
        return self.encode(packet.Packet(packet.ACK, data=data, id=number, namespace=namespace))

    def encode_body(self, body: Body, namespace: str, number: int | None = None) -> Encoded:
        """Encode an event whose name and arguments are written already; a number asks for an ack."""
        parts = body.attachments
        head = f"{packet.BINARY_EVENT}{len(parts)}-" if parts else f"{packet.EVENT}"
        where = "" if namespace == ROOT else f"{namespace},"
        asked = "" if number is None else number
        return _messages(f"{head}{where}{asked}{body.text}", *parts)

    def encode_with_offset(self, body: Body, namespace: str, offset: str) -> Encoded:
        """Encode an event with an offset, written as JSON, as one more last argument."""
        text = f"{body.text[:-1]},{offset}]"
        if body.attachments:
            return self.encode_body(Body(text, body.attachments), namespace)
        head = "2" if namespace == ROOT else f"2{namespace},"
        return [eio_packet.Packet(eio_packet.MESSAGE, head + text)]

    def encode(self, pkt: packet.Packet) -> Encoded:
        """Encode any packet."""
        pkt.json = _Json
        encoded = pkt.encode()
        return _messages(*(encoded if isinstance(encoded, list) else [encoded]))


def ack_arguments(answer: Any) -> list[Any]:
    """Return the arguments of an ack: several if it is a tuple, none if it is None."""
    if isinstance(answer, tuple):
        return list(answer)
    return [] if answer is None else [answer]


def _messages(*parts: str | bytes) -> Encoded:
    return [eio_packet.Packet(eio_packet.MESSAGE, part) for part in parts]
