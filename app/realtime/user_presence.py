"""Which users have connected sockets, over all nodes, and who is notified when one comes or goes."""

from abc import ABC, abstractmethod
from collections.abc import Callable

from ..aio.timeout_queue import TimeoutQueue

OFFLINE_DELAY_SECONDS = 1.0
"""How long a user without sockets counts as here: a page that is loaded again, or a sign-in, closes them."""

Changed = Callable[[str, bool], None]
"""Is called with a user who has come, or has left, over all nodes."""


class UserPresence(ABC):
    """Tracks, over all nodes, which of them have sockets of a user.

    Of all nodes one is notified that a user has come, and one that the user has left.
    """

    @abstractmethod
    def start(self, changed: Changed) -> None:
        """Begin; needs a running event loop. `changed` is called for what this node is to report."""

    @abstractmethod
    def set_here(self, user: str, *, here: bool) -> None:
        """Record whether this node has sockets of a user; returns without waiting."""

    async def aclose(self) -> None:
        """Stop. What is recorded of this node is removed by the others. May be called twice."""
        return


class LocalUserPresence(UserPresence):
    """That of a single node."""

    def start(self, changed: Changed) -> None:
        self._changed = changed

    def set_here(self, user: str, *, here: bool) -> None:
        self._changed(user, here)


class OnlineUsers:
    """The users who have connected sockets on this node, in whichever of their sessions.

    Args:
        presence: is notified who comes and who goes.
        delay: seconds for which a user without sockets is still here.
    """

    def __init__(self, presence: UserPresence, delay: float = OFFLINE_DELAY_SECONDS) -> None:
        self._presence = presence
        self._users: dict[str, str] = {}
        """The user of each session that has sockets."""
        self._sessions: dict[str, set[str]] = {}
        """The sessions of each user that have some; empty for a moment after the last has left."""
        self._leaving = TimeoutQueue(delay, self._leave)

    def add(self, key: str, user: str) -> None:
        """Note that a session of a user has sockets."""
        self._users[key] = user
        sessions = self._sessions.get(user)
        if sessions is None:
            sessions = self._sessions[user] = set()
            self._presence.set_here(user, here=True)
        sessions.add(key)

    def discard(self, key: str) -> None:
        """Note that a session has none any more; do nothing if it had none, or has no user."""
        user = self._users.pop(key, None)
        if user is not None:
            self._sessions[user].discard(key)
            if not self._sessions[user]:
                self._leaving.add(user)

    def _leave(self, user: str) -> None:
        """Handle that the delay is over, of the last time that the user has left or an earlier one."""
        if self._sessions.get(user) == set():
            del self._sessions[user]
            self._presence.set_here(user, here=False)
