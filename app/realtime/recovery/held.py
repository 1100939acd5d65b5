"""What a socket is sent while it comes back."""

from collections.abc import Callable, Collection, Iterable
from typing import Any, NamedTuple

from ..bodies import Body
from ..codec import Encoded
from .log import Identity
from .position import Position

Encode = Callable[[Body, Position], Encoded]


class Sending(NamedTuple):
    """The message that is being sent to the sockets of this node.

    Attributes:
        identity: what it is known by on other nodes, None if no log has it.
        room: the room of the application that it is for, None if it is for something else.
        body: its name and arguments.
        position: what is delivered here with it.
    """

    identity: Identity | None
    room: str | None
    body: Body
    position: Position


class HeldForReplay(list[Any]):
    """What a socket is sent while its messages are being read from a log, which may have the same.

    Args:
        sending: returns what is being sent, None for what has no offset.
    """

    def __init__(self, sending: Callable[[], Sending | None]) -> None:
        super().__init__()
        self._sending: Callable[[], Sending | None] | None = sending

    def append(self, encoded: Encoded) -> None:
        """Keep a packet."""
        super().append(encoded if self._sending is None else (self._sending(), encoded))

    def settle(
        self,
        replayed: Iterable[Encoded],
        has: Callable[[Identity], bool],
        rooms: Collection[str],
        floor: Position,
        encode: Encode,
    ) -> bool:
        """Put what was read from the log first, and drop what it has, or is for a room that was left.

        Args:
            replayed: what was read, as packets.
            has: returns whether a message was read, or received before.
            rooms: that the socket is in.
            floor: what the socket has received by all that, as this node counts.
            encode: encodes a message with the offset of a position.

        Returns:
            False if something is left that is within the floor, but was not read: a position above the floor
            alone proves that the client has received it.
        """
        items, self._sending = list(self), None
        self[:] = replayed
        is_within = True
        for sending, encoded in items:
            if sending is None:
                self.append(encoded)
            elif sending.identity is not None and has(sending.identity):
                continue
            elif sending.room is None or sending.room in rooms:
                is_within = is_within and _is_beyond(sending, floor)
                self.append(encode(sending.body, sending.position.or_later(floor)))
        return is_within


def _is_beyond(sending: Sending, floor: Position) -> bool:
    if sending.identity is None:  # it is sent again when the client comes back
        return True
    node, numbered, number = sending.identity
    if numbered and node == floor.node:
        return number > floor.own
    return sending.position.received > floor.received
