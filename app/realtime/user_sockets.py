"""Which sockets of this node are those of which user."""

from collections.abc import Callable, Collection
from hashlib import sha256

from .session_sockets import Member

Changed = Callable[[str, int | None], None]


class UserSockets:
    """The sockets of users, by namespace and the name under which an index keeps a user (`user_name`).

    A socket's user does not change: a sign-in moves the session to a new id, and its sockets reconnect.

    Args:
        changed: called with the key of a user (see `user_key`) and the new number of sockets, None for none.
    """

    def __init__(self, changed: Changed) -> None:
        self._changed = changed
        self._users: dict[tuple[str, str], dict[Member, None]] = {}

    def __len__(self) -> int:
        """Return the number of users who have sockets here, in each namespace."""
        return len(self._users)

    def join(self, member: Member, user: str) -> None:
        """Add a socket of a user's session."""
        member.user = user
        members = self._users.setdefault((member.namespace, user), {})
        members[member] = None
        self._changed(user_key(member.namespace, user), len(members))

    def leave(self, member: Member) -> None:
        """Remove a socket. If it is no user's, this does nothing."""
        if member.user is None:
            return
        place = (member.namespace, member.user)
        members = self._users[place]
        del members[member]
        if not members:
            del self._users[place]
        self._changed(user_key(*place), len(members) or None)
        member.user = None

    def members(self, namespace: str, user: str) -> Collection[Member]:
        """Return the sockets of a user in a namespace."""
        return list(self._users.get((namespace, user), ()))


def user_key(namespace: str, user: str) -> str:
    """Return the key under which nodes publish how many sockets a user has in a namespace."""
    return "user-" + sha256(f"{namespace}\0{user}".encode()).hexdigest()
