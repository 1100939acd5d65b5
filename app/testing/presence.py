"""Which nodes of a TestApp have sockets of whom: what nodes on one Redis server know of each other."""

import asyncio
from collections.abc import Callable

from ..realtime.presence import Presence
from ..realtime.user_presence import Changed, UserPresence

_CLAIM_SECONDS = 60.0


class Presences:
    """What is shared. Nodes run one at a time, so nothing is locked.

    Args:
        now: returns seconds of a clock that never goes back.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self.now = now
        self.counts: dict[str, dict[str, int]] = {}
        self.claims: dict[str, float] = {}
        self.users: dict[str, set[str]] = {}
        self.callbacks: dict[str, tuple[asyncio.AbstractEventLoop, Changed]] = {}

    def forget(self, node: str) -> None:
        """Forget a node that has left; another one reports the users who have left with it."""
        self.counts.pop(node, None)
        self.callbacks.pop(node, None)
        for user in [user for user, nodes in self.users.items() if node in nodes]:
            if self.leave(user, node) and self.callbacks:
                loop, changed = next(iter(self.callbacks.values()))
                loop.call_soon_threadsafe(changed, user, False)

    def leave(self, user: str, node: str) -> bool:
        """Note that a node has no sockets of a user; return whether no node has."""
        nodes = self.users.get(user, set())
        nodes.discard(node)
        if not nodes:
            return self.users.pop(user, None) is not None
        return False


class SharedPresence(Presence):
    """The numbers of sockets, as one node sees them."""

    def __init__(self, shared: Presences, node: str) -> None:
        self._shared = shared
        self._node = node

    def publish_count(self, key: str, sockets: int | None) -> None:
        """Note how many sockets this node has under a key."""
        counts = self._shared.counts.setdefault(self._node, {})
        if sockets is None:
            counts.pop(key, None)
        else:
            counts[key] = sockets

    async def count_remote(self, key: str) -> int:
        """Return how many the other nodes have."""
        return sum(
            counts.get(key, 0) for node, counts in self._shared.counts.items() if node != self._node
        )

    async def claim(self, name: str) -> bool:
        """Return True to the first who asks within a minute."""
        now, claims = self._shared.now(), self._shared.claims
        if claims.get(name, now) > now:
            return False
        claims[name] = now + _CLAIM_SECONDS
        return True

    async def aclose(self) -> None:
        """Stop being a node."""
        self._shared.counts.pop(self._node, None)


class SharedUserPresence(UserPresence):
    """Who is here, as one node sees it."""

    def __init__(self, shared: Presences, node: str) -> None:
        self._shared = shared
        self._node = node

    def start(self, changed: Changed) -> None:
        """Begin, on the running event loop."""
        self._shared.callbacks[self._node] = asyncio.get_running_loop(), changed

    def set_here(self, user: str, *, here: bool) -> None:
        """Note that a user has come here, or has left; report it if it is so on all nodes."""
        _, changed = self._shared.callbacks[self._node]
        if not here:
            if self._shared.leave(user, self._node):
                changed(user, False)
            return
        nodes = self._shared.users.setdefault(user, set())
        nodes.add(self._node)
        if len(nodes) == 1:
            changed(user, True)

    async def aclose(self) -> None:
        """Stop being a node."""
        self._shared.forget(self._node)
