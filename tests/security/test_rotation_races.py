"""P4 as races: whatever meets a rotation, one wins, no key is orphaned, no socket is on a dead id."""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

import httpx
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tests.support.browsers import JsBrowser, JsClients, Transport
from tests.support.eventually import PATIENCE, eventually
from tests.support.http import cookie_header, http_client, problem, set_cookies, the_set_cookie
from tests.support.js_client import JsClient
from tests.support.leftovers import INSPECTION_APP, Stored, nothing_is_left_over, stored
from tests.support.raw import SEPARATOR, raw_polling, raw_websocket
from tests.support.samples import times
from tests.support.servers import StoreServer
from tests.support.service import Service, service
from tests.support.stores import memory_settings, server_settings

T = TypeVar("T")

TRIALS = times(16, of=40)
ROTATIONS = 30
HANDSHAKES = 6
HANDSHAKE = 0.05
"""Seconds in which so many are done."""
RELOAD = 0.02
"""Seconds: sixteen rounds of reloads in the time that a rotation takes, or so."""

ENDED = (409, "session-ended")
REFUSED = "refused"
ROTATED = '42["session ended",{"reason":"rotated"}]'
CLOSE = {"1", "6"}
NOTHING = "nothing"
"""What a socket gets last: a WebSocket its farewell, or nothing if it had not joined; a poller CLOSE, and
behind it the NOOPs that have Python's client come back."""


@dataclass
class World:
    """A node with a store of its own in memory, or two that share one."""

    server: StoreServer | None
    nodes: list[Service]

    def node(self, number: int) -> Service:
        """One of the nodes, in turn."""
        return self.nodes[number % len(self.nodes)]

    async def stored(self) -> Stored:
        """What is in the store."""
        async with http_client(self.nodes[0].url) as client:
            return await stored(client, self.server)


@asynccontextmanager
async def _world(server: StoreServer | None, **settings: object) -> AsyncIterator[World]:
    options = (server_settings(server) if server else memory_settings()) | settings
    made = [service(module=INSPECTION_APP, **options) for _ in range(2 if server else 1)]
    async with AsyncExitStack() as stack:
        await asyncio.gather(*(stack.enter_async_context(each) for each in made))
        yield World(server, made)


@pytest.fixture
def server(request: pytest.FixtureRequest, store_name: str) -> StoreServer | None:
    """The server of each store in turn."""
    if store_name == "memory":
        return None
    given: StoreServer = request.getfixturevalue("_servers")(store_name)
    return given


@pytest.fixture
async def world(server: StoreServer | None) -> AsyncIterator[World]:
    """Each store in turn."""
    async with _world(server) as world:
        yield world


@pytest.fixture
async def reloading_world(server: StoreServer | None) -> AsyncIterator[World]:
    """Each store in turn; the task reloads all sessions without a pause."""
    async with _world(server, session_reload_interval=RELOAD) as world:
        yield world


@pytest.mark.proof
async def test_two_rotations_and_a_write_at_once_have_one_winner_and_leave_no_orphan(
    world: World,
) -> None:
    for trial in range(1, TRIALS + 1):
        async with http_client(world.node(0).url) as client:
            await client.post("/incr")
            old = cookie_header(client)
        clients = [http_client(world.node(number).url, cookie=old) for number in range(3)]
        paths = ["/session/rotate", "/session/rotate", "/incr"]
        random.shuffle(paths)
        answers = await asyncio.gather(
            *(client.post(path) for client, path in zip(clients, paths, strict=True))
        )
        by_path = list(zip(paths, answers, strict=True))
        rotations = [answer for path, answer in by_path if path == "/session/rotate"]
        (write,) = [answer for path, answer in by_path if path == "/incr"]

        (winner,) = [answer for answer in rotations if answer.status_code == 204]
        for loser in (write, *rotations):
            if loser.status_code >= 400:
                assert problem(loser) == ENDED
            assert loser is winner or not set_cookies(loser)
        new = the_set_cookie(winner).pair
        seen = await clients[0].get("/session", headers={"cookie": new})
        assert seen.json()["count"] == 1 + (write.status_code == 200)
        assert problem(await clients[1].get("/session")) == ENDED
        await asyncio.gather(*(client.aclose() for client in clients))
        assert await world.stored() == (trial, trial)


