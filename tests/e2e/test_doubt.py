"""P4 in doubt: rotations, writes and logouts whose replies are lost. DOUBT_TRIALS=1000 for more of them."""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from random import Random

import httpx
import pytest

from tests.support.browsers import JsClients
from tests.support.eventually import eventually
from tests.support.http import cookie_header, http_client, problem, set_cookies, the_set_cookie
from tests.support.proxy import Proxy, proxy_to
from tests.support.samples import times
from tests.support.servers import StoreServer, store_server
from tests.support.service import Service, service
from tests.support.stores import server_settings

TRIALS = int(os.environ.get("DOUBT_TRIALS") or times(50, of=200))
AT_ONCE = 50
MORE_ROUNDS = 20
"""So many at the most, for the first request that the outage meets."""
SPREAD = 0.2
"""Seconds over which the rotations of a round begin; the outage comes in the first half of them."""
ENDED = (409, "session-ended")


@dataclass
class Outage:
    """A node whose store fails at a chosen moment."""

    node: Service
    server: StoreServer
    proxy: Proxy
    random: Random

    async def stop(self) -> None:
        """SIGSTOP; what was sent is executed later."""
        self.server.pause()
        await asyncio.sleep(self.random.uniform(0.8, 1.2))
        self.server.resume()

    async def cut(self) -> None:
        """Cut the links, some replies being on their way."""
        self.proxy.cut()
        await asyncio.sleep(self.random.uniform(0.0, 0.3))
        self.proxy.mend()

    async def hold(self) -> None:
        """Lose all packets for longer than commands wait, then let them through."""
        self.proxy.hold()
        await asyncio.sleep(self.random.uniform(0.8, 1.2))
        self.proxy.mend()

    async def kill(self) -> None:
        """CLIENT KILL, again and again."""
        for _ in range(self.random.randrange(1, 5)):
            await asyncio.to_thread(self.server.drop_clients)

    async def fill(self) -> None:
        """Let the memory be full for a while."""
        self.server.command("CONFIG", "SET", "maxmemory", 1)
        await asyncio.sleep(self.random.uniform(0.1, 0.2))
        self.server.command("CONFIG", "SET", "maxmemory", 0)

    def live(self) -> int:
        """How many sessions live."""
        values = [self.server.command("GET", key) for key in self.server.session_keys()]
        return sum(value.startswith("R") for value in values if value)  # one may have expired


Fault = Callable[[Outage], Awaitable[None]]
FAULTS: dict[str, Fault] = {
    "SIGSTOP": Outage.stop,
    "cut links": Outage.cut,
    "held links": Outage.hold,
    "CLIENT KILL": Outage.kill,
    "full memory": Outage.fill,
}


@pytest.fixture(scope="module")
def server() -> Iterator[StoreServer]:
    """A server of these tests' own, which is stopped and cut off."""
    with store_server("valkey") as started:
        yield started


@pytest.fixture
async def outage(server: StoreServer) -> AsyncIterator[Outage]:
    """A node behind a proxy to it."""
    server.flush()
    async with (
        proxy_to(server.port) as proxy,
        service(**server_settings(server) | {"redis_url": proxy.url}) as node,
    ):
        yield Outage(node, server, proxy, Random(12))


@asynccontextmanager
async def _clients(node: Service, number: int) -> AsyncIterator[list["Client"]]:
    """Give browsers that have a session each, which counts 1."""
    async with AsyncExitStack() as stack:
        clients = [
            Client(await stack.enter_async_context(http_client(node.url))) for _ in range(number)
        ]
        for client in clients:
            assert (await client.send("/incr")).status_code == 200
        yield clients


