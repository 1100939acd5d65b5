"""Which sockets of this node belong to which session."""

from collections.abc import Callable, Iterable
from typing import Protocol

from .session_sockets import Connection, Member, SessionSockets

SLOTS = 8
"""Parts that the sessions are kept in, so that a reload of one part need not search all of them."""


class RegistryListener(Protocol):
    """Is notified of changes in a SocketRegistry; returns at once."""

    def connected_changed(self, key: str, sockets: int) -> None:
        """Handle a new number of connections of a session that are connected to a namespace."""

    def namespace_changed(self, namespace: str, sockets: int) -> None:
        """Handle a new number of connected sockets of a namespace."""

    def session_emptied(self, session_sockets: SessionSockets) -> None:
        """Handle that the last socket of a session has been unregistered."""


def slot_of(key: str) -> int:
    """Return the part that a session belongs to; it differs between processes."""
    return hash(key) % SLOTS


class SocketRegistry:
    """All connections of this node, by Engine.IO id and by session key, and their sockets by `sid`."""

    def __init__(self, listener: RegistryListener) -> None:
        self.when_newer: Callable[[SessionSockets], None] | None = None
        self._listener = listener
        self._connections: dict[str, Connection] = {}
        self._members: dict[str, Member] = {}
        self._in_namespace: dict[str, int] = {}
        self._sessions: list[dict[str, SessionSockets]] = [{} for _ in range(SLOTS)]

    def __len__(self) -> int:
        """Return the number of connections."""
        return len(self._connections)

    def all(self) -> list[Connection]:
        """Return a copy of the list of all connections."""
        return list(self._connections.values())

    def keys(self) -> list[str]:
        """Return the keys of all sessions that have connections here."""
        return [key for part in self._sessions for key in part]

    def keys_in(self, slot: int) -> list[str]:
        """Return the keys in one slot."""
        return list(self._sessions[slot])

    def register(self, eio_sid: str, key: str, *, opened: bool = False) -> Connection:
        """Register a connection at its handshake, which may have opened the session."""
        session_sockets = self._find_or_add(key, unused=opened)
        connection = self._connections[eio_sid] = session_sockets.sockets[eio_sid] = Connection(
            eio_sid, session_sockets
        )
        connection.opened = opened
        return connection

    def move(self, connection: Connection, key: str) -> None:
        """Register a connection, no socket of which is connected, with another session."""
        before = connection.session_sockets
        connection.session_sockets = self._find_or_add(key, unused=False)
        connection.session_sockets.sockets[connection.eio_sid] = connection
        connection.pending_close = None  # that was an end of the session before
        self._remove(connection, before)

    def unregister(self, eio_sid: str) -> None:
        """Remove a connection with its sockets. If it is not known, this does nothing."""
        connection = self._connections.pop(eio_sid, None)
        if connection is None:
            return
        for member in list(connection.members.values()):
            self.leave(member)
        self._remove(connection, connection.session_sockets)

    def _find_or_add(self, key: str, *, unused: bool) -> SessionSockets:
        part = self._sessions[slot_of(key)]
        session_sockets = part.get(key)
        if session_sockets is None:
            session_sockets = part[key] = SessionSockets(key)
            session_sockets.unused = unused
            session_sockets.when_newer = self.when_newer
        return session_sockets

    def _remove(self, connection: Connection, session_sockets: SessionSockets) -> None:
        del session_sockets.sockets[connection.eio_sid]
        if not session_sockets.sockets:
            del self._sessions[slot_of(session_sockets.key)][session_sockets.key]
            self._listener.session_emptied(session_sockets)

    def enter(self, connection: Connection, namespace: str, sid: str) -> Member:
        """Register a socket of a connection in a namespace, which is not connected yet."""
        member = Member(connection, namespace, sid)
        connection.members[namespace] = self._members[sid] = member
        return member

    def rename(self, member: Member, sid: str) -> None:
        """Change the id of a socket to one that no other socket has."""
        del self._members[member.sid]
        member.sid = sid
        self._members[sid] = member

    def leave(self, member: Member) -> None:
        """Remove a socket from its namespace. May be called twice."""
        self.set_connected(member, connected=False)
        if self._members.pop(member.sid, None) is not None:
            del member.connection.members[member.namespace]
            self._publish(member.connection.session_sockets)

    def set_connected(self, member: Member, *, connected: bool) -> None:
        """Record whether a socket is connected to its namespace."""
        if member.connected == connected:
            return
        member.connected = connected
        step = 1 if connected else -1
        in_namespace = self._in_namespace.get(member.namespace, 0) + step
        self._in_namespace[member.namespace] = in_namespace
        self._listener.namespace_changed(member.namespace, in_namespace)
        connection = member.connection
        connection.connected += step
        session_sockets = connection.session_sockets
        if connection.connected == (1 if connected else 0):
            session_sockets.unused = False
            session_sockets.connected += step
        self._publish(session_sockets)

    def connecting(self, connection: Connection) -> "_Connecting":
        """Count a connection as connected, for other nodes, while its first socket is connecting."""
        return _Connecting(self._publish, connection)

    def _publish(self, session_sockets: SessionSockets) -> None:
        sockets = session_sockets.connected + session_sockets.connecting
        self._listener.connected_changed(session_sockets.key, sockets)

    def session_sockets(self, key: str) -> SessionSockets | None:
        """Return the connections of a session, None if it has none here."""
        return self._sessions[slot_of(key)].get(key)

    def session_sockets_of(self, keys: Iterable[str]) -> list[SessionSockets | None]:
        """Return the same for each of many sessions."""
        return [self._sessions[slot_of(key)].get(key) for key in keys]

    def connection(self, eio_sid: str | None) -> Connection | None:
        """Return a connection by its Engine.IO id."""
        return self._connections.get(eio_sid) if eio_sid is not None else None

    def member(self, sid: str) -> Member | None:
        """Return a socket by its id."""
        return self._members.get(sid)

    def members(self, namespace: str) -> list[Member]:
        """Return all connected sockets of a namespace."""
        return [
            each
            for each in self._members.values()
            if each.connected and each.namespace == namespace
        ]

    def sockets(self, key: str) -> list[Connection]:
        """Return a copy of the list of a session's connections."""
        session_sockets = self.session_sockets(key)
        return list(session_sockets.sockets.values()) if session_sockets else []

    def connected(self, key: str) -> int:
        """Return the number of a session's connections that are connected to a namespace."""
        session_sockets = self.session_sockets(key)
        return session_sockets.connected if session_sockets else 0

    def connected_in(self, namespace: str) -> int:
        """Return the number of connected sockets in a namespace."""
        return self._in_namespace.get(namespace, 0)

    def is_connected(self, eio_sid: str) -> bool:
        """Return True if a connection is connected to a namespace."""
        connection = self._connections.get(eio_sid)
        return connection is not None and connection.connected > 0


class _Connecting:
    """The block in which a connection's socket is connecting."""

    __slots__ = ("_publish", "_session_sockets", "_step")

    def __init__(self, publish: Callable[[SessionSockets], None], connection: Connection) -> None:
        self._publish = publish
        self._session_sockets = connection.session_sockets
        self._step = 0 if connection.connected else 1

    def __enter__(self) -> None:
        self._session_sockets.connecting += self._step
        self._publish(self._session_sockets)

    def __exit__(self, *_error: object) -> None:
        self._session_sockets.connecting -= self._step
