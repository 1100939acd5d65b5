"""Engine.IO's server, which makes sockets that end as they should."""

import asyncio
from typing import Any

import engineio
import orjson
from engineio import packet
from starlette.types import Receive, Scope, Send

from app.delay import Delay
from app.realtime.engine_socket import EngineSocket
from app.realtime.packet_queue import PacketQueue


class EngineServer(engineio.AsyncServer):  # type: ignore[misc] # the library has no types
    """Makes EngineSockets, and keeps hold of the tasks that it starts."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._tasks: set[asyncio.Task[Any]] = set()
        self.before_ping = Delay(self.ping_interval, self._ping)
        self.before_giving_up = Delay(self.ping_timeout, self._give_up)

    def create_queue(self, *_args: Any, **_options: Any) -> PacketQueue:
        """Make the queue of a socket."""
        return PacketQueue(asyncio.get_running_loop())

    def run(self, coroutine: Any) -> None:
        """Run a coroutine in the background."""
        task = asyncio.ensure_future(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _ping(self, sid: str) -> None:
        socket = self.sockets.get(sid)
        if socket is not None and not socket.closing:
            socket.ping()

    def _give_up(self, awaited: tuple[str, int]) -> None:
        sid, ping = awaited
        socket = self.sockets.get(sid)
        if socket is not None:
            socket.give_up(ping)

    async def say_disconnected(self, sid: str, reason: str) -> None:
        """Run the disconnect handlers of a socket."""
        await self._trigger_event("disconnect", sid, reason, run_async=False)

    async def greet(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a client that comes on a WebSocket, if it is known that its request is a handshake.

        The library's `handle_request` would write it as a WSGI environment, and look at it again.
        """
        await receive()  # websocket.connect
        environ = {"asgi.scope": scope, "asgi.receive": receive, "asgi.send": send}
        refusal = await self._handle_connect(environ, "websocket")
        if refusal:
            await self._make_response(refusal, environ)

    async def _handle_connect(
        self, environ: dict[str, Any], transport: str, jsonp_index: int | None = None
    ) -> Any:
        sid: str = self.generate_id()
        socket = self.sockets[sid] = EngineSocket(self, sid)
        opening = orjson.dumps(self._open(sid, transport)).decode()
        socket.queue.put_nowait(packet.Packet(packet.OPEN, opening))
        accepted = await self._trigger_event("connect", sid, environ, run_async=False)
        if accepted is False:
            self.sockets.pop(sid, None)
            return self._unauthorized()
        socket.schedule_ping()
        if transport == "polling":
            socket.connected = True
            return self._ok(await socket.poll(), jsonp_index=jsonp_index)
        try:
            return await socket.upgrade_websocket(environ)
        except BaseException:
            await socket.close(abort=True, reason=self.reason.TRANSPORT_CLOSE)
            raise

    def _open(self, sid: str, transport: str) -> dict[str, Any]:
        return {
            "sid": sid,
            "upgrades": self._upgrades(sid, transport),
            "pingTimeout": int(self.ping_timeout * 1000),
            "pingInterval": int(self.ping_interval * 1000),
            "maxPayload": self.max_http_buffer_size,
        }