@pytest.mark.proof
async def test_handshakes_that_race_with_a_rotation_leave_no_socket_on_the_dead_id(
    world: World,
) -> None:
    outcomes: Counter[str] = Counter()
    async with nothing_is_left_over(world.nodes[0]), http_client(world.node(0).url) as client:
        for trial in range(TRIALS):
            await client.post("/incr")
            old = cookie_header(client)
            # Not to wait for anything: the rotation meets the handshakes at every one of their steps.
            lead = HANDSHAKE * (2 * trial / TRIALS - 1)
            rotation = asyncio.create_task(_after(lead, client.post("/session/rotate")))
            planted = [
                asyncio.create_task(
                    _after(-lead, _on_a_dying_session(world.node(number), old, number))
                )
                for number in range(HANDSHAKES)
            ]
            await rotation
            # Whoever is left on the old id would hear of this.
            count = (await client.post("/incr")).json()
            heard = await asyncio.gather(*planted)
            assert not any(f'42["current count",{count}]' in frames for frames in heard)
            outcomes.update(frames[-1] if frames else NOTHING for frames in heard)
            assert (await client.get("/session")).json()["sockets"] == 0
            await client.post("/logout")
    assert (await world.stored()).live == 0
    assert outcomes.keys() <= {REFUSED, ROTATED, NOTHING, *CLOSE}
    assert 0 < outcomes[REFUSED] < outcomes.total(), "it was no race"


async def _after(seconds: float, action: Coroutine[Any, Any, T]) -> T:
    await asyncio.sleep(seconds)
    return await action


async def _on_a_dying_session(node: Service, cookie: str, number: int) -> list[str]:
    """Open a socket on a session that is about to end; what it hears until it is let go."""
    how = _by_polling if number % 2 else _by_websocket
    return await how(node, cookie)


async def _by_websocket(node: Service, cookie: str) -> list[str]:
    try:
        async with raw_websocket(node.url, cookie=cookie) as socket:
            assert socket.set_cookies == []
            with suppress(ConnectionClosed):
                await socket.send("40")
            return await socket.frames_until_closed()
    except InvalidStatus as error_ack:
        return [REFUSED] if error_ack.response.status_code == ENDED[0] else [str(error_ack)]


async def _by_polling(node: Service, cookie: str) -> list[str]:
    frames: list[str] = []
    async with raw_polling(node.url, cookie=cookie, leave=False) as polling:
        assert polling.handshake is not None
        assert set_cookies(polling.handshake) == []
        if not polling.opened:
            return [REFUSED] if problem(polling.handshake) == ENDED else [polling.handshake.text]
        await polling.post("40")
        async with asyncio.timeout(PATIENCE):
            while (answer := await polling.poll()).status_code == 200:
                frames += answer.text.split(SEPARATOR)
    return frames


async def test_rotations_amid_reloads_take_all_sockets_along_and_leave_one_session(
    js: JsClients, reloading_world: World
) -> None:
    world = reloading_world
    browser = await js.browser(world.node(0).url)
    await browser.fetch("POST", "/incr")
    sockets = [
        socket
        for number in range(len(world.nodes))
        for socket in await _on_all(browser, world.node(number))
    ]

    for rotation in range(1, ROTATIONS + 1):
        cookie = await browser.cookie_header()
        assert (await browser.fetch("POST", "/session/rotate")).status == 204
        refused = await _look(world.node(rotation), cookie)
        assert problem(refused) == ENDED

    await eventually(partial(_all_are_here, browser, sockets), within=15.0)
    assert await world.stored() == (1, ROTATIONS)
    counted = [await socket.emit("incr") for socket in sockets]
    assert counted == list(range(2, 2 + len(sockets)))
    for node in world.nodes:
        node.kill()  # a stop in good order waits for pollers who are not coming any more


async def _on_all(browser: JsBrowser, node: Service) -> list[JsClient]:
    return [await browser.connect(transport, url=node.url) for transport in Transport]


async def _look(node: Service, cookie: str) -> httpx.Response:
    async with http_client(node.url, cookie=cookie) as client:
        return await client.get("/session")


async def _all_are_here(browser: JsBrowser, sockets: list[JsClient]) -> bool:
    here: int = (await browser.fetch("GET", "/session")).json()["sockets"]
    return here == len(sockets) and all(socket.connected for socket in sockets)
