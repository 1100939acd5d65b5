"""The suites' node and client."""

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest

from tests.protocol.peer import Jar, Peer, peer_of
from tests.support.service import Service, service

APP = "tests.support.protocol_app"
CASE_SECONDS = 10.0

JARS = [Jar.COOKIES, Jar.NONE]
"""Which clients the suites are run with."""


@pytest.fixture(scope="session")
def echo() -> Iterator[Service]:
    """A node whose Engine.IO sends each message back."""
    with service(module=APP, engine_echo=1) as node:
        yield node


@pytest.fixture(scope="session")
def talk() -> Iterator[Service]:
    """A node with the events of the Socket.IO suite."""
    with service(module=APP) as node:
        yield node


@pytest.fixture(params=JARS, ids=lambda jar: jar.value)
def jar(request: pytest.FixtureRequest) -> Jar:
    """Each kind of client in turn."""
    chosen: Jar = request.param
    return chosen


@pytest.fixture
async def peer(jar: Jar, node_under_test: Service) -> AsyncIterator[Peer]:
    """A client of the node that a suite is about; it has ten seconds for a case."""
    async with asyncio.timeout(CASE_SECONDS), peer_of(node_under_test.url, jar) as client:
        with node_under_test.watched():
            yield client
