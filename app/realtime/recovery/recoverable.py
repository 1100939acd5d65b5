"""What a node keeps of a connected socket of a namespace with recovery, and of a disconnected one."""

from dataclasses import dataclass
from typing import NamedTuple

from ..session_sockets import Member
from .log import Identity
from .position import Position
from .state import Joined, Segment, SocketState, write_entry


class Move(NamedTuple):
    """A change of rooms while a socket comes back.

    Attributes:
        identity: of the message that has asked for it, None if it was a handler.
        room: the room.
        joined: the position when it has joined it, None if it has left it.
    """

    identity: Identity | None
    room: str
    joined: Position | None


class Recoverable:
    """A connected socket.

    Attributes:
        pid: its private id, which only its client knows.
        token: begins its entry in the store while this connection is the one that writes it.
        segments: what it was sent; the last one is that of this node.
        rooms: what is to be given back to it, while it is coming back; else its member has them.
        recovered: its client has come back, and gets what it has missed.
        refused: its connect is refused, so that it cannot come back again.
        stored: its entry is in the store, so that it can come back.
        missed: what it has to be sent, while it is coming back.
        moves: changes of its rooms meanwhile.
    """

    __slots__ = (
        "missed",
        "moves",
        "pid",
        "recovered",
        "refused",
        "rooms",
        "segments",
        "stored",
        "token",
    )

    def __init__(self, pid: str, token: bytes, segments: list[Segment]) -> None:
        self.pid = pid
        self.token = token
        self.segments = segments
        self.rooms: dict[str, Joined] | None = None
        self.recovered = False
        self.refused = False
        self.stored = False
        self.missed: SocketState | None = None
        self.moves: list[Move] | None = None

    @property
    def answer(self) -> dict[str, str]:
        """What the answer to its CONNECT has for it."""
        return {"pid": self.pid} if self.stored else {}

    def move(
        self, member: Member, identity: Identity | None, room: str, position: Position | None
    ) -> None:
        """Note that its member has joined a room at a position, or has left it."""
        if self.moves is not None and identity is not None:
            self.moves.append(Move(identity, room, position))
            return
        rooms = member.rooms if self.rooms is None else self.rooms
        if rooms is None:
            return
        if position is None:
            rooms.pop(room, None)
        elif rooms.get(room) is None:
            rooms[room] = Joined(self.segments[-1].number, position)

    def entry(self, member: Member) -> bytes:
        """Return what is stored of it."""
        rooms = {room: joined for room, joined in (member.rooms or {}).items() if joined}
        state = SocketState(member.sid, member.namespace, member.user, self.segments, rooms)
        return write_entry(self.token, state)


@dataclass(eq=False, slots=True)
class Disconnected:
    """A socket whose connection was lost.

    Attributes:
        sid: its id.
        namespace: its namespace.
        key: of its session.
        recoverable: what it was.
        addresses: what it is to get the messages of.
    """

    sid: str
    namespace: str
    key: str
    recoverable: Recoverable
    addresses: set[str]
