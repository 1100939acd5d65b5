"""Packets on their way to one client."""

import asyncio

from engineio import packet

from ...aio.packet_queue import PacketQueue
from .payload import size_of
from .websocket import GOING_AWAY, WebSocket

WRITE_TIMEOUT_SECONDS = 2.0
"""Time for a WebSocket's last frames to be written after the socket was closed."""

_KEEPS_UP_BYTES = 16_384
"""What may be unsent of a client that keeps up: between two polls, or behind a full send buffer."""


class PacketWriter:
    """Queues packets for a client's polls, or writes them to its WebSocket.

    A WebSocket takes most packets at once. A task writes the others, and those queued behind them.
    """

    __slots__ = ("_close_code", "_queue", "_unsent_bytes", "_websocket", "_writing")

    def __init__(self) -> None:
        self._queue = PacketQueue(asyncio.get_running_loop())
        self._unsent_bytes = 0
        self._close_code = GOING_AWAY
        self._websocket: WebSocket | None = None
        self._writing: asyncio.Task[None] | None = None

    @property
    def keeps_up(self) -> bool:
        """Return True if the client reads what it is sent, but for the little that is on its way."""
        return self._unsent_bytes <= _KEEPS_UP_BYTES

    @property
    def unsent_bytes(self) -> int:
        """Return what waits for the client's next poll, or for room in its connection's send buffer."""
        return self._unsent_bytes

    def _enqueue(self, pkt: packet.Packet) -> None:
        self._unsent_bytes += size_of(pkt)
        self._queue.put_nowait(pkt)
        self._flush()

    def _finish(self) -> None:
        """Close the WebSocket, if there is one, behind all that is queued."""
        self._queue.put_nowait(None)
        self._flush()

    def _drop_unsent(self) -> None:
        self._queue = PacketQueue(asyncio.get_running_loop())

    async def _next_packets(self) -> list[packet.Packet]:
        """Return all that is queued, or wait for the next packet; nothing if the queue has ended.

        The CLOSE that ends a closing socket, and what follows it, go in an answer of their own: the
        JavaScript client acts on it at once, and on the events that come before it a tick later.
        """
        queued = [await self._queue.get()]
        while not self._queue.empty():
            queued.append(self._queue.get_nowait())
        self._unsent_bytes = 0
        end = next((index for index, pkt in enumerate(queued) if _is_end(pkt)), len(queued))
        if end == 0 and queued[0] is not None:
            return queued
        for pkt in queued[end:]:
            self._queue.put_nowait(pkt)
        return queued[:end]

    def _flush(self) -> None:
        """Write what is queued to the WebSocket; start a task for what has to be waited for."""
        websocket = self._websocket
        if websocket is None or self._writing is not None:
            return
        while not self._queue.empty():
            pkt = self._queue.get_nowait()
            if pkt is None or not websocket.send_nowait(pkt.encode()):
                self._writing = asyncio.create_task(self._write(websocket, pkt))
                return
            self._unsent_bytes -= size_of(pkt)

    async def _write(self, ws: WebSocket, pkt: packet.Packet | None) -> None:
        """Write a packet and all that is queued behind it; None closes the connection."""
        try:
            while pkt is not None:
                await ws.send(pkt.encode())
                self._unsent_bytes -= size_of(pkt)
                if self._queue.empty():
                    self._writing = None
                    return
                pkt = self._queue.get_nowait()
        except (OSError, RuntimeError):
            pass  # the connection is closed, as the reader finds, too
        await ws.close(self._close_code)

    async def _wait_until_written(self) -> None:
        if self._writing is not None:
            _done, late = await asyncio.wait([self._writing], timeout=WRITE_TIMEOUT_SECONDS)
            for task in late:
                task.cancel()


def _is_end(pkt: packet.Packet | None) -> bool:
    return pkt is None or pkt.packet_type == packet.CLOSE
