"""Sockets whose connection was lost: what is sent to them is kept until their time is over."""

import asyncio
from contextlib import suppress

from ...aio.timeout_queue import TimeoutQueue
from ...sessions import EndReason
from ..bus.base import EVERY_NODE, BusUnavailableError
from ..rooms import namespace_key, room_key
from ..session_sockets import Member
from ..user_sockets import user_key
from .parts import Parts, key_of
from .recoverable import Disconnected, Recoverable

_GRACE_SECONDS = 10.0
"""How long what is sent to a socket is kept when it has been forgotten: somebody may have read its entry just
before. It is longer than a recovery may take."""


class Departures:
    """Keeps disconnected sockets, each for the window.

    Args:
        parts: of the node.
        seconds: the window.
    """

    def __init__(self, parts: Parts, seconds: float) -> None:
        self._parts = parts
        self._disconnected: dict[str, Disconnected] = {}
        self._expiry = TimeoutQueue[Disconnected](seconds, self._expire)

    def __len__(self) -> int:
        """Return how many sockets are disconnected."""
        return len(self._disconnected)

    def lost(self, member: Member) -> None:
        """Keep a socket whose connection has ended, unless its session did.

        A client that says good-bye leaves its namespaces first. That it closes its connection says nothing:
        the JavaScript one does so when a poll has failed, and comes back.
        """
        recoverable: Recoverable = member.recovery
        ended = has_ended(member.connection.closed_for)
        if ended or not (recoverable.stored and member.greeted):
            return
        member.recovery = None
        self._keep(
            Disconnected(member.sid, member.namespace, key_of(member), recoverable, _of(member))
        )

    def dropped(self, member: Member, recoverable: Recoverable) -> None:
        """Forget a socket that has ended on purpose, or whose connect is refused."""
        key = key_of(member)
        if recoverable.missed is not None and not recoverable.refused:
            # Its connection was lost while it came back: it may do so again.
            self._keep(Disconnected(member.sid, member.namespace, key, recoverable, set()))
        elif recoverable.stored or recoverable.recovered:
            self._parts.sender.engine.run(self._remove(key, recoverable))

    def returned(self, pid: str) -> None:
        """Release a socket that has come back to this node."""
        disconnected = self._disconnected.pop(pid, None)
        if disconnected is not None:
            self._parts.presence.release(disconnected)

    def _keep(self, disconnected: Disconnected) -> None:
        before = self._disconnected.get(disconnected.recoverable.pid)
        if before is not None:  # it has come back and was lost again before it was connected
            disconnected.addresses |= before.addresses
        self._parts.presence.retain(disconnected)
        if before is not None:
            self._parts.presence.release(before)
        self._disconnected[disconnected.recoverable.pid] = disconnected
        self._expiry.add(disconnected)

    async def _remove(self, key: str, recoverable: Recoverable) -> None:
        with suppress(BusUnavailableError):
            await self._parts.store.remove(key, recoverable.pid, recoverable.token)

    def _expire(self, disconnected: Disconnected) -> None:
        if self._disconnected.get(disconnected.recoverable.pid) is disconnected:
            self._parts.sender.engine.run(self._forget(disconnected))

    async def _forget(self, disconnected: Disconnected) -> None:
        recoverable = disconnected.recoverable
        try:
            await self._parts.store.remove(disconnected.key, recoverable.pid, recoverable.token)
        except BusUnavailableError:
            self._expiry.add(disconnected)
            return
        if self._disconnected.get(recoverable.pid) is disconnected:
            del self._disconnected[recoverable.pid]
        loop = asyncio.get_running_loop()
        loop.call_later(_GRACE_SECONDS, self._parts.presence.release, disconnected)


def has_ended(reason: EndReason | None) -> bool:
    """Return True if a connection is closed for the end of its session, and not of its node."""
    return reason not in (None, EndReason.SHUTDOWN)


def _of(member: Member) -> set[str]:
    """Return the addresses of all that a socket is sent."""
    found = {key_of(member), namespace_key(member.namespace), EVERY_NODE}
    found |= {room_key(member.namespace, room) for room in member.rooms or ()}
    return found if member.user is None else found | {user_key(member.namespace, member.user)}
