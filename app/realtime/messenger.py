"""Sends to sockets on all nodes, moves them between rooms, counts and disconnects them."""

import asyncio
import logging
from collections.abc import AsyncIterable, Awaitable, Callable, Collection, Iterable
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import Any

from ..sessions import EndReason
from .addresses import address_of
from .bodies import Body, read_body, write_body
from .bus.base import EVERY_NODE
from .bus.messages import (
    CallMessage,
    DisconnectMessage,
    EmitMessage,
    EventMessage,
    MembershipMessage,
    Message,
    ReplyMessage,
    StreamMessage,
    write,
    write_state,
)
from .bus.relay import BusRelay
from .emitter import ack_of_call, check_event, check_room
from .events import EventRouter
from .local_calls import LocalCalls
from .metrics import emits_of
from .namespace_events import NamespaceEvents, refuse_for_offset
from .payloads import PLAIN_TYPES
from .presence import Presence
from .publisher import Publisher
from .registry import SocketRegistry
from .remote_calls import RemoteCalls
from .rooms import Rooms, room_key
from .sender import PacketSender
from .session_sockets import Member
from .streams.node import NodeStreams
from .targets import Target
from .tracing import tracing
from .user_sockets import UserSockets, user_key

logger = logging.getLogger(__name__)

Disconnect = Callable[[Member, bool], Awaitable[None]]


