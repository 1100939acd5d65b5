"""Fixtures: two nodes behind the balancer, and a server that echoes its requests."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import pytest

from tests.support.balancer import Balancer, balancer
from tests.support.processes import free_port
from tests.support.servers import StoreServer
from tests.support.service import Service, service
from tests.support.stores import server_settings

ADDRESSES = ("127.0.0.2", "127.0.0.3")


@dataclass(frozen=True)
class Front:
    """Nodes on one server behind the balancer."""

    balancer: Balancer
    nodes: Sequence[Service]

    @property
    def url(self) -> str:
        """Where browsers go."""
        return self.balancer.url


@asynccontextmanager
async def nodes_behind_balancer(
    server: StoreServer, *, listen: int = 0, **settings: object
) -> AsyncIterator[Front]:
    """Two running nodes behind a balancer that has found them; it listens on a port, or a free one."""
    port = free_port()
    options = server_settings(server) | settings
    nodes = [service(host=address, port=port, **options) for address in ADDRESSES]
    async with AsyncExitStack() as stack:
        await asyncio.gather(*(stack.enter_async_context(node) for node in nodes))
        front = balancer([*ADDRESSES], port, listen=str(listen or ""))
        yield Front(await stack.enter_async_context(front), nodes)


@pytest.fixture
async def front(valkey: StoreServer) -> AsyncIterator[Front]:
    """Two nodes behind the balancer, for this test alone."""
    async with nodes_behind_balancer(valkey) as front:
        yield front
