"""Users whose devices sign in and out, move to new ids, connect and go, until they are told to stop."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress

import httpx

from app.sessions.ids import session_key
from tests.user_ends.connection import Connection
from tests.user_ends.run import World

_PAUSE_SECONDS = 0.03
_DEVICES = 3
_ANSWER_SECONDS = 5.0


class Devices:
    """The devices of one user, each with the cookie that it was given last."""

    def __init__(self, world: World, user: str, rng: random.Random) -> None:
        self.user = user
        self._world = world
        self._rng = rng
        self._stopping = False
        self._cookies: dict[int, str] = {}
        self._connections: list[Connection] = []
        self.running: asyncio.Task[None] | None = None
        self.acts = 0
        """How many were answered well."""

    async def run(self, nodes: Sequence[int]) -> None:
        """Do one thing after another, on these nodes, until `stop`."""
        acts: Sequence[Callable[[int, int], Awaitable[bool]]] = (
            self._sign_in,
            self._rotate,
            self._sign_out,
            self._connect,
            self._connect,
            self._leave,
        )
        while not self._stopping:
            act = self._rng.choice(acts)
            device, node = self._rng.randrange(_DEVICES), self._rng.choice(nodes)
            with suppress(httpx.HTTPError):  # its node was killed, or waits for the store
                self.acts += await act(device, node)
            await asyncio.sleep(self._rng.random() * _PAUSE_SECONDS)

    def stop(self) -> None:
        """Let `run` end."""
        self._stopping = True

    async def sockets(self) -> int:
        """Return how many sockets of the user are open."""
        open_ones = [each for each in self._connections if each.closed_at is None]
        users = await asyncio.gather(*(each.whoami(_ANSWER_SECONDS) for each in open_ones))
        return sum(user == self.user for user, _ in users)

    async def signed_in(self, node: int) -> set[str]:
        """Use each device once, on one node; return the keys of those that are signed in."""
        keys = set()
        for cookie in self._cookies.values():
            answer = await self._world.clients[node].get("/who", headers={"cookie": cookie})
            if answer.json().get("user") == self.user:
                keys.add(key_of(cookie))
        return keys

    async def close(self) -> None:
        """Close all connections."""
        for each in self._connections:
            await each.close()

    async def _sign_in(self, device: int, node: int) -> bool:
        return await self._post(device, node, "/login", {"user": self.user})

    async def _rotate(self, device: int, node: int) -> bool:
        return await self._post(device, node, "/session/rotate")

    async def _sign_out(self, device: int, node: int) -> bool:
        return await self._post(device, node, "/logout")

    async def _connect(self, device: int, node: int) -> bool:
        if device not in self._cookies:
            return False
        connection = Connection(node, is_route=False)
        if await connection.open(self._world.nodes[node], self._cookies[device]):
            self._connections.append(connection)
            await connection.ready()
        return connection.closed_at is None

    async def _leave(self, _device: int, _node: int) -> bool:
        open_ones = [each for each in self._connections if each.closed_at is None]
        if open_ones:
            await self._rng.choice(open_ones).leave()
        return bool(open_ones)

    async def _post(
        self, device: int, node: int, path: str, body: dict[str, str] | None = None
    ) -> bool:
        headers = {"cookie": self._cookies[device]} if device in self._cookies else {}
        answer = await self._world.clients[node].post(path, json=body, headers=headers)
        for each in answer.headers.get_list("set-cookie"):
            self._cookies[device] = each.partition(";")[0]
        return answer.is_success


def key_of(cookie: str) -> str:
    """Return the key of the session of a cookie."""
    return session_key(cookie.partition("=")[2].partition(".")[0])
