"""Two nodes in the test's own process, with one store and one bus, and clients of one session on both."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import orjson

from app.realtime.bus.base import MemoryBus
from app.realtime.events import EventRouter
from app.realtime.service import RealtimeService
from app.sessions import MemoryStore, Session, SessionManager
from tests.realtime.in_process import POLICY, PollingClient, SessionLayer, new_service


class Client(PollingClient):
    """A client on polling that joins any namespace, and keeps what it is sent."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        super().__init__(http, "/socket.io")
        self.frames: list[str] = []
        self.sids: dict[str, str] = {}

    async def join(self, namespace: str = "/", auth: Any = None) -> str:
        """Connect to a namespace; return the answer."""
        where = "" if namespace == "/" else f"{namespace},"
        sent = "" if auth is None else orjson.dumps(auth).decode()
        await self.post(f"40{where}{sent}")
        answer = await self.next(lambda frame: frame.startswith((f"40{where}{{", f"44{where}{{")))
        if answer.startswith("40"):
            self.sids[namespace] = orjson.loads(answer[2 + len(where) :])["sid"]
        return answer[2 + len(where) :]

    async def next(self, fits: Any) -> str:
        """Return the first frame that fits, and has not been returned; poll until there is one."""
        async with asyncio.timeout(20.0):
            while True:
                for frame in self.frames:
                    if fits(frame):
                        self.frames.remove(frame)
                        return frame
                self.frames += await self.poll()

    async def event(self) -> list[Any]:
        """Return the next event's name and arguments."""
        frame = await self.next(lambda frame: frame.startswith("42"))
        found: list[Any] = orjson.loads(frame[frame.index("[") :])
        return found

    async def emit(self, name: str, *arguments: Any, namespace: str = "/") -> Any:
        """Send an event, and return the arguments of its ack."""
        where = "" if namespace == "/" else f"{namespace},"
        await self.post(f"42{where}7{orjson.dumps([name, *arguments]).decode()}")
        frame = await self.next(lambda frame: frame.startswith(f"43{where}7["))
        found = orjson.loads(frame[frame.index("[") :])
        return found[0] if len(found) == 1 else found


@dataclass
class Cluster:
    """Some nodes with one store and one bus."""

    router: EventRouter
    store: MemoryStore = field(default_factory=MemoryStore)
    bus: MemoryBus = field(default_factory=lambda: MemoryBus(wait=0.05))
    nodes: list[RealtimeService] = field(default_factory=list)
    managers: list[SessionManager] = field(default_factory=list)
    session_id: str | None = None

    def add(self, name: str, **options: Any) -> RealtimeService:
        """Add a node."""
        manager = SessionManager(self.store, POLICY)
        node = new_service(self.router, manager=manager, bus=self.bus, node_id=name, **options)
        self.nodes.append(node)
        self.managers.append(manager)
        return node

    @asynccontextmanager
    async def client(self, index: int = 0) -> AsyncIterator[Client]:
        """A client of a node, with the session that all clients of this cluster have."""
        layer = SessionLayer(self.nodes[index], self.managers[index])
        layer.session_id = self.session_id
        transport = httpx.ASGITransport(layer)
        async with httpx.AsyncClient(transport=transport, base_url="http://mooring.test") as http:
            client = Client(http)
            client.opened = orjson.loads((await http.get(client._path)).text[1:])
            self.session_id = layer.session_id
            client._path += f"&sid={client.opened['sid']}"
            yield client

    async def session(self, index: int = 0) -> Session:
        """The session of all clients, on a node."""
        [key] = {key for node in self.nodes for key in list(node.registry.keys())}
        return self.managers[index].attach(key, await self.managers[index].load_live(key))


@asynccontextmanager
async def cluster(router: EventRouter, nodes: int = 1, **options: Any) -> AsyncIterator[Cluster]:
    """Running nodes."""
    made = Cluster(router)
    async with AsyncExitStack() as stack:
        for number in range(nodes):
            node = made.add(f"node {number}", **options)
            node.start()
            stack.push_async_callback(node.aclose)
        yield made
