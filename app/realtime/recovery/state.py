"""What a socket is, as it is stored for its return."""

from collections.abc import Sequence
from typing import NamedTuple, Self

import orjson

from .position import Position

MAX_SEGMENTS = 8
"""How often a client may come back to another node without having received a single event."""


class Segment(NamedTuple):
    """A part of what a socket was sent, all by one node.

    Attributes:
        number: counts the segments of a socket.
        start: what came later belongs to it.
        end: what came later does not; None while it goes on.
    """

    number: int
    start: Position
    end: Position | None


class Joined(NamedTuple):
    """When a socket has joined a room: what was sent to it before is not the socket's.

    Attributes:
        segment: the number of the segment.
        position: the position then.
    """

    segment: int
    position: Position


class SocketState(NamedTuple):
    """A socket of a namespace with recovery.

    Attributes:
        sid: its id.
        namespace: the namespace.
        user: what an index calls its user, None if nobody is signed in.
        segments: what it was sent, in order; the last one is that of its node.
        rooms: of the application, that it is in.
    """

    sid: str
    namespace: str
    user: str | None
    segments: Sequence[Segment]
    rooms: dict[str, Joined]

    @property
    def node(self) -> str:
        """The node that it is, or was, connected to."""
        return self.segments[-1].start.node

    def write(self) -> bytes:
        """Return it as JSON."""
        return orjson.dumps(
            {
                "sid": self.sid,
                "namespace": self.namespace,
                "user": self.user,
                "segments": [
                    [number, str(start), None if end is None else str(end)]
                    for number, start, end in self.segments
                ],
                "rooms": {
                    room: [joined.segment, str(joined.position)]
                    for room, joined in self.rooms.items()
                },
            }
        )

    @classmethod
    def read(cls, written: bytes) -> Self:
        """Return what was written; raise ValueError if it is nothing of the kind."""
        try:
            found = orjson.loads(written)
            return cls(
                found["sid"],
                found["namespace"],
                found["user"],
                [
                    Segment(number, _position(start), None if end is None else _position(end))
                    for number, start, end in found["segments"]
                ],
                {
                    room: Joined(number, _position(position))
                    for room, (number, position) in found["rooms"].items()
                },
            )
        except (KeyError, TypeError) as error:
            raise ValueError("no state of a socket") from error

    def missed(self, offset: object) -> list[Segment] | None:
        """Return what a client has not received, None if the offset is not of this socket.

        Args:
            offset: of the last event that it has received; None if it has received none.
        """
        if offset is None:
            return list(self.segments) if self.segments[0].number == 0 else None
        position = Position.parse(offset)
        if position is None:
            return None
        for index in reversed(range(len(self.segments))):
            number, start, end = self.segments[index]
            if position.reaches(start) and (end is None or end.reaches(position)):
                later = list(self.segments[index + 1 :])
                return later if position == end else [Segment(number, position, end), *later]
        return None


def write_entry(token: bytes, state: SocketState) -> bytes:
    """Return what is stored of a socket: the token of who may write it, and its state."""
    return token + b"|" + state.write()


def read_entry(entry: bytes) -> SocketState:
    """Return the state in an entry; raise ValueError if there is none."""
    return SocketState.read(entry.partition(b"|")[2])


def node_of(entry: bytes) -> str | None:
    """Return the node of the socket of an entry, None if it is no entry."""
    try:
        return read_entry(entry).node
    except ValueError:
        return None


def _position(text: object) -> Position:
    found = Position.parse(text)
    if found is None:
        raise ValueError("no position")
    return found
