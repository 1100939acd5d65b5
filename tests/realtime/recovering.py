"""Nodes that recover sockets, in the test's own process, and clients that come back to them."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import orjson

from app.realtime.bus.redis import WAIT, RedisBus
from app.realtime.events import EventRouter
from app.realtime.recovery.redis import RedisRecoveryStore
from app.realtime.recovery.store import MemoryRecoveryStore
from app.realtime.redis_presence import RedisPresence
from app.realtime.service import RealtimeService
from app.redis.url import TIMEOUT, connect
from tests.realtime.two_nodes import Client, Cluster
from tests.support.eventually import eventually
from tests.support.servers import StoreServer


class RecoveringClient:
    """A client that keeps what a stock one does: its private id, its offset, and what it has received."""

    def __init__(self, namespace: str = "/") -> None:
        self.namespace = namespace
        self.pid: str | None = None
        self.sid: str | None = None
        self.offset: str | None = None
        self.recovered = False
        self.events: list[list[Any]] = []
        self.client: Client | None = None

    async def connect(self, client: Client, **auth: Any) -> str:
        """Connect by a new connection, and return the answer."""
        self.client = client
        if self.pid is not None:
            auth |= {"pid": self.pid} | ({"offset": self.offset} if self.offset else {})
        answer = await client.join(self.namespace, auth or None)
        found = orjson.loads(answer)
        if "sid" in found:
            self.recovered = self.pid is not None and found.get("pid") == self.pid
            self.pid, self.sid = found.get("pid"), found["sid"]
        return answer

    async def next(self) -> list[Any]:
        """Return the next event, without its offset if it has one."""
        assert self.client is not None
        event = await self.client.event()
        if isinstance(event[-1], str) and len(event) > 1:
            self.offset = event.pop()
        self.events.append(event)
        return event

    async def take(self, number: int) -> list[Any]:
        """Return the first arguments of the next events."""
        return [(await self.next())[1] for _ in range(number)]

    async def nothing(self) -> None:
        """Check that nothing else has come: what is sent to this socket now comes next."""
        assert self.client is not None
        assert await self.client.emit("ping me", namespace=self.namespace) == "pong"
        events = [each for each in self.client.frames if each.startswith("42")]
        assert not events, events


class Nodes(Cluster):
    """Nodes with one store: those of one process, or of one Redis server."""

    server: StoreServer | None = None
    window = 120.0

    def add(self, name: str, **options: Any) -> RealtimeService:
        """Add a node, which is not started."""
        options = {"recovery_window": self.window} | options
        if self.server is None:
            return super().add(name, **({"recovery": MemoryRecoveryStore()} | options))
        client, reader, listener = (
            connect(self.server.url, timeout=WAIT + TIMEOUT) for _ in range(3)
        )
        self.bus = RedisBus(client, reader)  # type: ignore[assignment] # the last one's
        presence = RedisPresence(client, listener, node=name, lifetime=60, check_seconds=0.2)
        options = {"recovery": RedisRecoveryStore(client, lifetime=60)} | options
        return super().add(name, presence=presence, **options)


@asynccontextmanager
async def recovering(
    router: EventRouter, server: StoreServer | None, *names: str, **options: Any
) -> AsyncIterator[Nodes]:
    """Running nodes."""
    made = Nodes(router)
    made.server = server
    async with AsyncExitStack() as stack:
        for name in names:
            node = made.add(name, **options)
            node.start()
            stack.push_async_callback(node.aclose)
        if server is not None:
            await eventually(lambda: all(node.relay.position is not None for node in made.nodes))
            await eventually(lambda: server.command("SCARD", "mooring:nodes") == len(names))
        yield made
