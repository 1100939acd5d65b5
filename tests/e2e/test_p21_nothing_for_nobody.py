"""P21: a session that a handshake opened, and that nobody used, goes with its socket."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import ExitStack

import httpx
import pytest
import redis

from app.realtime.reconciler import UNUSED_SECONDS
from tests.support.eventually import eventually, stays
from tests.support.http import http_client
from tests.support.raw import raw_polling, raw_websocket
from tests.support.service import Service, service
from tests.support.stores import StoreSettings

INSPECTION_APP = "tests.support.inspection_app"

Count = Callable[[], Awaitable[int]]


@pytest.fixture(scope="module")
def _inspected() -> Iterator[Callable[[str, StoreSettings], Service]]:
    """A node of these tests alone on each store, with little time for sockets to connect to the namespace."""
    running: dict[str, Service] = {}
    with ExitStack() as stack:

        def get(name: str, store: StoreSettings) -> Service:
            if name not in running:
                running[name] = stack.enter_context(service(module=INSPECTION_APP, **store))
            return running[name]

        yield get


@pytest.fixture
def node(
    store_name: str, any_store: StoreSettings, _inspected: Callable[[str, StoreSettings], Service]
) -> Iterator[Service]:
    """The node on each store in turn."""
    with _inspected(store_name, any_store).watched() as shared:
        yield shared


@pytest.fixture
async def sessions(node: Service, any_store: StoreSettings) -> AsyncIterator[Count]:
    """Counts the sessions that live, but for those that earlier tests have left."""
    async with http_client(node.url) as observer:

        async def in_memory() -> int:
            return sum((await observer.get("/stored")).json().values())

        async def on_server() -> int:
            with redis.Redis.from_url(any_store["redis_url"]) as client:
                names = list(client.scan_iter("mooring:session:*"))
                values = client.mget(names) if names else []
            return sum(value is not None and value.startswith(b"R") for value in values)

        count = on_server if "redis_url" in any_store else in_memory
        before = await count()

        async def since_then() -> int:
            return await count() - before

        yield since_then


async def _is(sessions: Count, number: int) -> bool:
    return await sessions() == number


async def test_a_websocket_that_closes_without_connect_leaves_nothing(
    node: Service, sessions: Count
) -> None:
    async with raw_websocket(node.url) as socket:
        assert socket.set_cookies
        assert await sessions() == 1
    await eventually(lambda: _is(sessions, 0))


async def test_a_polling_transport_that_closes_without_connect_leaves_nothing(
    node: Service, sessions: Count
) -> None:
    async with raw_polling(node.url) as polling:
        assert await sessions() == 1
        await polling.post("1")
        await eventually(lambda: _is(sessions, 0))


async def test_a_handshake_without_a_connect_leaves_nothing_after_its_time_out(
    node: Service, sessions: Count
) -> None:
    async with raw_polling(node.url), raw_websocket(node.url) as socket:
        assert await sessions() == 2
        await socket.frames_until_closed()
        await eventually(lambda: _is(sessions, 0))


async def test_a_refused_connect_leaves_nothing(node: Service, sessions: Count) -> None:
    async with raw_websocket(node.url) as socket:
        await socket.send("40/nowhere,")
        assert (await socket.receive_until("44")).startswith("44/nowhere")
    await eventually(lambda: _is(sessions, 0))


async def test_a_hundred_handshakes_of_a_client_without_a_jar_leave_nothing(
    node: Service, sessions: Count
) -> None:
    async with http_client(node.url) as client:
        for _ in range(100):
            client.cookies.clear()
            opened = await client.get("/socket.io/?EIO=4&transport=polling")
            assert opened.status_code == httpx.codes.OK
    await eventually(lambda: _is(sessions, 0), within=8.0)


async def test_a_socket_that_has_connected_leaves_its_session(
    node: Service, sessions: Count
) -> None:
    async with raw_websocket(node.url) as socket:
        await socket.join()
    await stays(lambda: _is(sessions, 1), during=UNUSED_SECONDS + 0.5)


async def test_a_session_that_was_written_to_stays(node: Service, sessions: Count) -> None:
    async with raw_websocket(node.url) as socket:
        (cookie,) = socket.set_cookies
        async with http_client(node.url, cookie=cookie.pair) as client:
            assert (await client.post("/incr")).json() == 1
    await stays(lambda: _is(sessions, 1), during=UNUSED_SECONDS + 0.5)
    async with http_client(node.url, cookie=cookie.pair) as client:
        assert (await client.post("/incr")).json() == 2


async def test_a_session_that_was_there_before_its_handshake_stays(
    node: Service, sessions: Count
) -> None:
    async with http_client(node.url) as client:
        await client.get("/session")
        cookie = f"session={client.cookies['session']}"
    async with raw_websocket(node.url, cookie=cookie):
        pass
    await stays(lambda: _is(sessions, 1), during=UNUSED_SECONDS + 0.5)


async def test_a_session_that_a_request_has_read_while_its_socket_was_refused_stays(
    node: Service, sessions: Count
) -> None:
    async with raw_websocket(node.url) as socket:
        (cookie,) = socket.set_cookies
        await socket.send("40/nowhere,")
        await socket.receive_until("44")
        async with http_client(node.url, cookie=cookie.pair) as client:
            await client.get("/session")
    await stays(lambda: _is(sessions, 1), during=UNUSED_SECONDS + 0.5)


async def test_a_second_socket_that_connects_keeps_the_session(
    node: Service, sessions: Count
) -> None:
    async with raw_websocket(node.url) as first:
        (cookie,) = first.set_cookies
        async with raw_websocket(node.url, cookie=cookie.pair) as second:
            await second.join()
    await stays(lambda: _is(sessions, 1), during=UNUSED_SECONDS + 0.5)
