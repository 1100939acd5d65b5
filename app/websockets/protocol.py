"""uvicorn's WebSocket protocol, half its size, with a short way for what nearly all packets are.

uvicorn's class is derived from `websockets`, which reads and writes each frame in Python. Here a
handshake that is as usual, and frames that are a whole text, are read and written directly. For
all else the library's parser is made when it is first needed, and given whole frames: so it
stands between two frames whenever the short way is taken.
"""

import asyncio
import logging
from typing import Any

from uvicorn.config import Config
from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from uvicorn.server import ServerState
from websockets.protocol import State
from websockets.server import ServerProtocol

from app.realtime.packet_queue import PacketQueue
from app.websockets.frames import (
    CLOSES,
    end_of,
    read_close,
    read_plain,
    write_close,
    write_plain,
)
from app.websockets.gate import Gate
from app.websockets.handshake import switching_protocols

logger = logging.getLogger("uvicorn.error")

_LONGEST_HEAD = 14


class LightProtocol(WebSocketsSansIOProtocol):
    """Half the size of its base class, of which there is one for each socket.

    The base class sets three dozen attributes on each; what hardly any connection ever changes
    stands on this class, until one does.
    """

    transport: Any = None
    server = client = None
    scope: Any
    queue: Any
    writable: Any
    request: Any = None
    response: Any = None
    handshake_initiated = handshake_complete = close_sent = disconnected = read_paused = False
    close_timer = initial_response = None
    close_timeout = 10.0
    ping_interval = ping_timeout = ping_timer = pong_timer = pending_ping_payload = None
    curr_msg_data_type = "bytes"
    logger = logger

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
        self.writable = Gate(self.loop)
        self._conn: ServerProtocol | None = None
        self._accept: bytes | None = None
        self._incomplete: bytearray | None = None
        self._by_library = True
        self._over = False

    @property
    def conn(self) -> ServerProtocol:  # type: ignore[override] # nobody sets it here
        """The library's parser of what goes the long way."""
        if self._conn is None:
            opened = State.CLOSED if self._over else State.OPEN
            self._conn = ServerProtocol(
                state=opened if self.handshake_complete else State.CONNECTING,
                max_size=self.config.ws_max_size,
                logger=logger,
            )
        return self._conn

    def upgraded(self, transport: asyncio.Transport, scope: dict[str, Any], accept: bytes) -> None:
        """Begin with a handshake that has been parsed and found to be as usual."""
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

    def shutdown(self) -> None:
        """Close the connection because the server stops, if its client has not just gone."""
        if not self._over:
            super().shutdown()

    def data_received(self, data: bytes) -> None:
        """Take what the client has sent."""
        if self._over:
            return
        if self._incomplete is not None:
            self._incomplete += data
            whole: bytes | bytearray = self._incomplete
            self._incomplete = None
        else:
            whole = data
        if not self._by_library:
            self._read(whole)
            return
        super().data_received(bytes(whole))
        if not self.handshake_initiated:
            self._say_why_not()

    def _say_why_not(self) -> None:
        """Send what the library answers to a request that it could not read; uvicorn does not."""
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.transport.close()

    def _read(self, data: bytes | bytearray) -> None:
        start = 0
        while (end := self._end(data, start)) is not None:
            self._take(data, start, end)
            start = end
        if start < len(data) and not self._over:
            self._keep(data[start:] if start else data)

    def _end(self, data: bytes | bytearray, start: int) -> int | None:
        """Say where a frame ends that can be taken now."""
        if self._by_library or not self.handshake_complete:
            return None
        end = end_of(data, start)
        return end if end is not None and end <= len(data) else None

    def _take(self, data: bytes | bytearray, start: int, end: int) -> None:
        """Take a whole frame."""
        amid_message = self._conn is not None and self._conn.current_size is not None
        may_be_plain = not amid_message and end - start <= self.config.ws_max_size
        text = read_plain(data, start, end) if may_be_plain else None
        if text is not None:
            self._arrive(text)
        elif not self._leave(data, start, end):
            self._hand_over(data[start:end])

    def _hand_over(self, data: bytes | bytearray) -> None:
        """Give the library something, which may end the connection over it."""
        super().data_received(bytes(data))
        self._over = self._by_library = self.conn.state is not State.OPEN

    def _leave(self, data: bytes | bytearray, start: int, end: int) -> bool:
        """Answer a close, if it is a client's that just goes."""
        said = read_close(data, start, end) if self._conn is None else None
        if said is None:
            return False
        self._over = self._by_library = True
        self.queue.put_nowait({"type": "websocket.disconnect", "code": CLOSES[said], "reason": ""})
        self.transport.write(write_close(said))
        self.transport.close()
        return True

    def _arrive(self, text: str) -> None:
        """Queue a text, and read no more before the app has taken what waits."""
        waits = not self.queue.empty()
        self.queue.put_nowait(text)
        if waits:
            self._pause()

    def _keep(self, rest: bytes | bytearray) -> None:
        """Keep a part of a frame until the rest of it comes, or have the library refuse it."""
        end = end_of(rest, 0)
        too_large = end is not None and end > self.config.ws_max_size + _LONGEST_HEAD
        if too_large:
            self._hand_over(rest)
            return
        # One that is kept already is not copied again for each piece that comes.
        self._incomplete = rest if isinstance(rest, bytearray) else bytearray(rest)
        if not self.handshake_complete:
            self._pause()

    def _pause(self) -> None:
        if not self.read_paused:
            self.read_paused = True
            self.transport.pause_reading()

    def _resume(self) -> None:
        if self.read_paused and self.queue.empty():
            self.read_paused = False
            self.transport.resume_reading()

    async def next(self) -> Any:
        """Wait for what comes next: a plain text, or an ASGI event."""
        item = await self.queue.get()
        self._resume()
        return item

    async def receive(self) -> Any:
        """Wait for the next ASGI event."""
        item = await self.next()
        return {"type": "websocket.receive", "text": item} if isinstance(item, str) else item

    async def send(self, message: Any) -> None:
        """Take an ASGI event of the app."""
        accept, fresh = self._accept, self.initial_response is None
        if message["type"] == "websocket.accept" and accept is not None and fresh:
            self._switch(accept, message)
        else:
            await super().send(message)
            # From our close on the library waits for the client's, and throws away what is before it.
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
        if self._incomplete is not None:
            self.data_received(b"")
            self._resume()

    def write_plain(self, text: str) -> bool:
        """Send a frame, if nothing speaks against it and it is a plain one."""
        if self._by_library or self.disconnected or self.close_sent or not self.writable.is_set():
            return False
        frame = write_plain(text)
        if frame is None:
            return False
        self.transport.write(frame)
        return True

    def forget_handshake(self) -> None:
        """Drop the request, its answer, and the headers of both; the parser holds on to the first."""
        if self.request is not None:
            self.request.headers.clear()
            self.request = self.response = None  # they have been answered
        self.scope.clear()
