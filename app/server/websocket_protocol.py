"""uvicorn's WebSocket protocol at half its size, with a fast path for plain handshakes and frames.

uvicorn's class uses `websockets`, which reads and writes each frame in Python. Here a handshake
without anything unusual, and frames that are a whole text, are read and written directly. For all
else the library's parser is made when it is first needed, and is given whole frames, so that it
is between two frames whenever the fast path is taken.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Any

from uvicorn.config import Config
from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.server import ServerState
from websockets.protocol import State
from websockets.server import ServerProtocol

from ..aio.lazy_event import LazyEvent
from ..aio.packet_queue import PacketQueue
from ..asgi.refusals import Refusal, refused
from .paced_websocket_protocol import CLOSE_SECONDS, PacedWebSocketProtocol
from .plain_websocket_protocol import AnsweringProtocol, refusal
from .websocket_frames import CLOSES, read_alone, read_close, read_plain, write_close, write_plain
from .websocket_handshake import switching_protocols

logger = logging.getLogger("uvicorn.error")


_last: list[tuple[str | None, bytes | None]] = [(None, None)]
"""The text that was sent last, and its frame: what is sent to many is written once.

Replaced as one, as several threads may have an event loop.
"""


class FastWebSocketProtocol(PacedWebSocketProtocol):
    """Serve one WebSocket.

    The base class sets three dozen attributes on each object. Those that hardly any connection
    changes are attributes of this class, which halves the size of an object. Those of them that are
    read for each frame have slots, which CPython reads in a third of the time.
    """

    __slots__ = ("_over", "_rest", "close_sent", "disconnected")

    transport: Any = None
    server = client = None
    scope: Any
    queue: Any
    writable: Any
    request: Any = None
    response: Any = None
    handshake_initiated = handshake_complete = read_paused = False
    close_timer = initial_response = None
    close_timeout = CLOSE_SECONDS
    ping_interval = ping_timeout = ping_timer = pong_timer = pending_ping_payload = None
    curr_msg_data_type = "bytes"
    logger = logger
    take: Callable[[str], bool] | None = None
    """Handles a text at once, or returns False; offered those that came alone while the app waited."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        self.config = config
        self.app = config.loaded_app
        self.loop = _loop or asyncio.get_running_loop()
        self.connections = server_state.connections
        self.tasks = server_state.tasks
        self.default_headers = server_state.default_headers
        self.app_state = app_state
        self.root_path = config.root_path
        self.asgi_version = config.asgi_version
        self.queue = PacketQueue(self.loop)
        self.writable = LazyEvent(self.loop)
        self._conn: AnsweringProtocol | None = None
        self._accept: bytes | None = None
        self._by_library = True
        self._rest = None
        self._over = self.close_sent = self.disconnected = False

    @property
    def conn(self) -> ServerProtocol:  # type: ignore[override] # nobody sets it here
        """The library's parser, for all that the fast path leaves."""
        if self._conn is None:
            opened = State.CLOSED if self._over else State.OPEN
            self._conn = AnsweringProtocol(
                state=opened if self.handshake_complete else State.CONNECTING,
                max_size=self.config.ws_max_size,
                logger=logger,
            )
        return self._conn

    def upgraded(self, transport: asyncio.Transport, scope: dict[str, Any], accept: bytes) -> None:
        """Begin with a handshake that has been parsed, and in which nothing is unusual."""
        self.transport = transport
        self.connections.add(self)
        self.scope = scope
        self._accept = accept
        self._by_library = False
        self.handshake_initiated = True
        self.queue.put_nowait({"type": "websocket.connect"})
        task = self.loop.create_task(self.run_asgi())
        task.add_done_callback(self.on_task_complete)
        self.tasks.add(task)

    def data_received(self, data: bytes) -> None:
        """Handle bytes from the client."""
        if self.take is not None and self._may_be_taken():
            text = read_alone(data)
            if text is not None and self.take(text):
                return
        super().data_received(data)
        if not self.handshake_initiated:
            self._send_refusal()

    def connection_lost(self, exc: Exception | None) -> None:
        """End with a connection."""
        super().connection_lost(exc)
        if self._conn is not None:
            self._conn.release()

    def _may_be_taken(self) -> bool:
        """Return True if nothing is before what comes now, and the app waits for it."""
        return (
            self._rest is None
            and not self._by_library
            and not self._over
            and self.queue.is_awaited()
            and (self._conn is None or self._conn.current_size is None)
        )

    def _send_refusal(self) -> None:
        """Send the library's response to a request that it could not read; uvicorn does not."""
        refused(Refusal.BAD_HANDSHAKE)
        self.transport.write(refusal(self.conn.data_to_send()))
        self.transport.close()

    def _take(self, data: bytes | bytearray, start: int, end: int) -> None:
        """Handle a whole frame."""
        if self._by_library:
            super()._take(data, start, end)
            return
        amid_message = self._conn is not None and self._conn.current_size is not None
        may_be_plain = not amid_message and end - start <= self.config.ws_max_size
        text = read_plain(data, start, end) if may_be_plain else None
        if text is not None:
            self._queue_text(text)
        elif not self._close_plainly(data, start, end):
            super()._take(data, start, end)

    def _give_library(self, data: bytes | bytearray) -> None:
        """Pass data on to the library, which may close the connection over them."""
        super()._give_library(data)
        self._by_library = self._by_library or self._over

    def _close_plainly(self, data: bytes | bytearray, start: int, end: int) -> bool:
        """Answer a close with a usual payload, and return whether it was one."""
        payload = read_close(data, start, end) if self._conn is None else None
        if payload is None:
            return False
        self._over = self._by_library = True
        self.queue.put_nowait(
            {"type": "websocket.disconnect", "code": CLOSES[payload], "reason": ""}
        )
        self.transport.write(write_close(payload))
        self.transport.close()
        return True

    def _queue_text(self, text: str) -> None:
        """Queue a text, and read no more before the app has received what is queued."""
        is_behind = not self.queue.empty()
        self.queue.put_nowait(text)
        if is_behind:
            self._pause()

    async def receive(self) -> Any:
        """Return the next ASGI event."""
        item = await self.next()
        return {"type": "websocket.receive", "text": item} if isinstance(item, str) else item

    async def send(self, message: Any) -> None:
        """Send an ASGI event of the app."""
        accept, fresh = self._accept, self.initial_response is None
        if message["type"] == "websocket.accept" and accept is not None and fresh:
            self._note_address()
            self._switch(accept, message)
            self._read_on()
        else:
            await super().send(message)
            # From our close on the library waits for the client's, and drops what is before it.
            self._by_library = self._by_library or self.close_sent

    def _switch(self, accept: bytes, message: Any) -> None:
        if self.disconnected or self.transport.is_closing():
            raise ClientDisconnected
        self._accept = None
        headers = [*self.default_headers, *message.get("headers", ())]
        if message.get("subprotocol"):
            headers.append((b"sec-websocket-protocol", message["subprotocol"].encode("latin-1")))
        self.transport.write(switching_protocols(accept, headers))
        self.handshake_complete = True

    def write_plain(self, text: str) -> bool:
        """Send a text as a plain frame if that is possible at once, and return whether it was."""
        if self._by_library or self.disconnected or self.close_sent or not self.writable.is_set():
            return False
        written, frame = _last[0]
        if written is not text:
            frame = write_plain(text)
            _last[0] = text, frame
        if frame is None:
            return False
        self.transport.write(frame)
        return True

    def release_handshake(self) -> None:
        """Drop the request, its response, and the headers of both; the parser keeps the first."""
        if self.request is not None:
            self.request.headers.clear()
            self.request = self.response = None  # they have been answered
        self.scope.clear()
