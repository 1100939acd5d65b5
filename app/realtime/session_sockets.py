"""A session's sockets on this node: connections, their sockets in namespaces, what these have received."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

from ..sessions import EndReason, LoadResult, Record

_NONE: frozenset[str] = frozenset()

Load = Callable[[str], Awaitable[LoadResult]]

_new = tuple.__new__
"""A named tuple's own is a function in Python."""


class LastSent(NamedTuple):
    """The last value of an event that a session's sockets have received, or are taken to have."""

    version: int
    value: Any
    received: bool


class Member:
    """A connection's socket in one namespace, from its CONNECT to its end.

    Attributes:
        loaded: its connect has loaded the session.
        connected: the client has been sent its `sid`.
        held: what is to be sent behind the answer to its CONNECT; None once that is sent.
        rooms: of the application, that it is in; None if it has never been in any. With recovery each has
            the position when it was joined, once that is noted.
        calls: what awaits the client's acks, by their number; None if nothing ever did.
        user: the name under which an index keeps its user; None if nobody is signed in.
        greeted: its connect handlers have accepted it, so that its disconnect handlers are to run.
        recovery: what is kept of it for its return; None where its namespace has no recovery.
    """

    __slots__ = (
        "calls",
        "connected",
        "connection",
        "greeted",
        "held",
        "loaded",
        "namespace",
        "recovery",
        "rooms",
        "sid",
        "user",
    )

    def __init__(self, connection: "Connection", namespace: str, sid: str) -> None:
        self.connection = connection
        self.namespace = namespace
        self.sid = sid
        self.loaded = False
        self.connected = False
        self.greeted = False
        self.held: list[Any] | None = []
        self.rooms: dict[str, Any] | None = None
        self.user: str | None = None
        self.recovery: Any = None
        self.calls: dict[int, asyncio.Future[list[Any]]] | None = None


class Connection:
    """One client's connection, from its handshake to its end, with its sockets in namespaces.

    `pending_close` is set when the session ends before a socket is connected: only a connected
    client can be sent why. With `ending` an event of its own ends the session: its ack is sent before
    the connection is closed. `closed_for` is why the server closed it, `left` has the namespaces that it
    has disconnected the client from. `opened` says that its handshake had no session, and opened one.
    """

    __slots__ = (
        "address",
        "closed_for",
        "connected",
        "eio_sid",
        "ending",
        "handshake",
        "left",
        "members",
        "opened",
        "pending_close",
        "session_sockets",
    )

    def __init__(self, eio_sid: str, session_sockets: "SessionSockets") -> None:
        self.eio_sid = eio_sid
        self.opened = False
        self.session_sockets = session_sockets
        self.members: dict[str, Member] = {}
        self.connected = 0
        self.ending = False
        self.pending_close: EndReason | None = None
        self.closed_for: EndReason | None = None
        self.address: str | None = None
        self.handshake: Any = None
        self.left: frozenset[str] = _NONE


class SessionSockets:
    """The sockets of one session on this node, and what they have received of its state.

    Attributes:
        reloaded_version: version that the last reload found, unless a socket has come since with an
            older one; 0 if there was none. A reload that finds it again has nothing to do. Other
            loads leave it as it is: they refresh sessions, but resend no missed state.
        baseline_version: version that the first socket loaded; what is older was sent before it came.
        record: the newest that is known here; None until a socket has loaded the session.
        known_version: the highest that the store is known to have had; 0 if none is. A reload asks for all.
        deadline: time of `running_time()` before which the session does not expire, as far as is known.
        expires_at: when it expires by the store's clock, as loads here have left it; 0 if there was none.
        connected: how many of its connections have a connected socket.
        connecting: how many are about to have their first one; other nodes count them already.
        unused: a handshake has opened the session, and no socket has connected since.
        expired: hooks have been called for its end.
        watched: the values that hooks wait for changes of, as the sockets have them.
        when_newer: called when a newer record is known; None if nobody waits for it.
    """

    __slots__ = (
        "_last_sent",
        "_loading",
        "baseline_version",
        "connected",
        "connecting",
        "deadline",
        "expired",
        "expires_at",
        "key",
        "known_version",
        "record",
        "reloaded_version",
        "sockets",
        "unused",
        "watched",
        "when_newer",
    )

    def __init__(self, key: str) -> None:
        self.key = key
        self.watched: dict[str, Any] | None = None
        self.when_newer: Callable[[SessionSockets], None] | None = None
        self.connected = 0
        self.connecting = 0
        self.sockets: dict[str, Connection] = {}
        self.baseline_version = 0
        self.reloaded_version = 0
        self.record: Record | None = None
        self.known_version = 0
        self.deadline = 0.0
        self.expires_at = 0.0
        self.unused = False
        self.expired = False
        self._last_sent: dict[str, LastSent] = {}
        self._loading: asyncio.Task[LoadResult] | None = None

    def add_baseline(self, version: int) -> None:
        """Note the version that a new socket has loaded: what others received, it may have missed."""
        self.baseline_version = self.baseline_version or version
        self.reloaded_version = min(self.reloaded_version, version)

    def accept(self, event: str, version: int, value: Any) -> bool:
        """Record the value of an event, and return True if the sockets are to receive it.

        An older version never follows a newer one. A second value at one version does follow the
        first, but the same value is not sent twice.
        """
        last = self._last_sent.get(event)
        if last is None:
            outdated = version < self.baseline_version
        else:
            last_version, last_value, received = last
            if version == last_version:
                outdated = not received or bool(value == last_value)
            else:
                outdated = version < last_version
        if not outdated:
            self._last_sent[event] = _new(LastSent, (version, value, True))
            self.known_version = max(self.known_version, version)
        return not outdated

    def seed(self, event: str, version: int, value: Any) -> None:
        """Take a new socket to have a value, unless the session's sockets have received one."""
        self._last_sent.setdefault(event, LastSent(version, value, received=False))

    def last_sent(self, event: str) -> LastSent | None:
        """Return the last value of an event, None if there is none."""
        return self._last_sent.get(event)

    def loaded(self, namespace: str = "/") -> list[Member]:
        """Return the sockets in a namespace that have loaded the session: to these its state may be sent."""
        found = []
        for each in self.sockets.values():
            member = each.members.get(namespace)
            if member is not None and member.loaded:
                found.append(member)
        return found

    def refresh(self, record: Record) -> None:
        """Keep a record for the events to come, if it is newer than the one known."""
        version = record.version
        if self.record is None or version > self.record.version:
            self.record = record
            self.known_version = max(self.known_version, version)
            if self.when_newer is not None:
                self.when_newer(self)

    def go_back(self, record: Record) -> None:
        """Take an older record for the newest: a failover has lost what came after it."""
        self.record = record
        self.known_version = record.version
        self.baseline_version = min(self.baseline_version, record.version)
        for event, last in self._last_sent.items():
            version = min(last.version, record.version - 1)
            self._last_sent[event] = LastSent(version, last.value, last.received)

    async def load_shared(self, load: Load) -> LoadResult:
        """Load the session; calls in one turn of the event loop share one read."""
        if self._loading is None:
            self._loading = asyncio.create_task(self._load(load))
        # Shielded: a caller that is cancelled must not cancel the others' read.
        return await asyncio.shield(self._loading)

    async def _load(self, load: Load) -> LoadResult:
        self._loading = None  # a call after this needs a newer read
        return await load(self.key)
