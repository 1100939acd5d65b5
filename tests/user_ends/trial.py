"""One user: devices on three nodes, acts that race with the end of them all, and what is left."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

import httpx

from tests.support.service import Service
from tests.user_ends.connection import Connection

RACE_SECONDS = 0.06
_RACES = (0.0, 0.005, 0.02, RACE_SECONDS)
"""Within which the acts of a trial begin."""
_ACTS = 5


@dataclass
class Device:
    """One browser of the user: the cookies that it was ever given, the newest last."""

    cookies: list[str] = field(default_factory=list)

    @property
    def cookie(self) -> str:
        """The newest cookie."""
        return self.cookies[-1] if self.cookies else ""


class Trial:
    """The race of one user.

    Args:
        user: a name that nobody else has.
        nodes: three; the last may fail.
        clients: one for each, without jars.
        rng: decides what races when.
    """

    def __init__(
        self,
        user: str,
        nodes: Sequence[Service],
        clients: Sequence[httpx.AsyncClient],
        rng: random.Random,
    ) -> None:
        self.user = user
        self.began = 0.0
        """When the end was asked for: who has signed in before is of before."""
        self.ended = 0.0
        """When it was answered."""
        self.connections: list[Connection] = []
        self.later = Device()
        self.later_socket: Connection | None = None
        self._nodes = nodes
        self._clients = clients
        self._rng = rng
        self._devices: list[Device] = []

    async def prepare(self) -> None:
        """Sign in on each node, and open a socket and a WebSocket route."""
        for number in range(len(self._nodes)):
            device = Device()
            self._devices.append(device)
            await self._login(device, number)
        for device in self._devices[:2]:
            await self._connect(device, self._any_node())
        await self._connect(self._devices[2], self._any_node(), is_route=True)
        for each in self.connections:
            await each.ready()

    async def race(self) -> None:
        """End the user amid other acts; return when that is answered."""
        acts = [self._at_some_time(self._act()) for _ in range(_ACTS)]
        self._race = self._rng.choice(_RACES)
        self._tasks = [asyncio.ensure_future(each) for each in acts]
        await asyncio.sleep(self._rng.random() * self._race)
        self.began = time.time()
        answer = await self._clients[self._rng.randrange(2)].post(f"/ban/{self.user}")
        assert answer.status_code == httpx.codes.OK, answer.text
        self.ended = time.time()

    async def go_on(self) -> None:
        """Tell all sockets of the user something, use them, and sign in anew."""
        running = self._rng.randrange(2)
        await self._clients[running].post(f"/tell/{self.user}")
        for each in self.connections:
            await each.send('428["since"]')
        await self._login(self.later, running)
        self.later_socket = await self._connect(self.later, running, counts=False)

    async def settle(self) -> None:
        """Wait for the acts that were under way."""
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def close(self) -> None:
        """Close all connections."""
        more = [] if self.later_socket is None else [self.later_socket]
        for each in (*self.connections, *more):
            await each.close()

    def _act(self) -> Callable[[], Awaitable[object]]:
        device, node = self._rng.choice(self._devices), self._any_node()
        acts: Sequence[Callable[[], Awaitable[object]]] = (
            lambda: self._login(Device(), node),
            lambda: self._login(device, node),
            lambda: self._post(device, node, "/session/rotate"),
            lambda: self._connect(device, node),
            lambda: self._sign_in_and_connect(node),
        )
        return self._rng.choice(acts)

    async def _at_some_time(self, act: Callable[[], Awaitable[object]]) -> None:
        await asyncio.sleep(self._rng.random() * self._race)
        with suppress(httpx.HTTPError):  # its node was killed, or hangs
            await act()

    async def _sign_in_and_connect(self, node: int) -> None:
        device = Device()
        await self._login(device, node)
        if device.cookie:
            await self._connect(device, self._any_node())

    async def _login(self, device: Device, node: int) -> None:
        await self._post(device, node, "/login", {"user": self.user})

    async def _post(
        self, device: Device, node: int, path: str, body: dict[str, str] | None = None
    ) -> None:
        headers = {"cookie": device.cookie} if device.cookie else {}
        answer = await self._clients[node].post(path, json=body, headers=headers)
        for each in answer.headers.get_list("set-cookie"):
            device.cookies.append(each.partition(";")[0])

    async def _connect(
        self, device: Device, node: int, *, is_route: bool = False, counts: bool = True
    ) -> Connection:
        connection = Connection(node, is_route)
        if await connection.open(self._nodes[node], device.cookie) and counts:
            self.connections.append(connection)
        return connection

    def _any_node(self) -> int:
        return self._rng.randrange(len(self._nodes))


def names(rng: random.Random) -> Iterator[str]:
    """Return users that nobody has had."""
    while True:
        yield f"user-{rng.getrandbits(64):x}"
