"""Keeps the sessions that have sockets on this node as they are in the store."""

import logging
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress

from ..aio.in_batches import in_batches
from ..asgi.errors import ServiceUnavailableError
from ..sessions import (
    EndReason,
    Gone,
    LoadResult,
    NotModified,
    Record,
    SessionManager,
    StoreUnavailableError,
    UnreadableRecordError,
)
from ..sessions.ids import short
from ..sessions.unreadable import UnreadableLog
from .deadlines import Deadlines
from .presence import Presence
from .registry import SocketRegistry
from .reload_task import CHUNK
from .session_sockets import Connection, SessionSockets
from .stop_detector import StopDetector, running_time

logger = logging.getLogger(__name__)

DisconnectSocket = Callable[[Connection, EndReason], Awaitable[None]]

OnReloaded = Callable[[SessionSockets, Record], None]

_NO_VERSION = 0
OUTAGE_RETRY_SECONDS = 1.0
UNUSED_SECONDS = 1.0
"""How long a session is kept that a handshake has opened for nobody, for requests that are under way."""
CLOCK_MARGIN_SECONDS = 0.002
"""Time to wait after a deadline: the store's clock ticks in milliseconds, and ours is another."""


class SessionReconciler:
    """Reads sessions and acts on what is found.

    A live record is kept for the events to come; a tombstone, or nothing, disconnects them. If
    the store is unavailable, nothing changes: an outage is no logout.

    Args:
        manager: reads the sessions.
        registry: the sockets of this node.
        disconnect_socket: disconnects a socket for a reason.
        on_reloaded: called with each record that a reload has found changed.
        extend: an event counts as activity of its session.
        clock: returns seconds of a clock that goes on while the machine sleeps.
    """

    def __init__(
        self,
        manager: SessionManager,
        registry: SocketRegistry,
        disconnect_socket: DisconnectSocket,
        on_reloaded: OnReloaded,
        *,
        extend: bool,
        clock: Callable[[], float] = running_time,
    ) -> None:
        self._clock = clock
        self._manager = manager
        self._registry = registry
        self._disconnect_socket = disconnect_socket
        self._on_reloaded = on_reloaded
        self.extends = extend
        """Whether an event counts as activity of its session."""
        self._unreadable = UnreadableLog(logger)
        self.deadlines = Deadlines(self.reconcile)
        self.rechecks = Deadlines(self.reconcile)
        """For sessions that may be ending: a read that is older than its message postpones none of these."""
        self.stop: StopDetector | None = None
        self.on_expired: Callable[[SessionSockets], None] | None = None

    async def load(self, session_sockets: SessionSockets) -> LoadResult:
        """Load a session for a connect."""
        return await self._take(session_sockets, self._read(session_sockets.key))

    async def load_shared(self, session_sockets: SessionSockets) -> LoadResult:
        """Load a session for an event; those in one turn of the event loop share one read."""
        return await self._take(session_sockets, session_sockets.load_shared(self._read))

    async def _take(
        self, session_sockets: SessionSockets, reading: Awaitable[LoadResult]
    ) -> LoadResult:
        before = session_sockets.record
        found = await reading
        if before is not None and isinstance(found, Record) and found.version < before.version:
            self._go_back(session_sockets, found)
        self._refresh(session_sockets.key, found)
        return found

    def take_written(
        self, session_sockets: SessionSockets, written: Record, before: Record
    ) -> None:
        """Take what an event has written to a session that it knew as `before`."""
        if written.version < before.version:
            self._go_back(session_sockets, written)
        session_sockets.refresh(written)

    async def _read(self, key: str) -> LoadResult:
        return await self._manager.find(key, extend=self.extends)

    async def reconcile(self, keys: Sequence[str], *, extend: bool = False) -> None:
        """Load sessions that may have ended, and act on each; with `extend`, as their activity."""

        async def find(
            key: str,
        ) -> tuple[str, LoadResult | StoreUnavailableError | UnreadableRecordError]:
            try:
                return key, await self._manager.find(key, extend=extend)
            except (StoreUnavailableError, UnreadableRecordError) as error:
                return key, error

        async for key, found in in_batches(find, keys):
            if isinstance(found, StoreUnavailableError):
                self.deadlines.note(key, OUTAGE_RETRY_SECONDS)
            elif isinstance(found, UnreadableRecordError):
                self._unreadable.note(key)
            else:
                await self._apply_one(key, found)

    async def reload(self, keys: Sequence[str]) -> None:
        """Load many sessions in one round trip, if they have changed, and act on each."""
        here = self._registry.session_sockets_of(keys)
        versions = [each.reloaded_version if each else _NO_VERSION for each in here]
        # As of now: what a read finds, that begins after this, is as new or the store has lost something.
        known = [each.known_version if each else _NO_VERSION for each in here]
        found_records = await self._manager.find_if_changed(keys, versions)
        for key, found, reloaded, version in zip(keys, found_records, versions, known, strict=True):
            if not isinstance(found, NotModified):
                await self._apply_one(key, found, reloaded=True, known=version)
            elif reloaded < version:
                [older] = await self._manager.find_if_changed([key], [_NO_VERSION])
                if not isinstance(older, NotModified):
                    await self._apply_one(key, older, reloaded=True, known=version)

    async def reload_all(self) -> None:
        """Reload every session that has sockets here, because messages of other nodes were missed."""
        keys = self._registry.keys()
        for start in range(0, len(keys), CHUNK):
            await self.reload(keys[start : start + CHUNK])

    async def apply(self, key: str, found: LoadResult) -> None:
        """Act on what was found under a key."""
        if isinstance(found, Record):
            self._refresh(key, found)
        else:
            gone = found is None and self._has_missed_its_end(key)
            await self.disconnect_all(key, EndReason.LOGOUT if gone else Gone(found).reason)

    def _go_back(self, session_sockets: SessionSockets, record: Record) -> None:
        """Send the sockets of a session what the store says, though they have something newer."""
        logger.warning(
            "the store has lost writes of a session; its sockets are sent its state",
            extra={"session": short(session_sockets.key)},
        )
        session_sockets.go_back(record)
        self._on_reloaded(session_sockets, record)

    async def _apply_one(
        self, key: str, found: LoadResult, *, reloaded: bool = False, known: int = 0
    ) -> None:
        """Act on one of many; a failure costs the others nothing."""
        try:
            session_sockets = self._registry.session_sockets(key)
            if session_sockets and isinstance(found, Record) and found.version < known:
                self._go_back(session_sockets, found)
            await self.apply(key, found)
            session_sockets = self._registry.session_sockets(key)
            if reloaded and session_sockets is not None and isinstance(found, Record):
                session_sockets.reloaded_version = found.version
                self._on_reloaded(session_sockets, found)
        except Exception:
            logger.exception("a session was not reloaded", extra={"session": short(key)})

    async def discard(self, key: str, expires_at: float, presence: Presence) -> None:
        """Delete a session that a handshake has opened, and that nothing has used: no socket, no request.

        A client that is refused may sign in at once, with the cookie of its handshake, and that may take
        a while: what has extended the session beyond `expires_at`, where its sockets left it, uses it.
        """
        # If the store does not reply, its deadline deletes it.
        with suppress(StoreUnavailableError, ServiceUnavailableError, UnreadableRecordError):
            elsewhere = await presence.count_remote(key)
            found = await self._manager.find(key)
            if elsewhere or not isinstance(found, Record) or self._is_used(found, expires_at):
                return
            if self._registry.session_sockets(key) is None:
                await self._manager.discard(key)

    def _is_used(self, record: Record, expires_at: float) -> bool:
        if record.lease is None:
            return False
        used_at = record.lease.expires_at - self._manager.policy.idle - CLOCK_MARGIN_SECONDS
        just_now = record.lease.now - UNUSED_SECONDS
        left_at = max(record.created_at, expires_at - self._manager.policy.idle)
        return used_at > min(just_now, left_at)

    async def disconnect_all(self, key: str, reason: EndReason) -> None:
        """Disconnect all sockets of a session on this node."""
        sockets = self._registry.sockets(key)
        if sockets and reason is EndReason.EXPIRED and self.on_expired is not None:
            self.on_expired(sockets[0].session_sockets)
        for socket in sockets:
            await self._disconnect_socket(socket, reason)

    def _has_missed_its_end(self, key: str) -> bool:
        """Return True if a session that is not there must have been ended, as it cannot have expired.

        For a node that was stopped for longer than tombstones stay. One that holds nothing may have made
        room for others.
        """
        session_sockets = self._registry.session_sockets(key)
        if self.stop is None or session_sockets is None or session_sockets.record is None:
            return False
        if self.stop.stopped_for < self._manager.policy.tombstone:
            return False
        is_empty = session_sockets.record.version == 1 and session_sockets.record.owner is None
        return not is_empty and self._clock() < session_sockets.deadline

    def _refresh(self, key: str, found: LoadResult) -> None:
        session_sockets = self._registry.session_sockets(key)
        if session_sockets is None or not isinstance(found, Record):
            return
        session_sockets.refresh(found)
        if found.lease is not None:
            left = found.lease.seconds
            session_sockets.deadline = self._clock() + left
            expires_at = max(session_sockets.expires_at, found.lease.expires_at)
            session_sockets.expires_at = expires_at
            self.deadlines.note(key, left + CLOCK_MARGIN_SECONDS)
