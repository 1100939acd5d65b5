"""What a node does when sessions begin, change and end, and when users come and go."""

from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any

from ..asgi.errors import ServiceUnavailableError
from ..sessions import EndReason, Record
from ..sessions.sign_in import user_of
from .bus.messages import ChangedMessage
from .bus.relay import BusRelay
from .presence import Presence
from .reconciler import SessionReconciler
from .registry import SocketRegistry
from .session_hooks import SessionHookCaller
from .session_sockets import SessionSockets
from .user_presence import OnlineUsers, UserPresence


class SessionLife:
    """Has each hook of sessions and users called on the nodes that are to call it.

    Args:
        hooks: calls them.
        registry: the sockets of this node.
        reconciler: reads sessions that other nodes have changed.
        relay: this node's end of the bus.
        presence: chooses one of the nodes.
        user_presence: who comes and goes, over all nodes.
        run: runs a coroutine in the background.
    """

    def __init__(
        self,
        hooks: SessionHookCaller,
        registry: SocketRegistry,
        reconciler: SessionReconciler,
        *,
        relay: BusRelay,
        presence: Presence,
        user_presence: UserPresence,
        run: Callable[[Coroutine[Any, Any, None]], None],
    ) -> None:
        self._hooks = hooks
        self._registry = registry
        self._reconciler = reconciler
        self._relay = relay
        self._presence = presence
        self._user_presence = user_presence
        self._online = OnlineUsers(user_presence)
        self._run = run
        registry.when_newer = self.when_newer
        reconciler.on_expired = self.expired

    def start(self) -> None:
        """Start to follow who comes and goes; needs a running event loop."""
        if self._hooks.awaits_users:
            self._user_presence.start(self._hooks.user_changed)

    async def aclose(self) -> None:
        """Stop. May be called twice."""
        await self._user_presence.aclose()

    def created(self, key: str, record: Record) -> None:
        """Call the hooks for a session that was opened here."""
        self._hooks.created(key, record)

    def committed(self, key: str, before: bytes, after: bytes) -> None:
        """Call hooks, on all nodes, for what has changed of a session."""
        if self._hooks.changed and self._hooks.has_changed(before, after):
            self._relay.send(ChangedMessage(key=key), key)
            self._run(self.read_changed(key))

    def ended(self, key: str, reason: EndReason, record: Record | None) -> None:
        """Call the hooks for a session that was ended here."""
        self._hooks.ended(key, reason, record)

    def when_newer(self, session_sockets: SessionSockets) -> None:
        """Call the hooks for what a newer record has changed."""
        if self._hooks.changed:
            self._hooks.seen(session_sockets)

    def expired(self, session_sockets: SessionSockets) -> None:
        """Call the hooks for a session whose time is over, on one of the nodes that find it so."""
        if self._hooks.awaits_ends and not session_sockets.expired:
            session_sockets.expired = True
            self._run(self._claim_end(session_sockets.key, session_sockets.record))

    async def _claim_end(self, key: str, record: Record | None) -> None:
        with suppress(ServiceUnavailableError):  # else no node calls it, rather than each
            if await self._presence.claim(f"ended:{key}"):
                self._hooks.ended(key, EndReason.EXPIRED, record)

    async def read_changed(self, key: str) -> None:
        """Read a session that has changed, if it has sockets here."""
        if self._registry.session_sockets(key) is not None:
            await self._reconciler.reconcile([key])

    def connected_changed(self, key: str, sockets: int) -> None:
        """Note that the user of a session has come or left, if a hook waits for that."""
        if not self._hooks.awaits_users:
            return
        session_sockets = self._registry.session_sockets(key)
        record = session_sockets.record if sockets and session_sockets else None
        user = user_of(record.owner) if record else None
        if user is not None:
            self._online.add(key, user)
        elif not sockets:
            self._online.discard(key)
