"""The Socket.IO server: packets in their order, and the turns of what waits for others."""

import secrets
import time
from collections import Counter
from collections.abc import Coroutine
from contextvars import Context as Variables
from functools import partial
from typing import Any

from socketio import packet
from starlette.types import Scope

from ..aio.serial_executor import Job, SerialExecutor
from ..aio.timeout_queue import TimeoutQueue
from ..asgi.limits import LARGE_EVENT_BYTES, WAITING_EVENT_BYTES, WORK_SECONDS
from ..asgi.refusals import Refusal, refused
from ..sessions import SCOPE_KEY, RequestSession, StoreUnavailableError
from ..sessions.ids import short
from .arriving import announced, waiting_bytes
from .client_packets import check_packet, is_event, name_of_number
from .codec import ROOT, DecodedEvent
from .engineio.owner import OWNER
from .engineio.payload import MALFORMED
from .engineio.server import EngineServer
from .engineio.socket import DisconnectReason
from .errors import TOO_MANY_EVENTS, connect_error, session_error_ack
from .event_dispatcher import Ack, EventDispatcher
from .handshake import Handshake
from .large_packets import LargePackets
from .messenger import Messenger
from .namespace import ConnectRefusedError, Namespaces
from .options import RealtimeOptions
from .registry import SocketRegistry
from .sender import PacketSender
from .session_sockets import Connection, Member
from .stop_detector import StopDetector

_JOIN_BYTES = 2_000
_SID_BYTES = 15

_INVALID_NAMESPACE = {"message": "Invalid namespace"}
"""The JavaScript client shows the message of an object alone."""