class Client:
    """A browser's jar, and the least and most that its session may count."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self.http = http
        self.least = self.most = 0

    async def send(self, path: str) -> httpx.Response:
        """Send a POST that may be answered 503, and keep what cookie it brings."""
        response = await self.http.post(path)
        assert response.status_code in (200, 204, 503), response.text
        if path == "/incr":
            self.least += response.status_code == 200
            self.most += 1
        return response

    async def check(self) -> None:
        """Check that the session is there with all that it counted."""
        count = (await self._get())["count"]
        assert self.least <= count <= self.most
        self.least = self.most = count

    async def _get(self) -> dict[str, int]:
        response = await _answered(self.http)
        assert not set_cookies(response), f"its session was lost; it counted {self.most}"
        found: dict[str, int] = response.json()
        return found


async def _answered(http: httpx.AsyncClient) -> httpx.Response:
    """GET /session, again and again while the answer is 503."""

    async def answered() -> httpx.Response:
        response = await http.get("/session")
        assert response.status_code != 503, response.text
        return response

    return await eventually(answered, within=20.0)


@pytest.mark.proof
@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
async def test_rotations_amid_an_outage_lose_no_session_and_leave_no_second(
    outage: Outage, fault: Fault
) -> None:
    failed = 0
    async with _clients(outage.node, min(TRIALS, AT_ONCE)) as clients:
        rounds = TRIALS // AT_ONCE
        while rounds > 0 or not failed:
            rounds -= 1
            assert rounds > -MORE_ROUNDS, "the outage came too late each time"
            done = [asyncio.create_task(_rotate(client, outage.random)) for client in clients]
            await asyncio.sleep(outage.random.uniform(0.0, SPREAD / 2))
            await fault(outage)
            failed += sum([status == 503 for status in await asyncio.gather(*done)])
            await asyncio.gather(*(client.check() for client in clients))
            assert outage.live() == len(clients)


async def _rotate(client: Client, random: Random) -> int:
    await asyncio.sleep(random.uniform(0.0, SPREAD))
    status = (await client.send("/session/rotate")).status_code
    await client.send("/incr")
    return status


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
async def test_logouts_amid_an_outage_can_be_repeated_until_nothing_lives(
    outage: Outage, fault: Fault
) -> None:
    async def leave(client: Client) -> None:
        await asyncio.sleep(outage.random.uniform(0.0, 0.02))
        await client.send("/session/rotate")

        async def left() -> bool:
            return (await client.send("/logout")).status_code == 204

        await eventually(left)
        assert client.http.cookies.get("session") is None

    async with _clients(outage.node, 10) as clients:
        done = [asyncio.create_task(leave(client)) for client in clients]
        await asyncio.sleep(outage.random.uniform(0.0, 0.02))
        await fault(outage)
        await asyncio.gather(*done)
        assert outage.live() == 0


async def test_a_503_carries_the_successor_s_cookie_whose_first_use_completes_the_rotation(
    js: JsClients, outage: Outage
) -> None:
    browser = await js.browser(outage.node.url)
    await browser.fetch("POST", "/incr")
    socket = await browser.connect()
    async with http_client(outage.node.url) as client:
        old = await browser.cookie_header()
        outage.proxy.lose_reply_to(b"rotated")
        answer = await browser.fetch("POST", "/session/rotate")
        assert answer.status == 503
        new = await browser.cookie_header()
        assert new != old

        again = await browser.fetch("POST", "/incr")
        assert (again.status, again.json()) == (200, 2)
        assert await browser.cookie_header() == new
        assert problem(await client.get("/session", headers={"cookie": old})) == ENDED
    disconnected = await socket.wait_for("disconnect", within=2.0)
    assert disconnected.args[0] == "transport close"
    assert {"reason": "rotated"} in socket.values("session ended")
    await socket.wait_for("connect", after=disconnected.index)
    assert await socket.emit("incr") == 3


async def test_the_old_id_works_until_the_new_one_is_used_where_nothing_was_executed(
    outage: Outage,
) -> None:
    async with http_client(outage.node.url) as client, http_client(outage.node.url) as other:
        await client.post("/incr")
        old = cookie_header(client)
        outage.proxy.lose_request_with(b"rotated")
        answer = await client.post("/session/rotate")
        assert answer.status_code == 503
        the_set_cookie(answer)
        assert (await other.post("/incr", headers={"cookie": old})).json() == 2
        assert (await client.post("/incr")).json() == 3
        assert problem(await other.post("/incr", headers={"cookie": old})) == ENDED
