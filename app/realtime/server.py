"""The Socket.IO server: every packet checked, events in order, ends seen."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from typing import Any

import socketio
from engineio import packet as eio_packet
from socketio import packet

from app.delay import Delay
from app.realtime import wire
from app.realtime.engine import EngineServer
from app.realtime.engine_socket import MALFORMED
from app.realtime.lanes import Lanes
from app.realtime.moorings import MooredSocket, Moorings
from app.realtime.refusals import TOO_MANY_EVENTS
from app.sessions import SCOPE_KEY

logger = logging.getLogger(__name__)

PATIENCE = 10.0
"""Seconds within which a client has to ask for the namespace, or to send promised attachments."""

MAX_ATTACHMENTS = 10

Answer = Callable[[MooredSocket, str, tuple[Any, ...], float], Awaitable[Any]]
"""Handles an event of a socket, which arrived at a time of time.monotonic(), and gives its ack."""

_RESERVED = {"connect", "connect_error", "disconnect", "disconnecting"}
"""Names that a client must not emit: the library would run the handlers of the same name."""


class SocketServer(socketio.AsyncServer):  # type: ignore[misc] # the library has no types
    """python-socketio with one queue of events per socket; it registers each socket in the moorings."""

    def __init__(self, moorings: Moorings, **options: Any) -> None:
        super().__init__(**options)
        self.moorings = moorings
        self.lanes = Lanes()
        self.answer: Answer = _no_answer
        self._patience = Delay(PATIENCE, self._close_unless_connected)

    def _engineio_server_class(self) -> type[EngineServer]:
        return EngineServer

    async def _handle_eio_connect(self, eio_sid: str, environ: dict[str, Any]) -> None:
        """Register the socket before anything is awaited: what ends its session from now on finds it."""
        scope = environ["asgi.scope"]
        key = scope[SCOPE_KEY].session.key
        self.moorings.arrive(eio_sid, key)
        self.eio.sockets[eio_sid].owner = key
        client = scope.get("client")
        await super()._handle_eio_connect(eio_sid, {"REMOTE_ADDR": client[0] if client else ""})
        self._patience.put(eio_sid)

    async def _handle_eio_disconnect(self, eio_sid: str, reason: str) -> None:
        await super()._handle_eio_disconnect(eio_sid, reason)
        self._binary_packet.pop(eio_sid, None)
        self.moorings.leave(eio_sid)

    async def _handle_eio_message(self, eio_sid: str, data: str | bytes) -> None:
        if isinstance(data, str) and eio_sid not in self._binary_packet:
            event = wire.read_event(data)
            if event is not None and is_event(event.data):
                self._take_event(eio_sid, event.ack, event.data)
                return
        await self._handle_other(eio_sid, data)

    async def _handle_other(self, eio_sid: str, data: str | bytes) -> None:
        try:
            pkt = self._decode(eio_sid, data)
        except MALFORMED as error:
            logger.warning("socket %s sent what is no packet (%s)", eio_sid, type(error).__name__)
            await self.close_transport(eio_sid)
        else:
            if pkt is not None:
                await self._dispatch(eio_sid, pkt)

    def _decode(self, eio_sid: str, data: str | bytes) -> packet.Packet | None:
        """Give a complete and well-formed packet, None while attachments are missing."""
        pkt = self._binary_packet.get(eio_sid)
        if pkt is None:
            if not isinstance(data, str):
                raise ValueError("an attachment without a packet")
            pkt = self.packet_class(encoded_packet=data)
            _check(pkt)
            if pkt.attachment_count:
                self._binary_packet[eio_sid] = pkt
                loop = asyncio.get_running_loop()
                loop.call_later(PATIENCE, self._close_unless_complete, eio_sid, pkt)
                return None
        elif isinstance(data, str):  # the library would take it for an attachment
            raise ValueError("a packet in place of an attachment")
        elif pkt.add_attachment(data):
            del self._binary_packet[eio_sid]
        else:
            return None
        return pkt

    async def _dispatch(self, eio_sid: str, pkt: packet.Packet) -> None:
        namespace = pkt.namespace or "/"
        match pkt.packet_type:
            case packet.CONNECT:
                await self._handle_connect(eio_sid, namespace, pkt.data)
            case packet.DISCONNECT:
                await self._handle_disconnect(eio_sid, namespace, self.reason.CLIENT_DISCONNECT)
                self._patience.put(eio_sid)
            case packet.EVENT | packet.BINARY_EVENT:
                if namespace == "/":
                    self._take_event(eio_sid, pkt.id, pkt.data)
            case _:
                await self._handle_ack(eio_sid, namespace, pkt.id, pkt.data)

    def _take_event(self, eio_sid: str, ack: int | None, data: list[Any]) -> None:
        """Put an event behind those that the socket sent before."""
        socket = self.moorings.socket(eio_sid)
        if socket is None or not socket.connected:
            return
        job = partial(self._serve, socket, ack, data, time.monotonic())
        if not self.lanes.put(eio_sid, job):
            self._acknowledge(eio_sid, ack, TOO_MANY_EVENTS)

    async def _serve(
        self, socket: MooredSocket, ack: int | None, data: list[Any], arrived: float
    ) -> None:
        answer = await self.answer(socket, data[0], tuple(data[1:]), arrived)
        self._acknowledge(socket.eio_sid, ack, answer)

    def _acknowledge(self, eio_sid: str, ack: int | None, answer: Any) -> None:
        if ack is None:
            return
        plain = wire.ack(ack, answer)
        if plain is not None:
            self._post(eio_sid, [plain])
        else:
            data = [] if answer is None else [answer]
            self.post_packet(eio_sid, self.packet_class(packet.ACK, data=data, id=ack))

    def tell(self, sockets: Iterable[MooredSocket], event: str, argument: Any) -> None:
        """Queue an event for sockets that are moored; never waits for their clients."""
        plain = wire.event(event, argument)
        if plain is not None:
            parts = [plain]
        else:
            parts = _parts(self.packet_class(packet.EVENT, data=[event, argument]))
        for socket in sockets:
            if socket.session is not None:
                self._post(socket.eio_sid, parts)

    def post_packet(self, eio_sid: str, pkt: packet.Packet) -> None:
        """Queue a packet for a socket, with its attachments; never waits for its client."""
        self._post(eio_sid, _parts(pkt))

    def _post(self, eio_sid: str, parts: list[eio_packet.Packet]) -> None:
        """Queue without a word in the log if the socket has just gone."""
        socket = self.eio.sockets.get(eio_sid)
        if socket is not None:
            for part in parts:
                socket.post(part)

    async def _send_packet(self, eio_sid: str, pkt: packet.Packet) -> None:
        self.post_packet(eio_sid, pkt)

    async def _send_eio_packet(self, eio_sid: str, eio_pkt: eio_packet.Packet) -> None:
        self._post(eio_sid, [eio_pkt])

    def _close_unless_complete(self, eio_sid: str, pkt: packet.Packet) -> None:
        if self._binary_packet.get(eio_sid) is pkt:
            self.eio.run(self.close_transport(eio_sid))

    def _close_unless_connected(self, eio_sid: str) -> None:
        if eio_sid in self.eio.sockets and not self.moorings.is_connected(eio_sid):
            self.eio.run(self.close_transport(eio_sid))

    async def close_transport(self, eio_sid: str) -> None:
        """Close a socket's transport, so that its client reconnects."""
        socket = self.eio.sockets.get(eio_sid)
        if socket is not None:
            await socket.close(reason=self.reason.SERVER_DISCONNECT)


