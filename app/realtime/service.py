"""Composes the Socket.IO server of one event loop."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from ..aio.timeout_queue import TimeoutQueue
from ..asgi.rate_limit import RateLimiter
from ..sessions import EndReason, SessionManager
from .asgi_app import SocketIOApp
from .bus.base import Bus, MemoryBus
from .bus.messages import ChangedMessage, Message, SessionEndedMessage
from .bus.relay import BusRelay
from .carry.carrier import RequestCarrier
from .carry.streams import CarryStreams
from .codec import LibraryCodec
from .connect_token import ConnectTokens
from .context import Resources
from .disconnect import disconnect_socket
from .emitter import Emitter
from .engineio.server import EngineServer
from .event_dispatcher import EventDispatcher
from .events import EventRouter
from .fast_codec import FastCodec
from .gauges import ServiceGauges
from .messenger import Messenger
from .namespace import Namespaces
from .options import RealtimeOptions
from .presence import Presence
from .reconciler import UNUSED_SECONDS, SessionReconciler
from .recovery.messenger import RecoveringMessenger
from .recovery.parts import Parts
from .recovery.recoveries import Recoveries, Window
from .recovery.retention import RetainingPresence
from .registry import SocketRegistry
from .reload_task import ReloadTask
from .rooms import namespace_key
from .sender import PacketSender
from .server import SocketServer
from .session_hooks import SessionHookCaller
from .session_life import SessionLife
from .session_sockets import Member, SessionSockets
from .state_sync import StateSync
from .stop_detector import StopDetector
from .streams.audience import Audience
from .streams.memory import MemoryStreamLog
from .streams.node import NodeStreams
from .user_presence import LocalUserPresence, UserPresence

__all__ = ["RealtimeOptions", "RealtimeService"]

logger = logging.getLogger(__name__)

_EXTENSIONS_PER_IDLE_TIMEOUT = 3
"""How often an open socket extends its session, where it counts as activity."""

_DRAIN_STEPS = 60
EVENTS_TIMEOUT_SECONDS = 2.0
"""Time for events that are being handled at shutdown."""
LAST_POLLS_TIMEOUT_SECONDS = 2.0
"""Time for polling clients to fetch their CLOSE at shutdown, and for handshakes to end."""
LAST_POLLS_INTERVAL_SECONDS = 0.05
RECHECK_DELAY_SECONDS = 0.1
DOUBT_SECONDS = 0.4
"""Time for an end to be replied to; longer than a write waits for replicas."""


class RealtimeService:
    """The Socket.IO server of one event loop, with the sessions and the bus that it works on.

    Nothing is started by the constructor, which needs no event loop. A process may have several: they
    share nothing but metrics.

    Args:
        manager: the sessions.
        router: the events, and the handlers of those that clients send.
        options: limits and time-outs.
        bus: what connects this node with the others.
        presence: numbers of sockets over all nodes.
        node_id: this node's id on the bus.
        rate_limiter: limits the handshakes of one client.
        user_presence: who comes and goes, over all nodes.
        carry_streams: carry requests to the nodes that have their sockets; None where there is one node.

    Attributes:
        app: the ASGI app, to be called for scopes that SocketPath matches.
        emitter: sends events to the sockets of sessions.
        handler_scope: what dependencies of events find in their scope, beside what belongs to the event.
    """

    def __init__(  # noqa: PLR0913 - it composes them
        self,
        manager: SessionManager,
        router: EventRouter,
        options: RealtimeOptions,
        *,
        bus: Bus,
        presence: Presence,
        node_id: str,
        rate_limiter: RateLimiter,
        user_presence: UserPresence | None = None,
        carry_streams: CarryStreams | None = None,
    ) -> None:
        recovers = any(each.recovery for each in router)
        self._bus = bus
        self.presence = RetainingPresence(presence) if recovers else presence
        self.emitter = Emitter(lambda: self.messenger)
        self.registry = SocketRegistry(self)
        self.sender = _make_sender(options, node_id)
        state_sync = StateSync(router, self.sender.send_event)
        self.reconciler = self._make_reconciler(manager, options, state_sync)
        self.stop = self._make_stop_detector(options)
        self.relay = BusRelay(bus, self._deliver, self._reload_all, node=node_id)
        self.recoveries: Recoveries | None = None
        self.messenger = self._make_messenger(router, options, state_sync)
        self.streams = self._make_streams(manager, router, options) if router.streams else None
        self.messenger.streams = self.streams
        self.handler_scope: dict[str, Any] = {}
        resources = self._make_resources(options)
        namespaces = self._make_namespaces(manager, router, options, resources, state_sync)
        self.server = self._make_server(manager, router, options, resources, namespaces)
        self.reload_task = self._make_reload_task(manager, options)
        self.app = SocketIOApp(self.server, rate_limiter, options)
        if carry_streams is not None:
            self.app.carrier = RequestCarrier(
                carry_streams, self.server.engine, self.app.engine_app, node=node_id
            )
        self._unused = TimeoutQueue(UNUSED_SECONDS, self._discard)
        self._gauges = ServiceGauges(self.registry, self.sender.engine, self.relay)
        self._life = self._make_life(
            manager, router, resources, user_presence or LocalUserPresence()
        )
        self.on_session_ending: Callable[[str], Awaitable[None]] = _ignore
        """Awaited when another node says that a session is ending, for what is no socket."""
        self.on_reload_all: Callable[[], Awaitable[None]] = _nothing
        """Awaited when messages may have been missed, or this process was stopped, likewise."""
        manager.add_life_listener(self._life)
        manager.add_end_listener(self.reconciler.disconnect_all)
        manager.add_before_end_listener(self._end_begins)

    def start(self) -> None:
        """Start the background tasks; needs a running event loop."""
        self._gauges.show()
        self.stop.start()
        self.relay.start()
        self.presence.start()
        if self.recoveries is not None:
            self.recoveries.start()
        self._life.start()
        self.reload_task.start()
        if self.app.carrier is not None:
            self.app.carrier.start()

    def leave_metrics(self) -> None:
        """Stop being counted. May be called twice, and without a running event loop."""
        self._gauges.hide()
        if self.app.carrier is not None:
            self.app.carrier.leave_metrics()

    async def aclose(self) -> None:
        """Stop the background tasks. May be called twice."""
        self.leave_metrics()
        if self.app.carrier is not None:
            await self.app.carrier.aclose()
        await self.stop.aclose()
        self.server.executor.close()
        await self.reload_task.aclose()
        self.reconciler.deadlines.close()
        self.reconciler.rechecks.close()
        if self.streams is not None:
            await self.streams.aclose()
        await self._life.aclose()
        if self.recoveries is not None:
            self._bus.stays = self.recoveries.awaits
            await self.recoveries.aclose()
        await self.presence.aclose()
        await self.relay.aclose()

    async def drain(self, seconds: float) -> None:
        """Refuse handshakes, and disconnect all sockets over a time, so that they reconnect elsewhere."""
        self.app.draining = True
        if self.app.carrier is not None:
            self.sender.engine.run(self.app.carrier.drain())
        sockets = self.registry.all()
        steps = min(_DRAIN_STEPS, len(sockets))
        for step in range(steps):
            for socket in sockets[step::steps]:
                await disconnect_socket(self.sender, socket, EndReason.SHUTDOWN)
            if step < steps - 1:
                await asyncio.sleep(seconds / steps)
        await self._drain_late_sockets()
        if self.streams is not None:
            await self.streams.end()
        await self.server.executor.drain(EVENTS_TIMEOUT_SECONDS)

    def connected_changed(self, key: str, sockets: int) -> None:
        """Make the number of a session's connected sockets known to other nodes."""
        self.presence.publish_count(key, sockets)
        self._life.connected_changed(key, sockets)

    async def announce(self, member: Member) -> None:
        """Return when what is sent to a socket's session and namespace reaches this node.

        Raises:
            BusUnavailableError: that takes too long.
        """
        session, namespace = member.connection.session_sockets, member.namespace
        everybody = namespace_key(namespace)
        self.presence.publish_count(everybody, self.registry.connected_in(namespace))
        await self.presence.settle(session.key)
        await self.presence.settle(everybody)

    def namespace_changed(self, namespace: str, sockets: int) -> None:
        """Make the number of a namespace's connected sockets known to other nodes."""
        self.presence.publish_count(namespace_key(namespace), sockets)

    def session_emptied(self, session_sockets: SessionSockets) -> None:
        """Drop the deadline of a session that has no sockets here any more; delete one that none used."""
        key = session_sockets.key
        self.reconciler.deadlines.forget(key)
        self.presence.publish_count(key, None)
        self.reconciler.rechecks.forget(key)
        if session_sockets.unused:
            self._unused.add((key, session_sockets.expires_at))

    def _discard(self, left: tuple[str, float]) -> None:
        if not self.app.draining:
            self.sender.engine.run(self.reconciler.discard(*left, self.presence))

    async def _drain_late_sockets(self) -> None:
        """Disconnect sockets whose handshake was under way, and wait for polls that fetch the CLOSE."""
        for _ in range(round(LAST_POLLS_TIMEOUT_SECONDS / LAST_POLLS_INTERVAL_SECONDS)):
            for socket in self.registry.all():
                await disconnect_socket(self.sender, socket, EndReason.SHUTDOWN)
            if not self.sender.engine.sockets:
                return
            await asyncio.sleep(LAST_POLLS_INTERVAL_SECONDS)

    async def _deliver(self, message: Message) -> None:
        """Apply a message of another node."""
        if isinstance(message, SessionEndedMessage):
            await self._check_ended(message.key)
        elif isinstance(message, ChangedMessage):
            await self._life.read_changed(message.key)
        else:
            await self.messenger.receive(message)

    def _end_begins(self, key: str) -> None:
        """Make all nodes check a session, this one as well: its end may get no reply, and be true."""
        self.relay.send(SessionEndedMessage(key=key))
        if self.registry.session_sockets(key) is not None:
            self.reconciler.rechecks.note(key, DOUBT_SECONDS)

    async def _reload_all(self) -> None:
        """Read the sessions of sockets and of what is none, at once: neither waits for the other."""
        reloads = (self.reconciler.reload_all(), self.on_reload_all())
        for error in await asyncio.gather(*reloads, return_exceptions=True):
            if error is not None:
                raise error

    async def _check_ended(self, key: str) -> None:
        """Load a session that another node says is ending: the record decides."""
        await self.on_session_ending(key)
        if self.registry.session_sockets(key) is None:
            return
        await self.reconciler.reconcile([key])
        if self.registry.session_sockets(key) is not None:
            # On a Cluster the message may arrive before the tombstone.
            self.reconciler.rechecks.note(key, RECHECK_DELAY_SECONDS)

    def _make_reconciler(
        self, manager: SessionManager, options: RealtimeOptions, state_sync: StateSync
    ) -> SessionReconciler:
        return SessionReconciler(
            manager,
            self.registry,
            partial(disconnect_socket, self.sender),
            state_sync.resync,
            extend=options.activity != "http",
            clock=options.clock,
        )

    def _make_stop_detector(self, options: RealtimeOptions) -> StopDetector:
        """Return what finds out that the process was stopped, for all that has to ask for it."""
        stop = StopDetector(self._reload_all, self.sender.release, clock=options.stop_clock)
        self.reconciler.stop = stop
        self.sender.is_stopped = stop.check
        return stop

    def _make_messenger(
        self, router: EventRouter, options: RealtimeOptions, state_sync: StateSync
    ) -> Messenger:
        presence = self.presence
        if not isinstance(presence, RetainingPresence):
            return Messenger(router, self.registry, self.sender, self.relay, presence)
        self._bus.keeps_log = not options.recovery.logs_received
        ends = (self.registry, self.sender, self.relay, presence, options.recovery)
        messenger = RecoveringMessenger(router, *ends)
        window = Window(options.recovery_window, options.ping_interval + options.ping_timeout)
        self.recoveries = Recoveries(Parts(messenger, *ends, state_sync), window)
        return messenger

    def _make_streams(
        self, manager: SessionManager, router: EventRouter, options: RealtimeOptions
    ) -> NodeStreams:
        if isinstance(options.streams, MemoryStreamLog) and not isinstance(self._bus, MemoryBus):
            logger.warning(
                "streams are kept in this process: sockets of other nodes are sent nothing of them, unless "
                "the backend has `streams` that all nodes share"
            )
        return NodeStreams(
            router,
            options.streams,
            self.sender,
            self.messenger.members,
            self.messenger.announce_stream,
            partial(Audience, manager.store, manager.index),
        )

    def _make_resources(self, options: RealtimeOptions) -> Resources:
        return Resources(
            self.emitter,
            options.overrides,
            options.fast_dependencies,
            self.handler_scope,
            options.counters,
        )

    def _make_namespaces(
        self,
        manager: SessionManager,
        router: EventRouter,
        options: RealtimeOptions,
        resources: Resources,
        state_sync: StateSync,
    ) -> Namespaces:
        namespaces = Namespaces(
            manager,
            router,
            resources,
            reconciler=self.reconciler,
            state_sync=state_sync,
            registry=self.registry,
            sender=self.sender,
        )
        if options.verify_token is not None:
            namespaces.tokens = ConnectTokens(
                options.verify_token, manager, self.registry, options.max_sockets
            )
        namespaces.recoveries = self.recoveries
        namespaces.announce = self.announce
        namespaces.add_to_user = self.messenger.add_to_user
        namespaces.streams = self.streams
        return namespaces

    def _make_server(
        self,
        manager: SessionManager,
        router: EventRouter,
        options: RealtimeOptions,
        resources: Resources,
        namespaces: Namespaces,
    ) -> SocketServer:
        dispatcher = EventDispatcher(
            manager, router, resources, reconciler=self.reconciler, sender=self.sender
        )
        return SocketServer(
            self.sender,
            self.registry,
            self.messenger,
            namespaces,
            dispatcher,
            options=options,
            stop=self.stop,
        )

    def _make_life(
        self,
        manager: SessionManager,
        router: EventRouter,
        resources: Resources,
        user_presence: UserPresence,
    ) -> SessionLife:
        run = self.sender.engine.run
        return SessionLife(
            SessionHookCaller(router.session_hooks, resources, manager.attach, run),
            self.registry,
            self.reconciler,
            relay=self.relay,
            presence=self.presence,
            user_presence=user_presence,
            run=run,
        )

    def _make_reload_task(self, manager: SessionManager, options: RealtimeOptions) -> ReloadTask:
        if options.activity == "connected":
            interval = min(
                options.reload_interval, manager.policy.idle / _EXTENSIONS_PER_IDLE_TIMEOUT
            )
            extend = partial(self.reconciler.reconcile, extend=True)
            return ReloadTask(self.registry.keys_in, extend, interval=interval)
        return ReloadTask(
            self.registry.keys_in, self.reconciler.reload, interval=options.reload_interval
        )


def _make_sender(options: RealtimeOptions, node: str) -> PacketSender:
    engine = EngineServer(
        ping_interval=options.ping_interval,
        ping_timeout=options.ping_timeout,
        max_packet_bytes=options.max_packet_bytes,
        max_buffered_bytes=options.max_buffered_bytes,
        node=node,
    )
    return PacketSender(engine, FastCodec() if options.fast_codec else LibraryCodec())


async def _ignore(_key: str) -> None:
    return


async def _nothing() -> None:
    return
