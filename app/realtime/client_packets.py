"""What clients may send: any other packet closes its connection."""

from typing import Any

from socketio import packet

from ..asgi.limits import ATTACHMENTS
from .emitter import RESERVED


def is_event(data: Any) -> bool:
    """Return True if data are those of an event that a client may emit."""
    if type(data) is not list or not data:
        return False
    name = data[0]
    if type(name) is str:
        return name not in RESERVED
    return isinstance(name, int | float) and not isinstance(name, bool)


def name_of_number(number: Any) -> str:
    """Return the event's name that JavaScript makes of a number: there 1 and "1" are one event."""
    if isinstance(number, float) and number.is_integer():
        return str(int(number))
    return str(number)


def check_packet(pkt: packet.Packet) -> None:
    """Raise ValueError for a packet that the library would fail on."""
    data = pkt.data
    match pkt.packet_type:
        case packet.CONNECT:
            fits = data is None or isinstance(data, dict)
        case packet.DISCONNECT:
            fits = data is None
        case packet.EVENT | packet.BINARY_EVENT:
            fits = is_event(data)
        case packet.ACK | packet.BINARY_ACK:
            fits = isinstance(data, list)
        case _:
            fits = False
    if not fits:
        raise ValueError("a packet that clients do not send")
    if pkt.attachment_count > ATTACHMENTS:
        raise ValueError("too many attachments")
    if pkt.attachment_count and pkt.packet_type not in (packet.BINARY_EVENT, packet.BINARY_ACK):
        raise ValueError("attachments on a packet that has none")
