"""The realtime edge as one object: the composition of everything in this package."""

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

from app.limits import Admission
from app.realtime.closing import let_go
from app.realtime.events import Events
from app.realtime.handshake import RealtimeApp
from app.realtime.manager import RoomManager
from app.realtime.messages import Ended, Library, Message, Tell
from app.realtime.metrics import MOORED, SOCKETS
from app.realtime.moorings import Moorings
from app.realtime.namespace import SessionNamespace
from app.realtime.news import News, Read
from app.realtime.peers import Peers
from app.realtime.post import Post
from app.realtime.reload import ReloadTask
from app.realtime.server import SocketServer
from app.realtime.watch import Watch
from app.sessions import EndReason, Sessions

Activity = Literal["http", "events", "connected"]

MAX_PACKET = 1_000_000
"""Bytes; Engine.IO's own default, and what the HTTP server is told, too."""

_CONNECTED_LOOKS = 3
"""How often within an idle timeout an open socket extends it, where it is to count as activity."""


HEARTBEAT: dict[str, float] = {"ping_interval": 25, "ping_timeout": 20}
"""Seconds, as the Node server has them."""

_DRAIN_STEPS = 60
_LAST_EVENTS = 2.0
"""Seconds that events under way have at shutdown."""
_LAST_POLLS = 2.0
"""Seconds that polling clients have at shutdown to fetch their CLOSE, and handshakes to end."""
_LAST_LOOKS = 40
_SECOND_LOOK = 0.1
"""Seconds."""


@dataclass(frozen=True)
class RealtimeOptions:
    """`reload_interval` in seconds; `activity` says what extends a session's idle deadline.

    `max_sockets` is how many sockets of one session this node takes.
    """

    reload_interval: float = 30.0
    activity: Activity = "http"
    max_sockets: int = 100


class Realtime:
    """Owns the Socket.IO server, the moorings, the watch over them, the post and the reload task."""

    def __init__(
        self,
        sessions: Sessions,
        events: Events,
        options: RealtimeOptions,
        *,
        state: Mapping[str, Read],
        peers: Peers,
        admission: Admission,
    ) -> None:
        self._events = events
        self.moorings = Moorings()
        self.manager = RoomManager()
        self.server = _make_server(self.moorings, self.manager)
        self.watch = Watch(
            sessions,
            self.moorings,
            partial(let_go, self.server),
            extend=options.activity != "http",
        )
        self.post = Post(peers.bus, self._deliver, self.watch.reload_all, node=peers.node)
        self.presence = peers.presence
        news = News(state, self.server.tell)
        self.watch.on_reloaded = news.make_good
        self._attach(SessionNamespace(sessions, self.watch, events, self, news))
        sessions.on_end(self.watch.end)
        sessions.on_ending(lambda key: self.post.send(Ended(key=key)))
        self.reload_task = self._make_reload_task(sessions, options)
        self.app = RealtimeApp(self.server, admission, max_sockets=options.max_sockets)

    def start(self) -> None:
        """Start the background tasks; needs a running event loop."""
        MOORED.set_function(lambda: len(self.moorings.keys()))
        for transport in ("polling", "websocket"):
            SOCKETS.labels(transport).set_function(partial(self._sockets_on, transport))
        self.post.start()
        self.presence.start()
        self.reload_task.start()

    async def aclose(self) -> None:
        """Stop the background tasks. May be called twice."""
        await self.reload_task.aclose()
        self.watch.deadlines.close()
        await self.presence.aclose()
        await self.post.aclose()

    async def drain(self, seconds: float) -> None:
        """Refuse handshakes, and let go all sockets, spread over a time, so that they go elsewhere."""
        self.app.draining = True
        sockets = self.moorings.all()
        steps = min(_DRAIN_STEPS, len(sockets))
        for step in range(steps):
            for socket in sockets[step::steps]:
                await let_go(self.server, socket, EndReason.SHUTDOWN)
            if step < steps - 1:
                await asyncio.sleep(seconds / steps)
        await self._see_off()
        await self.server.lanes.drain(_LAST_EVENTS)

    async def _see_off(self) -> None:
        """Wait for those whose handshake was under way, and for polls that fetch what is left."""
        for _ in range(_LAST_LOOKS):
            for socket in self.moorings.all():
                await let_go(self.server, socket, EndReason.SHUTDOWN)
            if not self.server.eio.sockets:
                return
            await asyncio.sleep(_LAST_POLLS / _LAST_LOOKS)

    async def tell(self, key: str, version: int, event: str, value: Any) -> None:
        """Send an event to every socket of a session; see app.rooms."""
        value = self._events.check(event, value)
        self._tell_here(key, version, event, value)
        if not self.post.alone:
            self.post.send(Tell(key=key, version=version, event=event, value=value))

    async def count(self, key: str) -> int:
        """Count the live sockets of a session; see app.rooms."""
        return self.moorings.connected(key) + await self.presence.elsewhere(key)

    def _tell_here(self, key: str, version: int, event: str, value: Any) -> None:
        mooring = self.moorings.mooring(key)
        if mooring is not None and mooring.hears(event, version, value):
            self.server.tell(mooring.sockets.values(), event, value)

    async def _deliver(self, message: Message) -> None:
        """Apply a message of another node."""
        match message:
            case Tell():
                self._tell_here(message.key, message.version, message.event, message.value)
            case Ended():
                await self._look_at(message.key)
            case Library():
                await self.manager.receive(message)

    def _sockets_on(self, transport: str) -> int:
        upgraded = transport == "websocket"
        sockets = self.server.eio.sockets.values()
        return sum(socket.connected and socket.upgraded == upgraded for socket in sockets)

    async def _look_at(self, key: str) -> None:
        """Look at a session that another node says is ending; the record is the truth."""
        if self.moorings.mooring(key) is None:
            return
        await self.watch.check([key])
        if self.moorings.mooring(key) is not None:
            # Nodes of a Cluster may let the message overtake the tombstone.
            self.watch.deadlines.note(key, _SECOND_LOOK)

    def _attach(self, namespace: SessionNamespace) -> None:
        self.server.register_namespace(namespace)
        self.server.answer = namespace.answer
        self.manager.on_connected = namespace.connected
        self.manager.send = self.post.send
        self.manager.host_id = self.post.node
        self.moorings.on_change(self.presence.note)

    def _make_reload_task(self, sessions: Sessions, options: RealtimeOptions) -> ReloadTask:
        if options.activity == "connected":
            idle = sessions.policy.idle
            interval = min(options.reload_interval, idle / _CONNECTED_LOOKS)
            extend = partial(self.watch.check, extend=True)
            return ReloadTask(self.moorings.keys_in, extend, interval=interval)
        return ReloadTask(
            self.moorings.keys_in, self.watch.reload, interval=options.reload_interval
        )


def _make_server(moorings: Moorings, manager: RoomManager) -> SocketServer:
    return SocketServer(
        moorings,
        client_manager=manager,
        async_mode="asgi",
        cors_allowed_origins=[],  # CORS and origins are the HTTP edge's, for both edges
        max_http_buffer_size=MAX_PACKET,
        logger=logging.getLogger("app.realtime.socketio"),
        engineio_logger=logging.getLogger("app.realtime.engineio"),
        **HEARTBEAT,
    )