class SocketServer:
    """The Socket.IO protocol over our Engine.IO server, with one queue of events for each connection.

    Every packet is checked before it is handled: what a client should not send closes its connection.
    """

    def __init__(
        self,
        sender: PacketSender,
        registry: SocketRegistry,
        messenger: Messenger,
        namespaces: Namespaces,
        dispatcher: EventDispatcher,
        *,
        options: RealtimeOptions,
        stop: StopDetector,
    ) -> None:
        self._stop = stop
        self.registry = registry
        self.executor = SerialExecutor(
            max_waiting=options.max_events,
            max_waiting_bytes=WAITING_EVENT_BYTES,
            slice_seconds=WORK_SECONDS,
        )
        self._large = LargePackets(
            sender, self.executor, options.connect_timeout, self._handle_large
        )
        self._sender = sender
        self._messenger = messenger
        self._namespaces = namespaces
        self._dispatcher = dispatcher
        self._connect_due = TimeoutQueue(options.connect_timeout, self._close_unless_connected)
        self._turns = Counter[str]()
        messenger.disconnect_member = self.disconnect
        self.engine.on("connect", self._handle_eio_connect)
        self.engine.on("message", self._handle_eio_message)
        self.engine.on("disconnect", self._handle_eio_disconnect)
        self.engine.event_handler = self._take_event

    @property
    def engine(self) -> EngineServer:
        """The Engine.IO server below."""
        return self._sender.engine

    async def disconnect(self, member: Member, reconnect: bool) -> None:
        """Disconnect a socket: from its namespace, or with its connection so that the client comes back."""
        connection = member.connection
        if reconnect:
            await self._sender.close(connection.eio_sid, comes_back=True)
        elif self.registry.member(member.sid) is member:
            left = packet.Packet(packet.DISCONNECT, namespace=member.namespace)
            self._sender.send(connection.eio_sid, left)
            connection.left |= {member.namespace}
            self._leave(member, DisconnectReason.SERVER_DISCONNECT)

    async def _handle_eio_connect(self, eio_sid: str, scope: Scope) -> None:
        """Register the connection before anything is awaited, so that an end of its session finds it."""
        request_session: RequestSession = scope[SCOPE_KEY]
        key = request_session.session.key  # type: ignore[union-attr] # SocketIOApp has opened it
        connection = self.registry.register(eio_sid, key, opened=request_session.created)
        self.engine.sockets[eio_sid].owner = scope[OWNER]
        client = scope.get("client")
        connection.address = client[0] if client else None
        if self._namespaces.keeps_handshake:
            connection.handshake = Handshake(scope)
        self._connect_due.add(eio_sid)

    async def _handle_eio_disconnect(self, eio_sid: str, reason: str) -> None:
        """Handle the end of a connection, behind all that the client sent before it."""
        connection = self.registry.connection(eio_sid)
        if connection is not None:
            for member in connection.members.values():
                self.registry.set_connected(member, connected=False)
        if self.executor.is_busy(eio_sid):
            self.executor.put(eio_sid, partial(self._end, eio_sid, reason), always=True)
        else:
            await self._end(eio_sid, reason)

    async def _end(self, eio_sid: str, reason: str) -> None:
        self._large.drop_incomplete(eio_sid)
        connection = self.registry.connection(eio_sid)
        members = list(connection.members.values()) if connection is not None else []
        for member in members:
            self._messenger.left(member)
            self._messenger.forget(member)
        self.registry.unregister(eio_sid)
        for member in members:
            self._call_disconnects(member, reason)

    def _leave(self, member: Member, reason: str) -> None:
        """Take a socket out of its namespace; its connection stays."""
        self._messenger.forget(member)
        self.registry.leave(member)
        self._connect_due.add(member.connection.eio_sid)
        self._call_disconnects(member, reason)

    def _call_disconnects(self, member: Member, reason: str) -> None:
        """Call the hooks behind what the socket's handlers do; whoever closes it need not wait for them."""
        if self._namespaces.has_disconnects(member):
            job = partial(self._namespaces.disconnected, member, reason)
            self.executor.put(member.connection.eio_sid, job, always=True)

    def _take_event(self, eio_sid: str, data: str, variables: Variables) -> bool:
        """Handle an event, up to its first wait at once, if nothing is before it.

        Return False for one that is to be handled as a message, and for what is no event.
        """
        connection = self.registry.connection(eio_sid)
        if (
            connection is None
            or len(data) > LARGE_EVENT_BYTES
            or eio_sid in self._large.incomplete
            or self.executor.is_busy(eio_sid)
            or self._stop.check()
        ):
            return False
        event = self._sender.codec.decode_event(data)
        if event is None or not is_event(event.data):
            return False
        member = connection.members.get(event.namespace)
        if member is None or not member.connected:
            return False
        now = time.monotonic()
        job = self._handle_event(member, event, now, now)
        self._sender.just_checked = True
        try:
            self.executor.run_now(eio_sid, job, variables)
        finally:
            self._sender.just_checked = False
        return True

    async def _handle_eio_message(self, eio_sid: str, data: str | bytes) -> None:
        """Handle a message; return when the socket may send more."""
        if (
            isinstance(data, str)
            and len(data) <= LARGE_EVENT_BYTES
            and eio_sid not in self._large.incomplete
        ):
            event = self._sender.codec.decode_event(data)
            if event is not None and is_event(event.data):
                if not self._enqueue_event(eio_sid, event, waiting_bytes(data)):
                    await self._close_out_of_order(eio_sid)
                elif self.executor.is_full(eio_sid):
                    await self.executor.until(eio_sid, WAITING_EVENT_BYTES // 2)
                return
        await self._handle_other(eio_sid, data)

    async def _handle_other(self, eio_sid: str, data: str | bytes) -> None:
        try:
            await self._receive(eio_sid, data)
        except MALFORMED as error:
            refused(Refusal.BAD_PACKET, reason=type(error).__name__)
            await self._sender.close(eio_sid)
        if self.executor.is_full(eio_sid):
            await self.executor.until(eio_sid, WAITING_EVENT_BYTES // 2)

    async def _receive(self, eio_sid: str, data: str | bytes) -> None:
        """Handle a packet if it is complete; raise one of MALFORMED for what is none."""
        incomplete = self._large.incomplete.get(eio_sid)
        if incomplete is not None:
            if isinstance(data, str):  # the library would take it for an attachment
                raise ValueError("a packet in place of an attachment")
            await self._large.attach(eio_sid, incomplete, data)
        elif not isinstance(data, str):
            raise ValueError("an attachment without a packet")
        elif count := announced(data):
            await self._large.await_attachments(eio_sid, data, count)
        elif len(data) > LARGE_EVENT_BYTES:
            await self._large.put(eio_sid, [data])
        else:
            pkt = self._sender.codec.decode(data)
            check_packet(pkt)
            await self._dispatch(eio_sid, pkt, waiting_bytes(data))

    async def _handle_large(self, eio_sid: str, pkt: packet.Packet, received_at: float) -> None:
        """Handle an event or an ack whose turn has come."""
        connection = self.registry.connection(eio_sid)
        if connection is None:
            return
        namespace = pkt.namespace or ROOT
        if pkt.packet_type in (packet.EVENT, packet.BINARY_EVENT):
            event = DecodedEvent(pkt.id, pkt.data, namespace)
            await self._handle_event_of(connection, event, received_at)
            return
        member = connection.members.get(namespace)
        if member is None:
            if namespace not in connection.left:
                await self._close_out_of_order(eio_sid)
        else:
            self._receive_ack(member, pkt)

    async def _dispatch(self, eio_sid: str, pkt: packet.Packet, size: int) -> None:
        namespace = pkt.namespace or ROOT
        match pkt.packet_type:
            case packet.CONNECT | packet.DISCONNECT:
                self._note_idle(eio_sid)
                in_order = await self._take_turn(eio_sid, pkt)
            case packet.EVENT | packet.BINARY_EVENT:
                event = DecodedEvent(pkt.id, pkt.data, namespace)
                in_order = self._enqueue_event(eio_sid, event, size)
            case _:
                member = self._member(eio_sid, namespace)
                in_order = member is not None or self._may_come_late(eio_sid, namespace)
                if member is not None:
                    self._receive_ack(member, pkt)
        if not in_order:
            await self._close_out_of_order(eio_sid)

    def _receive_ack(self, member: Member, pkt: packet.Packet) -> None:
        """Hand an ack to who waits for it; one that nobody asked for keeps the server busy alone."""
        eio_sid = member.connection.eio_sid
        if pkt.id is not None and not self._messenger.calls.receive_ack(member, pkt.id, pkt.data):
            self._note_idle(eio_sid)

    def _note_idle(self, eio_sid: str) -> None:
        transport = self.engine.sockets.get(eio_sid)
        if transport is not None:
            transport.note_idle()

    async def _take_turn(self, eio_sid: str, pkt: packet.Packet) -> bool:
        """Connect or disconnect a socket, behind the events that it sent before.

        Return False if too many wait.
        """
        job = partial(self._join_or_leave, eio_sid, pkt.namespace or ROOT, pkt)
        if not self.executor.is_busy(eio_sid) and self._is_quick(pkt):
            await job()
            return True
        if not self.executor.put(eio_sid, partial(self._in_turn, eio_sid, job), _JOIN_BYTES):
            return False
        self._turns[eio_sid] += 1
        return True

    def _is_quick(self, pkt: packet.Packet) -> bool:
        """Return True if no handler runs: it would hold up the client's pongs."""
        events = self._namespaces.find(pkt.namespace or ROOT)
        return pkt.packet_type != packet.CONNECT or events is None or not events.connects

    async def _in_turn(self, eio_sid: str, job: Job) -> None:
        try:
            await job()
        finally:
            self._turns[eio_sid] -= 1
            if not self._turns[eio_sid]:
                del self._turns[eio_sid]

    async def _join_or_leave(self, eio_sid: str, namespace: str, pkt: packet.Packet) -> None:
        connection = self.registry.connection(eio_sid)
        if connection is None:
            return
        member = connection.members.get(namespace)
        joins = pkt.packet_type == packet.CONNECT
        if member is None and self._has_crossed(connection, namespace, joins=joins):
            return
        if joins != (member is None):
            await self._close_out_of_order(eio_sid)
        elif member is not None:
            self._leave(member, DisconnectReason.CLIENT_DISCONNECT)
        elif self._namespaces.find(namespace) is not None:
            await self._join(connection, namespace, pkt.data)
        else:
            refused(Refusal.INVALID_NAMESPACE)
            self._refuse(eio_sid, namespace, _INVALID_NAMESPACE)

    def _has_crossed(self, connection: Connection, namespace: str, *, joins: bool) -> bool:
        """Return True for a DISCONNECT that the server's own has crossed; a client that returns is let in."""
        if namespace not in connection.left:
            return False
        connection.left -= {namespace}
        return not joins

    async def _join(self, connection: Connection, namespace: str, auth: Any) -> None:
        member = self.registry.enter(connection, namespace, secrets.token_urlsafe(_SID_BYTES))
        try:
            await self._namespaces.connect(member, auth)
        except ConnectRefusedError as error:
            self._messenger.forget(member)
            self.registry.leave(member)
            if error.ack is not None:
                self._refuse(connection.eio_sid, namespace, connect_error(error.ack))
                await self._close_if_ended(connection)
        except BaseException:
            self._messenger.forget(member)
            self.registry.leave(member)
            raise
        else:
            await self._namespaces.connected(member)

    async def _close_if_ended(self, connection: Connection) -> None:
        """Close a connection whose session ended while its only socket was being refused."""
        if connection.pending_close is not None and not connection.connected:
            await self._sender.close(connection.eio_sid)

    def _refuse(self, eio_sid: str, namespace: str, data: dict[str, Any]) -> None:
        refusal = packet.Packet(packet.CONNECT_ERROR, data=data, namespace=namespace)
        self._sender.send(eio_sid, refusal)

    async def _close_out_of_order(self, eio_sid: str) -> None:
        """Close a connection whose client connects twice, or sends what only connected ones may."""
        transport = self.engine.sockets.get(eio_sid)
        if transport is not None and not transport.closing:
            refused(Refusal.BAD_PACKET, reason="out of order")
            await transport.close()

    def _has_joined(self, eio_sid: str) -> bool:
        """Return True if a socket is connected, or will be when its turn has come."""
        return self.registry.is_connected(eio_sid) or eio_sid in self._turns

    def _may_come_late(self, eio_sid: str, namespace: str) -> bool:
        """Return True if a packet of a socket that is not connected is no fault of the client's."""
        connection = self.registry.connection(eio_sid)
        return eio_sid in self._turns or (connection is not None and namespace in connection.left)

    def _member(self, eio_sid: str, namespace: str) -> Member | None:
        connection = self.registry.connection(eio_sid)
        return None if connection is None else connection.members.get(namespace)

    def _enqueue_event(self, eio_sid: str, event: DecodedEvent, size: int) -> bool:
        """Queue an event behind those that the socket sent before; return False if it has not connected."""
        connection = self.registry.connection(eio_sid)
        if connection is None:
            return True
        member = connection.members.get(event.namespace)
        if member is None or not member.connected:
            if not self._may_come_late(eio_sid, event.namespace):
                return False
            if event.namespace in connection.left and eio_sid not in self._turns:
                return True  # it was on its way when the server disconnected the socket
        job = partial(self._handle_event_of, connection, event, time.monotonic())
        if not self.executor.put(eio_sid, job, size):
            refused(Refusal.TOO_MANY_EVENTS, session=short(connection.session_sockets.key))
            if event.ack is not None:
                self._sender.send_ack(eio_sid, event.ack, TOO_MANY_EVENTS, event.namespace)
        return True

    async def _handle_event_of(
        self, connection: Connection, event: DecodedEvent, received_at: float
    ) -> None:
        member = connection.members.get(event.namespace)
        if member is None:  # it has left since, or was not let in
            if event.namespace not in connection.left:
                await self._close_out_of_order(connection.eio_sid)
            return
        if not self._stop.check() or await self._may_handle(connection, event):
            await self._handle_event(member, event, received_at, time.monotonic())

    def _handle_event(
        self, member: Member, event: DecodedEvent, received_at: float, now: float
    ) -> Coroutine[Any, Any, None]:
        """Return what handles an event of a socket."""
        number, data, namespace = event
        name = data[0] if isinstance(data[0], str) else name_of_number(data[0])
        ack = None
        if number is not None:
            ack = Ack(self._sender, member.connection.eio_sid, number, namespace)
        return self._dispatcher.handle(member, name, tuple(data[1:]), received_at, ack, now)

    async def _may_handle(self, connection: Connection, event: DecodedEvent) -> bool:
        """Return True if an event may be handled, when the node has checked its sessions."""
        eio_sid = connection.eio_sid
        if await self._stop.wait():
            transport = self.engine.sockets.get(eio_sid)
            return transport is not None and not transport.closing
        if event.ack is not None:
            error = StoreUnavailableError("this node was stopped, and cannot check its sessions")
            answer = session_error_ack(error)
            encoded = self._sender.codec.encode_ack(event.ack, answer, event.namespace)
            self._sender.send_now(eio_sid, encoded)
        return False

    def _close_unless_connected(self, eio_sid: str) -> None:
        if eio_sid in self.engine.sockets and not self._has_joined(eio_sid):
            refused(Refusal.CONNECT_TIMEOUT)
            self.engine.run(self._sender.close(eio_sid))
