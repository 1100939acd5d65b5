"""A node behind Sentinels: its master is killed in the midst of traffic, and nothing that counts is lost."""

import asyncio
from collections.abc import Iterator

import pytest

from tests.support.browsers import Fetched, JsBrowser, JsClients, Transport
from tests.support.eventually import eventually
from tests.support.js_client import JsClient
from tests.support.sentinel import Watched, watched_servers
from tests.support.service import SECRET, service
from tests.support.stores import StoreSettings


@pytest.fixture
def watched() -> Iterator[Watched]:
    """A master, two replicas and three Sentinels, for this test alone."""
    with watched_servers(replicas=2) as watched:
        yield watched


def _settings(watched: Watched) -> StoreSettings:
    url = f"{watched.url}?wait_replicas=1"
    return {"session_store": "redis", "redis_url": url, "session_secrets": SECRET}


class Traffic:
    """Increments by HTTP and by sockets that go on until they are told to stop."""

    def __init__(self, browser: JsBrowser, sockets: list[JsClient]) -> None:
        self.acknowledged: list[int] = []
        self.refused: list[Fetched] = []
        self.error_acks: list[dict[str, str]] = []
        self._stop = asyncio.Event()
        self._tasks = [asyncio.create_task(self._post(browser)) for _ in range(3)]
        self._tasks += [asyncio.create_task(self._emit(socket)) for socket in sockets]

    async def stop(self) -> None:
        """Let what is under way end, and no more begin."""
        self._stop.set()
        await asyncio.gather(*self._tasks)

    async def _post(self, browser: JsBrowser) -> None:
        while not self._stop.is_set():
            answer = await browser.fetch("POST", "/incr")
            if answer.status == 200:
                self.acknowledged.append(answer.json())
            else:
                self.refused.append(answer)

    async def _emit(self, socket: JsClient) -> None:
        while not self._stop.is_set():
            ack = await socket.emit("incr", within=10.0)
            if isinstance(ack, int):
                self.acknowledged.append(ack)
            else:
                self.error_acks.append(ack["error"])
                await asyncio.sleep(0.05)  # as a client would, rather than ask again at once


async def test_a_failover_in_traffic_loses_no_acknowledged_increment_and_no_socket(
    js: JsClients, watched: Watched
) -> None:
    async with service(**_settings(watched)) as node:
        browser = await js.browser(node.url)
        await browser.fetch("GET", "/session")
        sockets = await browser_sockets(browser)
        traffic = Traffic(browser, sockets)
        await eventually(lambda: len(traffic.acknowledged) > 50, within=10.0)
        old, before = watched.master, len(traffic.acknowledged)

        old.kill()

        await eventually(lambda: watched.master is not old, within=20.0)
        await eventually(lambda: len(traffic.acknowledged) > before + 50, within=20.0)
        await traffic.stop()
        count = (await browser.fetch("GET", "/session")).json()["count"]
        assert len(traffic.acknowledged) == len(set(traffic.acknowledged))
        # What was in doubt may have happened; what was acknowledged has.
        doubtful = len(traffic.refused) + len(traffic.error_acks)
        assert max(traffic.acknowledged) <= count <= len(traffic.acknowledged) + doubtful
        await _nobody_noticed(sockets, traffic)
        assert await sockets[0].emit("incr") == count + 1


async def browser_sockets(browser: JsBrowser) -> list[JsClient]:
    """A socket on each transport."""
    return [await browser.connect(transport) for transport in Transport]


async def _nobody_noticed(sockets: list[JsClient], traffic: Traffic) -> None:
    for socket in sockets:
        assert socket.connected
        assert not socket.named("disconnect")
    assert traffic.refused, "the failover was not noticed at all"
    for refused in traffic.refused:
        assert refused.status == 503
        assert int(refused.header("retry-after") or 0) >= 1
    assert {error["type"] for error in traffic.error_acks} <= {"store-unavailable"}


async def test_two_nodes_share_ends_and_counts_again_after_a_failover(
    js: JsClients, watched: Watched
) -> None:
    settings = _settings(watched)
    async with service(**settings) as one, service(**settings) as other:
        browser = await js.browser(one.url)
        await browser.fetch("GET", "/session")
        here, there = [await browser.connect(url=node.url) for node in (one, other)]
        old = watched.master
        old.kill()
        await eventually(lambda: watched.master is not old, within=20.0)

        async def both_are_counted() -> bool:
            answers = [await browser.fetch("GET", f"{node.url}/session") for node in (one, other)]
            return all(each.status == 200 and each.json()["sockets"] == 2 for each in answers)

        await eventually(both_are_counted, within=20.0)
        assert await here.emit("incr") == 1
        await there.wait_for("current count")
        await browser.fetch("POST", f"{one.url}/logout")
        for socket in (here, there):
            disconnected = await socket.wait_for("disconnect")
            assert disconnected.args[0] == "io server disconnect"
