"""The packets that make up nearly all traffic, written and read without Socket.IO's general form.

That form is the library's (https://socket.io/docs/v4/socket-io-protocol/): type, attachments,
namespace, id, JSON. In the main namespace a connect is answered with `0{"sid": id}`; an event is
`2<id>[name, argument, ...]`, and its ack `3<id>[answer]`. What is anything else, or might be, is
left to the library.
"""

from typing import Any, NamedTuple

import orjson
from engineio import packet

_LONGEST_ID = 15


class PlainEvent(NamedTuple):
    """An event without attachments: the id under which it is to be acknowledged, and what it holds."""

    ack: int | None
    data: list[Any]


def read_event(text: str) -> PlainEvent | None:
    """Read an event; None for whatever is not plainly one."""
    start = text.find("[", 1, _LONGEST_ID + 2)
    digits = text[1:start]
    if start < 0 or text[0] != "2" or not ((digits.isdecimal() and digits.isascii()) or not digits):
        return None
    try:
        data = orjson.loads(text[start:])
    except orjson.JSONDecodeError:
        return None
    return PlainEvent(int(digits) if digits else None, data)


def connected(data: dict[str, str]) -> packet.Packet:
    """Write the answer to a client that asked for the main namespace: its id."""
    return packet.Packet(packet.MESSAGE, f"0{orjson.dumps(data).decode()}")


def event(name: str, argument: Any) -> packet.Packet | None:
    """Write an event with one argument; None if that is no plain JSON."""
    return _message("2", [name, argument])


def ack(number: int, answer: Any) -> packet.Packet | None:
    """Write an ack; None if the answer is no plain JSON."""
    return _message(f"3{number}", [] if answer is None else [answer])


def _message(head: str, data: list[Any]) -> packet.Packet | None:
    try:
        text = orjson.dumps(data).decode()
    except TypeError:
        return None
    return packet.Packet(packet.MESSAGE, head + text)
