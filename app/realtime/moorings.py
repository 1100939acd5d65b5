"""Which sockets of this node belong to which session."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

from app.sessions import EndReason, Found, Record, Session

Look = Callable[[str], Awaitable[Found]]

SLOTS = 16
"""Parts that a reload of all sessions is done in."""


class Heard(NamedTuple):
    """The last that a session's sockets have heard of an event."""

    version: int
    value: Any


class MooredSocket:
    """One socket, from its handshake to its end.

    `sid` is None until it has asked for the namespace, and `session` until its connect handler has
    loaded it. `doomed` is set when its session ends before it is connected: a client has to be
    connected to be told.
    """

    __slots__ = ("connected", "doomed", "eio_sid", "mooring", "session", "sid")

    def __init__(self, eio_sid: str, mooring: "Mooring") -> None:
        self.eio_sid = eio_sid
        self.mooring = mooring
        self.sid: str | None = None
        self.session: Session | None = None
        self.connected = False
        self.doomed: EndReason | None = None


class Mooring:
    """A session, as far as this node has sockets of it.

    `seen` is the version that the last reload found, unless a socket has come since with an older
    one; 0 if there was none. A reload that finds it again has nothing to do. Other looks leave it as it is:
    they bring sockets up to date, but make good nothing that these were not told.
    """

    __slots__ = ("_heard", "_looking", "connected", "floor", "key", "seen", "sockets")

    def __init__(self, key: str) -> None:
        self.key = key
        self.connected = 0
        self.sockets: dict[str, MooredSocket] = {}
        self.floor = 0
        self.seen = 0
        self._heard: dict[str, Heard] = {}
        self._looking: asyncio.Task[Found] | None = None

    def admit(self, version: int) -> None:
        """Note a newcomer that has a version: it may not know what others have seen, and may come first."""
        self.floor = self.floor or version
        self.seen = min(self.seen, version)

    def hears(self, event: str, version: int, value: Any) -> bool:
        """Note what an event says, and tell whether it is news: newer than what was heard last.

        `floor` is the version that the first socket found when it was moored: what is older was
        said before it came.
        """
        heard = self._heard.get(event)
        if version <= (heard.version if heard else self.floor - 1):
            return False
        self._heard[event] = Heard(version, value)
        return True

    def assume(self, event: str, version: int, value: Any) -> None:
        """Take it that a newcomer knows this already, unless more has been heard."""
        self._heard.setdefault(event, Heard(version, value))

    def heard(self, event: str) -> Heard | None:
        """Give what was heard last of an event."""
        return self._heard.get(event)

    def refresh(self, record: Record) -> None:
        """Have the handles of all sockets see a record, if it is newer than what they have."""
        for socket in self.sockets.values():
            if socket.session is not None:
                socket.session.refresh(record)

    async def look(self, look: Look) -> Found:
        """Read the session as it is from now on; calls of one event-loop turn share one read."""
        if self._looking is None:
            self._looking = asyncio.create_task(self._look(look))
        # Shielded: whoever is cancelled must not take the answer from the others.
        return await asyncio.shield(self._looking)

    async def _look(self, look: Look) -> Found:
        self._looking = None  # whoever comes after this needs a newer look
        return await look(self.key)


def slot_of(key: str) -> int:
    """Give the part that a session belongs to, as long as this process lives."""
    return hash(key) % SLOTS


class Moorings:
    """All sockets of this node, by engine id and by session key.

    Sessions are kept in `SLOTS` parts, so that nobody has to look through all of them for one part.
    """

    def __init__(self) -> None:
        self._sockets: dict[str, MooredSocket] = {}
        self._moorings: list[dict[str, Mooring]] = [{} for _ in range(SLOTS)]
        self._changed_listener: Callable[[str, int], None] = lambda _key, _number: None
        self._emptied: Callable[[str], None] = lambda _key: None

    def on_change(self, listener: Callable[[str, int], None]) -> None:
        """Have `listener(key, number)` called when the number of a session's connected sockets changes."""
        self._changed_listener = listener

    def on_empty(self, listener: Callable[[str], None]) -> None:
        """Have `listener(key)` called when the last socket of a session has left."""
        self._emptied = listener

    def __len__(self) -> int:
        """Count the sockets."""
        return len(self._sockets)

    def all(self) -> list[MooredSocket]:
        """Give all sockets; the answer does not change when they leave."""
        return list(self._sockets.values())

    def keys(self) -> list[str]:
        """Give the keys of all sessions that have sockets here."""
        return [key for part in self._moorings for key in part]

    def keys_in(self, slot: int) -> list[str]:
        """Give those of one slot."""
        return list(self._moorings[slot])

    def arrive(self, eio_sid: str, key: str) -> MooredSocket:
        """Register a socket at its handshake."""
        part = self._moorings[slot_of(key)]
        mooring = part.get(key)
        if mooring is None:
            mooring = part[key] = Mooring(key)
        socket = self._sockets[eio_sid] = mooring.sockets[eio_sid] = MooredSocket(eio_sid, mooring)
        return socket

    def leave(self, eio_sid: str) -> None:
        """Forget a socket. If it is not known, this does nothing."""
        socket = self._sockets.pop(eio_sid, None)
        if socket is None:
            return
        mooring = socket.mooring
        del mooring.sockets[eio_sid]
        self.mark(socket, connected=False)
        if not mooring.sockets:
            del self._moorings[slot_of(mooring.key)][mooring.key]
            self._emptied(mooring.key)

    def mark(self, socket: MooredSocket, *, connected: bool) -> None:
        """Note that a socket is in the namespace, or no longer."""
        if socket.connected != connected:
            socket.connected = connected
            self._count(socket.mooring, 1 if connected else -1)

    def mooring(self, key: str) -> Mooring | None:
        """Give a session's mooring, None if it has no socket here."""
        return self._moorings[slot_of(key)].get(key)

    def seen(self, key: str) -> int:
        """Give the version of a session that a reload need not look at again; see Mooring."""
        mooring = self.mooring(key)
        return mooring.seen if mooring else 0

    def socket(self, eio_sid: str | None) -> MooredSocket | None:
        """Give a socket by its engine id."""
        return self._sockets.get(eio_sid) if eio_sid is not None else None

    def sockets(self, key: str) -> list[MooredSocket]:
        """Give the sockets of a session; the answer does not change when they leave."""
        mooring = self.mooring(key)
        return list(mooring.sockets.values()) if mooring else []

    def connected(self, key: str) -> int:
        """Count the sockets of a session that are in the namespace."""
        mooring = self.mooring(key)
        return mooring.connected if mooring else 0

    def is_connected(self, eio_sid: str) -> bool:
        """Tell whether a socket is in the namespace."""
        socket = self._sockets.get(eio_sid)
        return socket is not None and socket.connected

    def _count(self, mooring: Mooring, change: int) -> None:
        mooring.connected += change
        self._changed_listener(mooring.key, mooring.connected)
