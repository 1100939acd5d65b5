"""Two nodes on one server."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest

from tests.support.servers import StoreServer
from tests.support.service import Service, service
from tests.support.stores import server_settings


@pytest.fixture
async def nodes(shared_store_server: StoreServer) -> AsyncIterator[list[Service]]:
    """Two nodes on Valkey, then on Redis."""
    settings = server_settings(shared_store_server)
    async with AsyncExitStack() as stack:
        yield [await stack.enter_async_context(service(**settings)) for _ in range(2)]
