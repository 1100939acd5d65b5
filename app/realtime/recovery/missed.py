"""What a client has missed, out of the logs of the nodes that it was on."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from .log import (
    Identity,
    Logged,
    NodeLog,
    NumberedDisconnect,
    NumberedEvent,
    NumberedMembership,
    TargetKey,
)
from .position import Position
from .state import Joined, Segment
from .store import RecoveryStore

MAX_MESSAGES = 1_000
MAX_BYTES = 1_000_000


class Client(NamedTuple):
    """Whose messages they are.

    Attributes:
        sid: the id of the socket.
        key: of its session.
        user: what an index calls its user.
        namespace: the namespace.
    """

    sid: str
    key: str
    user: str | None
    namespace: str

    def targets(self, rooms: Iterable[str]) -> list[TargetKey]:
        """Return what it gets the messages of, in some rooms."""
        found = [("session", self.key), ("socket", self.sid), ("all", "")]
        if self.user is not None:
            found.append(("user", self.user))
        return found + [("room", room) for room in rooms]


@dataclass
class Missed:
    """What a client has missed.

    Attributes:
        events: each with the index of its segment, in order.
        rooms: that it is in now.
        known: all messages that were found, sent to it or not.
        received: where the client had got to in each log that was read.
        is_disconnected: the server has disconnected it meanwhile.
    """

    events: list[tuple[int, Logged, NumberedEvent]] = field(default_factory=list)
    rooms: dict[str, Joined] = field(default_factory=dict)
    known: set[Identity] = field(default_factory=set)
    received: list[tuple[NodeLog, Position]] = field(default_factory=list)
    is_disconnected: bool = False

    def has(self, identity: Identity) -> bool:
        """Return True if a message was found, or was received before: by a node that got it earlier."""
        return identity in self.known or any(log.had(identity, at) for log, at in self.received)

    @property
    def is_too_much(self) -> bool:
        """Whether it is more than is kept for one socket."""
        if len(self.events) > MAX_MESSAGES:
            return True
        texts = (text for _, _, event in self.events for text in event.body)
        return sum(map(len, texts)) > MAX_BYTES


def collect(
    store: RecoveryStore, client: Client, segments: Sequence[Segment], rooms: dict[str, Joined]
) -> Missed:
    """Return what a client has missed of segments that were read.

    Args:
        store: has the logs.
        client: the client.
        segments: what it has not received.
        rooms: that it was in.
    """
    joined_any = set(rooms)
    while True:
        found = _collect(store, client, segments, rooms, joined_any)
        if found.rooms.keys() <= joined_any:
            return found
        joined_any |= found.rooms.keys()


def _collect(
    store: RecoveryStore,
    client: Client,
    segments: Sequence[Segment],
    rooms: dict[str, Joined],
    joined_any: set[str],
) -> Missed:
    missed = Missed(rooms=dict(rooms))
    targets = client.targets(joined_any)
    sent: list[tuple[int, Logged, NumberedEvent, Joined | None]] = []
    for index, segment in enumerate(segments):
        log = store.log(segment.start.node)
        missed.received.append((log, segment.start))
        for logged in log.select(targets, segment.start, segment.end):
            if any(map(missed.has, logged.identities)):
                continue
            missed.known.update(logged.identities)
            message = logged.message
            if isinstance(message, NumberedDisconnect):
                missed.is_disconnected |= message.namespace in (None, client.namespace)
            elif message.space != "socket" and message.namespace != client.namespace:
                continue
            elif isinstance(message, NumberedMembership):
                _move(missed.rooms, message, logged, segment)
            elif _is_for(client, message, logged, segment, missed.rooms):
                sent.append((index, logged, message, missed.rooms.get(message.name)))
    missed.events = [
        (index, logged, event)
        for index, logged, event, joined in sent
        if event.space != "room" or missed.rooms.get(event.name) is joined
    ]
    return missed


def _is_for(
    client: Client,
    message: NumberedEvent,
    logged: Logged,
    segment: Segment,
    rooms: dict[str, Joined],
) -> bool:
    if message.skip == client.sid:
        return False
    return message.space != "room" or _has_joined(rooms.get(message.name), logged, segment)


def _move(
    rooms: dict[str, Joined], message: NumberedMembership, logged: Logged, segment: Segment
) -> None:
    if message.space == "room" and not _has_joined(rooms.get(message.name), logged, segment):
        return
    if message.joins:
        position = logged.after(segment.start)
        rooms.setdefault(message.room, Joined(segment.number, position))
    else:
        rooms.pop(message.room, None)


def _has_joined(joined: Joined | None, logged: Logged, segment: Segment) -> bool:
    """Return True if a message was sent to a room after a socket had joined it."""
    if joined is None or joined.segment > segment.number:
        return False
    return joined.segment < segment.number or logged.follows(joined.position)