async def _no_answer(
    _socket: MooredSocket, _name: str, _arguments: tuple[Any, ...], _arrived: float
) -> Any:
    return None


def _parts(pkt: packet.Packet) -> list[eio_packet.Packet]:
    """Write a packet and its attachments, each as an engine's message."""
    if pkt.packet_type == packet.CONNECT and pkt.namespace in (None, "/"):
        return [wire.connected(pkt.data)]
    encoded = pkt.encode()
    texts = encoded if isinstance(encoded, list) else [encoded]
    return [eio_packet.Packet(eio_packet.MESSAGE, each) for each in texts]


def is_event(data: Any) -> bool:
    """Tell whether data are those of an event that a client may emit."""
    return (
        isinstance(data, list)
        and bool(data)
        and isinstance(data[0], str)
        and data[0] not in _RESERVED
    )


def _check(pkt: packet.Packet) -> None:
    """Raise ValueError for a packet that the library would stumble over."""
    data = pkt.data
    match pkt.packet_type:
        case packet.CONNECT:
            fits = data is None or isinstance(data, dict)
        case packet.DISCONNECT:
            fits = data is None
        case packet.EVENT | packet.BINARY_EVENT:
            fits = is_event(data)
        case packet.ACK | packet.BINARY_ACK:
            fits = isinstance(data, list) and pkt.id is not None
        case _:
            fits = False
    if not fits:
        raise ValueError("no packet that a client sends")
    if pkt.attachment_count > MAX_ATTACHMENTS:
        raise ValueError("too many attachments")
    if pkt.attachment_count and pkt.packet_type not in (packet.BINARY_EVENT, packet.BINARY_ACK):
        raise ValueError("attachments on a packet that has none")
