"""Rooms of the application: which sockets of this node are in which."""

from collections.abc import Callable, Collection
from functools import lru_cache
from hashlib import sha256

from .session_sockets import Member

Changed = Callable[[str, int | None], None]


class Rooms:
    """The rooms of this node's sockets, by namespace and name.

    Sessions and single sockets are no rooms here: no name that a client chooses can be one of theirs.

    Args:
        changed: called with the key of a room (see `room_key`) and its new number of sockets, None for none.
    """

    def __init__(self, changed: Changed) -> None:
        self._changed = changed
        self._rooms: dict[tuple[str, str], dict[Member, None]] = {}

    def __len__(self) -> int:
        """Return the number of rooms that have sockets here."""
        return len(self._rooms)

    def join(self, member: Member, room: str) -> None:
        """Add a socket to a room. In a room that it is in already, this does nothing."""
        if member.rooms is None:
            member.rooms = {}
        if room in member.rooms:
            return
        member.rooms[room] = None
        members = self._rooms.setdefault((member.namespace, room), {})
        members[member] = None
        self._changed(room_key(member.namespace, room), len(members))

    def leave(self, member: Member, room: str) -> None:
        """Take a socket out of a room. If it is not in it, this does nothing."""
        if not member.rooms or room not in member.rooms:
            return
        del member.rooms[room]
        members = self._rooms[member.namespace, room]
        del members[member]
        if not members:
            del self._rooms[member.namespace, room]
        self._changed(room_key(member.namespace, room), len(members) or None)

    def leave_all(self, member: Member) -> None:
        """Take a socket out of all its rooms."""
        for room in list(member.rooms or ()):
            self.leave(member, room)

    def members(self, namespace: str, room: str) -> Collection[Member]:
        """Return the sockets in a room."""
        return list(self._rooms.get((namespace, room), ()))


def room_key(namespace: str, room: str) -> str:
    """Return the key under which nodes publish how many sockets a room has; no session's is like it."""
    return "room-" + sha256(f"{namespace}\0{room}".encode(errors="surrogatepass")).hexdigest()


@lru_cache(maxsize=100)
def namespace_key(namespace: str) -> str:
    """Return the key under which nodes publish how many sockets a namespace has."""
    return "all-" + sha256(namespace.encode()).hexdigest()