class Messenger:
    """The sockets of all nodes, as an Emitter reaches them.

    Args:
        router: what is declared, by namespace.
        registry: the sockets of this node.
        sender: sends to them.
        relay: this node's end of the bus.
        presence: numbers of sockets over all nodes.
    """

    def __init__(
        self,
        router: EventRouter,
        registry: SocketRegistry,
        sender: PacketSender,
        relay: BusRelay,
        presence: Presence,
    ) -> None:
        self._router = router
        self._namespaces_sending = router.sending
        self.registry = registry
        self._sender = sender
        self._relay = relay
        self._publisher = Publisher(relay)
        self._presence = presence
        self.rooms = Rooms(presence.publish_count)
        self.users = UserSockets(presence.publish_count)
        self.disconnect_member: Disconnect
        self.streams: NodeStreams | None = None
        """What is sent in streams; None if no event is one."""
        self.calls = LocalCalls(sender, relay)
        self.remote_calls = RemoteCalls(partial(self._publisher.send, to=EVERY_NODE, wait=True))
        self._noted: set[tuple[str, str]] = set()

    def publish(self, key: str, version: int, event: str, value: Any) -> None:
        """Send an event of state to the sockets of a session key, on all nodes."""
        name = "other"
        namespaces = self._namespaces_sending(event)
        for declared in namespaces:
            value = declared.dump_one(event, value)
            name = event if event in declared.sent else name
        if name == "other":
            check_event(event)  # `sends` has checked the others
        if isinstance(value, str):
            refuse_for_offset(event, namespaces)
        self._publish_here(key, version, event, value, namespaces)
        emits_of(name).inc()
        if not self._relay.alone:
            self._relay.send_written(_written_state(key, version, event, value), key)

    async def emit(
        self,
        to: Target,
        event: str,
        args: Iterable[Any],
        *,
        skip_sid: str | None,
        namespace: str,
        volatile: bool,
        wait: bool,
    ) -> None:
        """Send an event to sockets, on all nodes."""
        body = self._body(event, args, namespace)
        declared = self._declared(event, namespace)
        if declared == "other" and to.space != "socket":
            self._note_elsewhere(event, namespace)
        emits_of(declared).inc()
        with tracing.emit(event, namespace) as traceparent:
            await self._emit(
                to, namespace, body, skip_sid, volatile=volatile, wait=wait, traceparent=traceparent
            )

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
        self._send_here(here, body, skip_sid, volatile=volatile)
        if self._relay.alone or (to.space == "socket" and here):
            return
        message = EventMessage(
            space=to.space,
            name=to.name,
            namespace=namespace,
            body=body.on_the_bus(),
            skip=skip_sid,
            volatile=volatile,
            traceparent=traceparent,
        )
        await self._publisher.send(message, address_of(to, namespace), wait=wait)

    async def call(
        self,
        to: Target,
        event: str,
        args: Iterable[Any],
        *,
        namespace: str,
        timeout: float,  # noqa: ASYNC109 - a part of what is asked
    ) -> Any:
        """Send an event to one socket, and return its ack."""
        if to.space != "socket":
            raise TypeError("call() takes one socket: to=to_socket(sid)")
        body = self._body(event, args, namespace)
        async with asyncio.timeout(timeout):
            member = self.registry.member(to.name)
            if member is not None:
                answer = await self.calls.call(member, body)
            elif self._relay.alone:
                raise TimeoutError
            else:
                answer = await self.remote_calls.call(to.name, body)
        return ack_of_call(answer)

    async def join(self, to: Target, room: str, *, namespace: str) -> None:
        """Add sockets to a room, on all nodes."""
        await self._move(to, room, namespace, joins=True)

    async def leave(self, to: Target, room: str, *, namespace: str) -> None:
        """Take sockets out of a room, on all nodes."""
        await self._move(to, room, namespace, joins=False)

    async def count(self, to: Target, *, namespace: str) -> int:
        """Return the number of connected sockets, on all nodes; of a session that of its connections."""
        self._events_of(namespace)
        match to.space:
            case "session":
                here = self.registry.connected(to.name)
            case "room" | "user":
                here = len(self._members(to, namespace))
            case "all":
                here = self.registry.connected_in(namespace)
            case _:
                return int(await self._is_connected(to.name))
        return here + await self._presence.count_remote(address_of(to, namespace))

    async def disconnect(self, to: Target, *, reconnect: bool, namespace: str | None) -> None:
        """Disconnect sockets, on all nodes; without a namespace in all of them, but for a room in `/`."""
        namespace = self._namespace_to_leave(to, namespace)
        here = await self._disconnect_here(to, namespace, reconnect)
        if self._relay.alone or (to.space == "socket" and here):
            return
        message = DisconnectMessage(
            space=to.space, name=to.name, namespace=namespace, reconnect=reconnect
        )
        await self._publisher.send(message, address_of(to, namespace), wait=True)

    async def stream(
        self,
        to: Target,
        event: str,
        source: AsyncIterable[Any],
        *,
        namespace: str,
        id_: str | None,
    ) -> EndReason | None:
        """Send a source to the sockets of a session or a user, on all nodes."""
        if self.streams is None:
            raise ValueError(f"no event is declared as a stream: sends({event!r}, T, stream=True)")
        return await self.streams.stream(to, event, source, namespace=namespace, id_=id_)

    def announce_stream(self, message: StreamMessage) -> None:
        """Notify other nodes with readers of a stream that there is more of it."""
        if not self._relay.alone:
            to = Target(message.space, message.name)
            self._relay.send(message, address_of(to, message.namespace))

    def members(self, to: Target, namespace: str) -> list[Member]:
        """Return the sockets of this node that are meant."""
        return self._members(to, namespace)

    async def join_here(self, member: Member, room: str) -> None:
        """Add a socket of this node to a room."""
        check_room(room)
        if self.registry.member(member.sid) is member:  # else it has gone, with its rooms
            self.rooms.join(member, room)
            await self._presence.settle(room_key(member.namespace, room))

    async def leave_here(self, member: Member, room: str) -> None:
        """Take a socket of this node out of a room."""
        check_room(room)
        self.rooms.leave(member, room)

    def rooms_of(self, member: Member) -> Collection[str]:
        """Return the rooms of the application that a socket of this node is in."""
        return frozenset(member.rooms or ())

    async def add_to_user(self, member: Member, user: str) -> None:
        """Add a socket to those of a user; return when what is sent to the user reaches this node."""
        self.users.join(member, user)
        await self._presence.settle(user_key(member.namespace, user))

    def left(self, member: Member) -> None:
        """Handle that a socket's connection has ended, before `forget`."""
        return

    def forget(self, member: Member) -> None:
        """Drop what is kept of a socket that has left."""
        self.rooms.leave_all(member)
        self.users.leave(member)
        if self.streams is not None:
            self.streams.forget(member)
        self.calls.forget(member)

    async def receive(self, message: Message) -> None:
        """Apply a message of another node."""
        match message:
            case EmitMessage() | EventMessage():
                self._receive_event(message)
            case MembershipMessage():
                to = Target(message.space, message.name)
                self._move_here(to, message.room, message.namespace, joins=message.joins)
            case DisconnectMessage():
                to = Target(message.space, message.name)
                await self._disconnect_here(to, message.namespace, message.reconnect)
            case CallMessage():
                member = self.registry.member(message.sid)
                if member is not None:
                    self._sender.engine.run(self.calls.answer(member, message))
            case ReplyMessage():
                self.remote_calls.receive(message)
            case StreamMessage() if self.streams is not None:
                self.streams.receive(message)

    def _receive_event(self, message: EmitMessage | EventMessage) -> None:
        if isinstance(message, EventMessage):
            here = self._members(Target(message.space, message.name), message.namespace)
            body = Body.from_the_bus(message.body)
            span: AbstractContextManager[Any] = nullcontext()
            if message.traceparent is not None:
                name = read_body(body)[0]
                span = tracing.delivery(name, message.namespace, message.traceparent)
            with span:
                self._send_here(here, body, message.skip, volatile=message.volatile)
            return
        value = message.value
        if message.body is not None:
            [value] = read_body(Body.from_the_bus(message.body))
        namespaces = self._router.sending(message.event)
        self._publish_here(message.key, message.version, message.event, value, namespaces)

    def _body(self, event: str, args: Iterable[Any], namespace: str) -> Body:
        check_event(event)
        return write_body([event, *self._events_of(namespace).dump(event, *args)])

    def _namespace_to_leave(self, to: Target, namespace: str | None) -> str | None:
        """Return which namespace is meant, None for all; raise ValueError if there is none of that name."""
        if namespace is None:
            return "/" if to.space == "room" else None
        self._events_of(namespace)
        return namespace

    def _events_of(self, namespace: str) -> NamespaceEvents:
        """Return what is declared for a namespace; raise ValueError if there is none of that name."""
        declared = self._router.namespaces.get(namespace)
        if declared is None:
            raise ValueError(f"there is no namespace {namespace!r}")
        return declared

    def _declared(self, event: str, namespace: str) -> str:
        """Return what metrics call an event: there are as many names as are declared, and one more."""
        if event not in self._router.namespaces[namespace].sent:
            return "other"
        return event if namespace == "/" else f"{namespace} {event}"

    def _note_elsewhere(self, event: str, namespace: str) -> None:
        """Warn once of an event that other namespaces declare: who listens to it is likely to be there."""
        names = [each.name for each in self._router.sending(event) if event in each.sent]
        if names and (event, namespace) not in self._noted:
            self._noted.add((event, namespace))
            logger.warning(
                "the event %r is declared for %s, and is emitted to %s: is namespace= missing?",
                event,
                " and ".join(names),
                namespace,
            )

    def _members(self, to: Target, namespace: str) -> list[Member]:
        match to.space:
            case "room":
                return list(self.rooms.members(namespace, to.name))
            case "session":
                connections = self.registry.sockets(to.name)
                found = [each.members.get(namespace) for each in connections]
                return [each for each in found if each is not None and each.loaded]
            case "socket":
                member = self.registry.member(to.name)
                return [] if member is None else [member]
            case "user":
                return list(self.users.members(namespace, to.name))
            case "all":
                return self.registry.members(namespace)

    def _members_anywhere(self, to: Target, namespace: str | None) -> list[Member]:
        if namespace is not None or to.space == "socket":
            return self._members(to, namespace or "/")
        return [member for each in self._router for member in self._members(to, each.name)]

    def _send_here(
        self, members: Iterable[Member], body: Body, skip_sid: str | None, *, volatile: bool
    ) -> None:
        written: dict[str, Any] = {}
        for member in members:
            if member.sid == skip_sid:
                continue
            encoded = written.get(member.namespace)
            if encoded is None:
                encoded = self._sender.codec.encode_body(body, member.namespace)
                written[member.namespace] = encoded
            self._sender.deliver(member, encoded, volatile=volatile)

    def _publish_here(
        self,
        key: str,
        version: int,
        event: str,
        value: Any,
        namespaces: Iterable[NamespaceEvents],
    ) -> None:
        session_sockets = self.registry.session_sockets(key)
        if session_sockets is None or not session_sockets.accept(event, version, value):
            return
        for declared in namespaces:
            self._sender.send_event(session_sockets.loaded(declared.name), event, value)

    async def _move(self, to: Target, room: str, namespace: str, *, joins: bool) -> None:
        check_room(room)
        self._events_of(namespace)
        here = self._move_here(to, room, namespace, joins=joins)
        key = room_key(namespace, room)
        if joins:
            await self._presence.settle(key)
        if self._relay.alone or (to.space == "socket" and here):
            return
        message = MembershipMessage(
            space=to.space, name=to.name, namespace=namespace, room=room, joins=joins
        )
        await self._publisher.send(
            message, address_of(to, namespace), key if joins else None, wait=True
        )

    def _move_here(self, to: Target, room: str, namespace: str, *, joins: bool) -> bool:
        members = self._members(to, namespace)
        for member in members:
            if joins:
                self.rooms.join(member, room)
            else:
                self.rooms.leave(member, room)
        return bool(members)

    async def _disconnect_here(self, to: Target, namespace: str | None, reconnect: bool) -> bool:
        members = self._members_anywhere(to, namespace)
        for member in members:
            await self.disconnect_member(member, reconnect)
        return bool(members)

    async def _is_connected(self, sid: str) -> bool:
        member = self.registry.member(sid)
        if member is not None or self._relay.alone:
            return member is not None and member.connected
        return await self.remote_calls.is_connected(sid)


def _written_state(key: str, version: int, event: str, value: Any) -> bytes:
    if type(value) not in PLAIN_TYPES:
        body = write_body([value])
        if body.attachments:
            written = body.on_the_bus()
            message = EmitMessage(key=key, version=version, event=event, value=None, body=written)
            return write(message)
    return write_state(key, version, event, value)
