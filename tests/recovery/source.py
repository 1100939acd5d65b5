"""What sends messages: a node, or a worker. Each numbers its own, and remembers those that were taken."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

import httpx

from app import Emitter, to_session, to_user
from app.realtime.bus.base import BusUnavailableError
from app.realtime.targets import To

Target = tuple[str, str]
"""The space and the name of who is sent to."""

_TIMEOUT = 3.0


@dataclass
class Source:
    """One sender of messages to one client.

    Attributes:
        name: says who has sent a message.
        send: sends one; returns whether it was taken.
        targets: who is sent to, in turn.
        taken: numbers of messages that were taken: each is to be received once.
        doubtful: numbers of which nobody knows.
    """

    name: str
    send: Callable[[Target, str, int], Awaitable[bool]]
    targets: Sequence[Target]
    taken: list[int] = field(default_factory=list)
    doubtful: list[int] = field(default_factory=list)
    running: bool = True
    _number: int = 0

    async def run(self, pause: float) -> None:
        """Send one after the other, until it is stopped."""
        while self.running:
            await self.send_next()
            await asyncio.sleep(pause)

    async def send_next(self) -> bool:
        """Send the next one."""
        self._number += 1
        number = self._number
        taken = await self.send(self.targets[number % len(self.targets)], self.name, number)
        (self.taken if taken else self.doubtful).append(number)
        return taken


def by_node(
    client: httpx.AsyncClient,
) -> Callable[[Target, str, int], Awaitable[bool]]:
    """Return what sends by a node."""

    async def send(target: Target, source: str, number: int) -> bool:
        space, name = target
        message = {"space": space, "name": name, "source": source, "number": number}
        try:
            answer = await client.post("/send", json=message, timeout=_TIMEOUT)
        except httpx.HTTPError:
            return False
        return answer.status_code == httpx.codes.OK

    return send


def by_worker(emitter: Emitter) -> Callable[[Target, str, int], Awaitable[bool]]:
    """Return what sends without a node."""

    async def send(target: Target, source: str, number: int) -> bool:
        space, name = target
        to: To = {"session": to_session, "user": to_user}.get(space, str)(name)
        try:
            await emitter.emit("said", source, number, to=to)
        except BusUnavailableError:
            return False
        return True

    return send
