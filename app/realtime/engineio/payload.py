"""Frames and polling payloads, as Engine.IO packets.

https://socket.io/docs/v4/engine-io-protocol/
"""

from collections.abc import Iterable, Iterator

from engineio import packet

SEPARATOR = "\x1e"

MAX_PAYLOAD_PACKETS = 10_000
"""The JavaScript client puts all that it has queued into one payload, up to maxPayload bytes."""

MALFORMED = (ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError)
"""What python-engineio and python-socketio raise for input that no client should send."""


class PacketError(ValueError):
    """A client sent what is no packet, or a packet that only servers send."""


class TextMessage(packet.Packet):  # type: ignore[misc] # the library has no types
    """A message of text, encoded when it is made; it may be sent to thousands."""

    packet_type = packet.MESSAGE
    binary = False

    def __init__(self, text: str) -> None:
        self.data = text
        self.encode_cache = "4" + text


def decode_frame(frame: str | bytes) -> packet.Packet:
    """Return the packet in a WebSocket frame; raise PacketError for a malformed one."""
    try:
        return packet.Packet(encoded_packet=frame)
    except MALFORMED as error:
        raise PacketError(f"malformed packet ({type(error).__name__})") from error


def decode_payload(body: bytes) -> Iterator[packet.Packet]:
    """Yield the packets in a POST's body; raise PacketError at the first that is malformed."""
    try:
        text = body.decode()
    except UnicodeDecodeError as error:
        raise PacketError("the payload is not UTF-8") from error
    frames = text.split(SEPARATOR) if text else []
    if len(frames) > MAX_PAYLOAD_PACKETS:
        raise PacketError("the payload has too many packets")
    yield from map(decode_frame, frames)


def encode_payload(packets: Iterable[packet.Packet]) -> bytes:
    """Return the body of a poll's answer."""
    return SEPARATOR.join(map(_as_text, packets)).encode()


def size_of(pkt: packet.Packet) -> int:
    """Estimate the bytes that a queued packet occupies: its data, and the objects around it."""
    return 100 + (len(pkt.data) if isinstance(pkt.data, (str, bytes)) else 0)


def _as_text(pkt: packet.Packet) -> str:
    if pkt.binary:
        # A packet keeps its first encoding, and this one may also be sent to WebSockets.
        pkt = packet.Packet(packet.MESSAGE, pkt.data)
    text: str = pkt.encode(b64=True)
    return text
