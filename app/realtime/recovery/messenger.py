"""Sends to sockets of namespaces with recovery: each message has an offset, and stands in a log."""

from collections.abc import Awaitable, Callable, Iterable
from typing import Any

import orjson

from ..addresses import address_of
from ..bodies import Body
from ..bus.base import OWN_LOG, Offset
from ..bus.messages import DisconnectMessage, EventMessage, MembershipMessage, Message
from ..bus.relay import BusRelay
from ..codec import Encoded
from ..events import EventRouter
from ..messenger import Messenger
from ..registry import SocketRegistry
from ..rooms import room_key
from ..sender import PacketSender
from ..session_sockets import Member
from ..targets import Target
from .held import Sending
from .log import Identity, NumberedDisconnect, NumberedEvent, NumberedMembership
from .position import Position
from .recoverable import Disconnected, Recoverable
from .retention import RetainingPresence
from .store import RecoveryStore

_NOTHING_RECEIVED = (Offset(0, 0), 0)


class RecoveringMessenger(Messenger):
    """A Messenger of a node that has namespaces with recovery.

    What it sends itself is delivered here at once, as without recovery. It is numbered, and where a socket
    here, connected or not, may have to get it again the bus logs it. What other nodes send stands in
    the log that this node reads.

    Args:
        router: what is declared, by namespace.
        registry: the sockets of this node.
        sender: sends to them.
        relay: this node's end of the bus.
        presence: numbers of sockets over all nodes.
        store: logs what the bus does not.
    """

    def __init__(
        self,
        router: EventRouter,
        registry: SocketRegistry,
        sender: PacketSender,
        relay: BusRelay,
        presence: RetainingPresence,
        store: RecoveryStore,
    ) -> None:
        super().__init__(router, registry, sender, relay, presence)
        self._recovering = frozenset(each.name for each in router if each.recovery)
        self._retaining = presence
        self._store = store
        self._logs = store.logs_received
        self._number = 0
        self._before = f"{orjson.dumps(relay.node)[:-1].decode()}."
        self._behind = ""
        self._stamped: tuple[Offset, int] | None = _NOTHING_RECEIVED
        self._stamp()
        self._sending: Sending | None = None
        self._identity: Identity | None = None
        self._moved: list[Member] = []
        self.coming_back: set[Member] = set()
        """Sockets whose client has come back, and which are not connected yet."""
        self.moved: Callable[[Recoverable, Member], Awaitable[None]] = _ignore
        """Awaited when a socket has joined or left a room: returns when that is stored."""
        self.lost: Callable[[Member], None]
        """Called with a socket whose connection has ended."""
        self.dropped: Callable[[Member, Recoverable], None]
        """Called with a socket that is not to come back."""

    def recovers(self, namespace: str) -> bool:
        """Return whether sockets of a namespace are recovered."""
        return namespace in self._recovering

    def sending(self) -> Sending | None:
        """Return what is being sent to sockets of this node, None for what has no offset."""
        return self._sending

    @property
    def position(self) -> Position:
        """What has been delivered here so far."""
        return Position(
            self._relay.node, self._number, *(self._relay.position or _NOTHING_RECEIVED)
        )

    def left(self, member: Member) -> None:
        if member.recovery is not None:
            self.lost(member)

    def log_on(self) -> None:
        """Log a message for nobody, in a log that may have begun anew: it says how far the numbers have come.

        Where a log does not reach to what a client has, something is lost: without this nobody who connects
        now would be recovered before the next message is logged.
        """
        if not self._number or self._logs:
            return
        self._number += 1
        message = NumberedEvent(
            space="socket", name="", namespace="/", body=["[]"], number=self._number
        )
        self._relay.send(message, OWN_LOG, logged=True)

    def close_elsewhere(self, member: Member) -> None:
        """Ask the node that a socket was on to close its connection, whose loss it may not have noticed."""
        message = DisconnectMessage(
            space="socket", name=member.sid, namespace=member.namespace, reconnect=True
        )
        self._relay.send(message, _also_to(member))

    def forget(self, member: Member) -> None:
        super().forget(member)
        self.coming_back.discard(member)
        recoverable, member.recovery = member.recovery, None
        if recoverable is not None:
            self.dropped(member, recoverable)

    async def join_here(self, member: Member, room: str) -> None:
        position = self.position
        await super().join_here(member, room)
        if member.recovery is not None and room in (member.rooms or ()):
            await self._note_move(member, room, position)

    async def leave_here(self, member: Member, room: str) -> None:
        await super().leave_here(member, room)
        if member.recovery is not None:
            await self._note_move(member, room, None)

    async def disconnect(self, to: Target, *, reconnect: bool, namespace: str | None) -> None:
        if reconnect:  # the clients come back, and so may disconnected ones
            await super().disconnect(to, reconnect=reconnect, namespace=namespace)
            return
        namespace = self._namespace_to_leave(to, namespace)
        members = self._members_anywhere(to, namespace)
        await self._disconnect_here(to, namespace, reconnect)
        address = address_of(to, namespace)
        message = NumberedDisconnect(
            space=to.space,
            name=to.name,
            namespace=namespace,
            reconnect=reconnect,
            number=self._log_number(address, here=False),
        )
        if to.space == "socket" and members:
            self._relay.send(message, _also_to(members[0]))
        else:
            await self._log_and_send(message, address, message.number)

    async def receive(self, message: Message) -> None:
        entry = self._relay.current
        if entry is not None:
            self._identity = (entry.node_id, False, entry.sequence)
        try:
            if self._logs and self._is_loggable(message):
                self._log_received(message)
                self._identity = (self._relay.node, True, self._number)  # as the log knows it
            await super().receive(message)
            if isinstance(message, MembershipMessage):
                if message.joins:
                    key = room_key(message.namespace, message.room)
                    to = Target(message.space, message.name)
                    self._join_disconnected(to, message.namespace, key)
                # Before anything else is delivered: so the offset of what follows is proof of it.
                await self._store_moves()
        finally:
            self._identity = self._sending = None

    async def _emit(
        self,
        to: Target,
        namespace: str,
        body: Body,
        skip_sid: str | None,
        *,
        volatile: bool,
        wait: bool,
        traceparent: str | None,
    ) -> None:
        here = self._members(to, namespace)
        if to.space == "socket" and here:
            namespace = here[0].namespace
        if namespace not in self._recovering:
            await super()._emit(
                to, namespace, body, skip_sid, volatile=volatile, wait=wait, traceparent=traceparent
            )
            return
        number = None if volatile else self._number_of(to, namespace, here)
        if self.coming_back:
            self._identity = None if number is None else (self._relay.node, True, number)
            self._note_sending(to, body)
            self._send_here(here, body, skip_sid, volatile=volatile)
            self._sending = self._identity = None
        else:
            self._send_here(here, body, skip_sid, volatile=volatile)
        if number is not None and self._logs:
            self._store.append_event(number, to, namespace, body, skip_sid)
        if self._relay.alone:
            return
        message = NumberedEvent(
            space=to.space,
            name=to.name,
            namespace=namespace,
            body=body.on_the_bus(),
            skip=skip_sid,
            volatile=volatile,
            traceparent=traceparent,
            number=number,
        )
        if to.space != "socket" or not here:
            address = address_of(to, namespace)
            await self._publisher.send(message, address, wait=wait, logged=number is not None)
        elif number is not None:
            self._relay.send(message, _also_to(here[0]), logged=True)

    def _number_of(self, to: Target, namespace: str, here: list[Member]) -> int | None:
        """Return the number of an event, None if no socket of this node is ever to get it again."""
        if not here:
            return self._log_number(address_of(to, namespace), here=False)
        if to.space == "socket" and here[0] in self.coming_back:
            return None  # its connect handlers send it anew
        self._number += 1
        return self._number

    def _log_number(self, address: str, *, here: bool) -> int | None:
        """Return the next number if a socket of this node may have to get a message again."""
        if not (here or address in self._retaining):
            return None
        self._number += 1
        return self._number

    async def _log_and_send(
        self,
        message: NumberedMembership | NumberedDisconnect,
        address: str,
        number: int | None,
        joins: str | None = None,
    ) -> None:
        if number is not None:
            self._store.append(number, message)
        if not self._relay.alone:
            await self._publisher.send(
                message, address, joins, wait=True, logged=number is not None
            )

    def _members(self, to: Target, namespace: str) -> list[Member]:
        found = super()._members(to, namespace)
        if self.coming_back and to.space == "all":
            found += [
                each
                for each in self.coming_back
                if each.namespace == namespace and not each.connected
            ]
        return found

    def _send_here(
        self, members: Iterable[Member], body: Body, skip_sid: str | None, *, volatile: bool
    ) -> None:
        encoded: Encoded | None = None
        for member in members:  # all of one namespace
            if encoded is None:
                if member.namespace not in self._recovering:
                    super()._send_here(members, body, skip_sid, volatile=volatile)
                    return
                encoded = self._sender.codec.encode_with_offset(
                    body, member.namespace, self._offset()
                )
            if member.sid != skip_sid:
                self._sender.deliver(member, encoded, volatile=volatile)

    def _offset(self) -> str:
        """Return the offset of what is being sent, as JSON."""
        if self._relay.position is not self._stamped:
            self._stamp()
        return f"{self._before}{self._number}{self._behind}"

    def _stamp(self) -> None:
        """Write what all offsets have in common until the next message of another node arrives."""
        self._stamped = self._relay.position
        (ms, number, _), nth = self._stamped or _NOTHING_RECEIVED
        self._behind = f'.{ms}-{number}.{nth}"'

    def _receive_event(self, message: Any) -> None:
        if self.coming_back and isinstance(message, EventMessage):
            self._note_sending(Target(message.space, message.name), Body.from_the_bus(message.body))
        super()._receive_event(message)

    def _note_sending(self, to: Target, body: Body) -> None:
        room = to.name if to.space == "room" else None
        self._sending = Sending(self._identity, room, body, self.position)

    def _is_loggable(self, message: Message) -> bool:
        match message:
            case EventMessage():
                return not message.volatile and (
                    message.space == "socket" or message.namespace in self._recovering
                )
            case MembershipMessage():
                return message.namespace in self._recovering
            case DisconnectMessage():
                return not message.reconnect
        return False

    def _log_received(self, message: Message) -> None:
        self._number += 1
        kind: Any = NumberedEvent
        if isinstance(message, MembershipMessage):
            kind = NumberedMembership
        elif isinstance(message, DisconnectMessage):
            kind = NumberedDisconnect
        numbered = kind.model_construct(**message.__dict__, number=self._number)
        self._store.append(self._number, numbered)

    async def _move(self, to: Target, room: str, namespace: str, *, joins: bool) -> None:
        if namespace not in self._recovering:
            await super()._move(to, room, namespace, joins=joins)
            return
        if not isinstance(room, str):
            raise TypeError(f"the name of a room is a string, not {room!r}")
        address = address_of(to, namespace)
        here = self._members(to, namespace)
        number = self._log_number(address, here=bool(here))
        message = NumberedMembership(
            space=to.space,
            name=to.name,
            namespace=namespace,
            room=room,
            joins=joins,
            number=number,
        )
        self._identity = None if number is None else (self._relay.node, True, number)
        self._move_here(to, room, namespace, joins=joins)
        self._identity = None
        key = room_key(namespace, room)
        if joins:
            self._join_disconnected(to, namespace, key)
            await self._presence.settle(key)
        await self._store_moves()
        if to.space == "socket" and here:
            if number is not None:
                self._store.append(number, message)
                self._relay.send(message, _also_to(here[0]), key if joins else None, logged=True)
            return
        await self._log_and_send(message, address, number, key if joins else None)

    def _move_here(self, to: Target, room: str, namespace: str, *, joins: bool) -> bool:
        members = self._members(to, namespace)
        position = self.position
        super()._move_here(to, room, namespace, joins=joins)
        for member in members:
            if member.recovery is not None:
                member.recovery.move(member, self._identity, room, position if joins else None)
                self._moved.append(member)
        return bool(members)

    async def _store_moves(self) -> None:
        """Return when the rooms of the sockets that have moved are stored."""
        moved, self._moved = self._moved, []
        for member in moved:
            if member.recovery is not None:
                await self.moved(member.recovery, member)

    def _join_disconnected(self, to: Target, namespace: str, key: str) -> None:
        address = address_of(to, namespace)
        for disconnected in self._retaining.disconnected(address):
            if disconnected.namespace == namespace and _is_for(to, disconnected):
                self._retaining.retain_also(disconnected, key)

    async def _note_move(self, member: Member, room: str, joined: Position | None) -> None:
        recoverable: Recoverable = member.recovery
        recoverable.move(member, None, room, joined)
        await self.moved(recoverable, member)


def _is_for(to: Target, disconnected: Disconnected) -> bool:
    return to.space != "socket" or to.name == disconnected.sid


def _also_to(member: Member) -> str:
    """Return where what is sent to a socket of this node goes besides: to other nodes of its session.

    Its client may have come back to one of them, and this node not have noticed that its link is lost.
    """
    return member.connection.session_sockets.key


async def _ignore(_recoverable: Recoverable, _member: Member) -> None:
    return
