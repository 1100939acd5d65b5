"""A store, two nodes, a worker, and what sends by them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import httpx

from app import Emitter
from tests.support.driver import Driver
from tests.support.http import http_client
from tests.support.proxy import Proxy
from tests.support.sentinel import Watched
from tests.support.servers import StoreServer
from tests.support.service import Service, service
from tests.support.stores import server_settings

PRODUCT = "tests.recovery.product:app"
_TIMEOUT = 20.0


class World:
    """Two nodes; the first may fail.

    Attributes:
        nodes: the nodes.
        clients: an HTTP client for each.
        worker: an emitter that is no node.
        driver: runs clients in JavaScript.
    """

    def __init__(self, nodes: list[Service], worker: Emitter, driver: Driver) -> None:
        self.nodes = nodes
        self.worker = worker
        self.driver = driver
        self.clients = [self._client(each) for each in nodes]

    @staticmethod
    def _client(node: Service) -> httpx.AsyncClient:
        return http_client(node.url, jarless=True, timeout=_TIMEOUT)

    async def restart(self) -> None:
        """Start the first node again, which was killed."""
        await asyncio.to_thread(self.nodes[0].start)

    async def proxy(self) -> Proxy:
        """A way to the first node for one client."""
        proxy = Proxy(self.nodes[0].port)
        await proxy.start()
        return proxy

    async def aclose(self) -> None:
        """Close the HTTP clients."""
        for each in self.clients:
            await each.aclose()


@asynccontextmanager
async def world(
    server: StoreServer | Watched, driver: Driver, **settings: object
) -> AsyncIterator[World]:
    """Start two nodes on a store. Their clients notice within two seconds that nothing comes any more."""
    async with AsyncExitStack() as stack:
        options = {"app": PRODUCT, "log_level": "info", **server_settings(server)}
        options |= {"ping_interval": 1, "ping_timeout": 1, "recovery_window": 60, **settings}
        nodes = [await stack.enter_async_context(service(**options)) for _ in range(2)]
        worker = await stack.enter_async_context(Emitter.connect(server.url))
        made = World(nodes, worker, driver)
        stack.push_async_callback(made.aclose)
        yield made
