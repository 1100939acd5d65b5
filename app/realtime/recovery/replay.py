"""Puts what a client has missed before what it is sent now: each message once, and in order."""

import asyncio
from collections.abc import Iterable

import orjson

from ...sessions import Record
from ..bodies import Body
from ..bus.base import START
from ..codec import Encoded
from ..rooms import room_key
from ..session_sockets import Member
from .held import HeldForReplay
from .missed import Missed, collect
from .parts import Parts, client_of, key_of
from .position import Position
from .recoverable import Recoverable
from .state import MAX_SEGMENTS, Joined, Segment, SocketState


class RecoveryFailedError(Exception):
    """A recovery has begun, and cannot be finished: the client is to come back once more."""


class Replay:
    """The replay to one socket that has loaded its session, and holds what it is sent.

    All that is sent to it from here on stands in two logs, that of its last node and that of this one.
    One reading of the ends of both says what is to be read from which.

    Args:
        parts: of the node.
        member: the socket.
        state: what it was.
    """

    def __init__(self, parts: Parts, member: Member, state: SocketState) -> None:
        self._parts = parts
        self._member = member
        self._recoverable: Recoverable = member.recovery
        self._state = state

    async def run(self, record: Record) -> int:
        """Replay, and return how many messages that were.

        Raises:
            RecoveryFailedError: what was there before is not there any more.
            LogLostError: likewise.
            BusUnavailableError: there was no reply.
        """
        await self._join(self._recoverable.rooms or ())
        await self._parts.relay.flush()
        segments, missed, floor = await self._read()
        if floor.stream != START:
            await self._parts.relay.reach(floor.stream)
        is_gone = self._parts.registry.member(self._member.sid) is not self._member
        if is_gone or missed.is_disconnected or missed.is_too_much:
            raise RecoveryFailedError
        self._take_moves(missed)
        self._settle(segments, missed, floor, record)
        return len(missed.events)

    async def _read(self) -> tuple[list[Segment], Missed, Position]:
        """Return what was missed up to one moment, when this node gets all that the socket is sent."""
        store, state = self._parts.store, self._state
        while True:
            end, floor = await store.snapshot(state.node, self._parts.relay.node)
            segments = [*state.segments[:-1], state.segments[-1]._replace(end=end)]
            for segment in segments:
                await store.log(segment.start.node).read(segment.start)
            rooms = self._recoverable.rooms or {}
            missed = collect(store, client_of(self._member), segments, rooms)
            if missed.rooms.keys() <= set(self._member.rooms or ()):
                break
            await self._join(missed.rooms)
        for segment in segments:
            await store.log(segment.start.node).check()
        return segments, missed, floor

    async def _join(self, rooms: Iterable[str]) -> None:
        """Join rooms here; return when what is sent to them reaches this node."""
        names, member = list(rooms), self._member
        for room in names:
            if self._parts.registry.member(member.sid) is member:
                self._parts.messenger.rooms.join(member, room)
        keys = [room_key(member.namespace, room) for room in names]
        await asyncio.gather(*map(self._parts.presence.settle, keys))

    def _take_moves(self, missed: Missed) -> None:
        """Apply what has happened to its rooms meanwhile, and have it in those that it is in by all that."""
        number = self._recoverable.segments[-1].number
        for move in self._recoverable.moves or ():
            if move.identity is not None and missed.has(move.identity):
                continue
            if move.joined is None:
                missed.rooms.pop(move.room, None)
            else:
                missed.rooms.setdefault(move.room, Joined(number, move.joined))
        rooms = self._parts.messenger.rooms
        for room in [*(self._member.rooms or ())]:
            if room not in missed.rooms:
                rooms.leave(self._member, room)
        for room in missed.rooms:
            rooms.join(self._member, room)
        self._member.rooms = missed.rooms  # the same ones

    def _settle(
        self, segments: list[Segment], missed: Missed, floor: Position, record: Record
    ) -> None:
        ended, packets = self._encode_all(segments, missed)
        held: HeldForReplay = self._member.held  # type: ignore[assignment] # as the recovery began
        is_whole = held.settle(packets, missed.has, missed.rooms, floor, self._encode)
        held += self._state_of_session(record)
        last = ended[-1]
        if not is_whole:
            ended = [Segment(last.number + 1, self._parts.messenger.position, None)]
        elif last.start.node == floor.node:
            ended[-1] = last._replace(end=None)
        else:
            ended.append(Segment(last.number + 1, floor, None))
        recoverable = self._recoverable
        recoverable.segments = ended if len(ended) <= MAX_SEGMENTS else ended[-1:]
        recoverable.rooms = recoverable.missed = recoverable.moves = None
        self._parts.messenger.coming_back.discard(self._member)

    def _encode_all(
        self, segments: list[Segment], missed: Missed
    ) -> tuple[list[Segment], list[Encoded]]:
        """Return the segments with the last position of each, and the packets of what was missed."""
        positions = [segment.start for segment in segments]
        packets: list[Encoded] = []
        for index, logged, event in missed.events:
            positions[index] = logged.after(positions[index])
            packets.append(self._encode(event.content, positions[index]))
        ended = [
            segment._replace(end=position)
            for segment, position in zip(segments, positions, strict=True)
        ]
        return ended, packets

    def _encode(self, body: Body, position: Position) -> Encoded:
        offset = orjson.dumps(str(position)).decode()
        return self._parts.sender.codec.encode_with_offset(body, self._member.namespace, offset)

    def _state_of_session(self, record: Record) -> list[Encoded]:
        """Return the newest values of the session's state: those that were missed are in no log.

        They follow what was published meanwhile: a record may be newer than that, and is never older than
        what it is taken for.
        """
        namespace, key = self._member.namespace, key_of(self._member)
        sockets = self._member.connection.session_sockets
        newest = sockets.record or record
        codec = self._parts.sender.codec
        found = []
        for name, value in self._parts.state_sync.values(newest, namespace, key):
            last = sockets.last_sent(name)
            is_newer = last is not None and last.received and last.version > newest.version
            latest = last.value if last is not None and is_newer else value
            found.append(codec.encode_event(name, latest, namespace=namespace))
        return found
