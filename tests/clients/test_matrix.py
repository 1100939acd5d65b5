"""Each client, by name and by IP address, on each transport; see this folder's docstring."""

from collections.abc import AsyncIterator, Callable

import pytest

from tests.clients.base import Client
from tests.clients.conftest import IDLE
from tests.clients.node_clients import NodeClient
from tests.clients.python_clients import AsyncPythonClient, SyncPythonClient
from tests.support.browsers import JsClients, Transport
from tests.support.eventually import eventually, settled
from tests.support.http import http_client
from tests.support.service import Service

CLIENTS: dict[str, Callable[[JsClients], Client]] = {
    "node": NodeClient,
    "node-with-credentials": lambda js: NodeClient(js, withCredentials=True),
    "python-async": lambda _js: AsyncPythonClient(),
    "python-sync": lambda _js: SyncPythonClient(),
}
HOSTS = ("localhost", "127.0.0.1")
LOGGED_OUT = {"io server disconnect", "server disconnect"}
"""In JavaScript's words, and in Python's."""


@pytest.fixture(params=CLIENTS)
async def client(request: pytest.FixtureRequest, js: JsClients) -> AsyncIterator[Client]:
    """Each client in turn, not connected yet."""
    made = CLIENTS[request.param](js)
    yield made
    await made.close()


@pytest.mark.every_transport
@pytest.mark.parametrize("host", HOSTS)
async def test_it_connects_counts_and_is_logged_out(
    lasting: Service, client: Client, host: str, transport: Transport
) -> None:
    url = f"http://{host}:{lasting.port}"
    await client.open(url, transport)
    assert await client.incr() == 1
    await eventually(lambda: client.counts == [1])
    (cookie,) = client.cookies

    async with http_client(url, cookie=cookie) as elsewhere:
        assert (await elsewhere.get("/session")).json()["sockets"] == 1
        assert (await elsewhere.post("/incr")).json() == 2
        await eventually(lambda: client.counts == [1, 2])
        assert await client.incr() == 3

        assert (await elsewhere.post("/logout")).status_code == 204

    await eventually(lambda: client.disconnects)
    assert client.disconnects[0] in LOGGED_OUT
    assert client.ended == ["logout"]
    assert await settled(lambda: client.connects, quiet=0.3) == 1


@pytest.mark.parametrize("host", HOSTS)
async def test_it_expires_and_returns_with_a_new_session(
    forgetful: Service, client: Client, host: str, transport: Transport
) -> None:
    await client.open(f"http://{host}:{forgetful.port}", transport)
    assert await client.incr() == 1

    await eventually(lambda: client.connects == 2, within=IDLE + 5.0)

    assert client.ended == ["expired"]
    assert not LOGGED_OUT & set(client.disconnects)
    assert await client.incr() == 1
    assert len(set(client.cookies)) == 2
