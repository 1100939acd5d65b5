"""P3: reads never write."""

from datetime import datetime

import httpx
import pytest

from tests.conftest import EXTENDED_APP
from tests.support.browsers import JsClients
from tests.support.eventually import eventually, settled, stays
from tests.support.http import http_client, set_cookies
from tests.support.metrics import reloads, store_calls
from tests.support.servers import StoreServer
from tests.support.service import Service, service
from tests.support.stores import StoreSettings, server_settings

CONNECTING = {"client|setinfo", "client|setname", "hello", "info", "ping", "select"}
# Reads that go on by themselves: the bus, and the renewal of what says that a node is alive.
WAITING = {"xread", "xrange", "subscribe", "pexpire"}
"""What a node asks of its server while nothing at all happens: whether there is news, and that the stream by
which others know that it is alive lives on. Sessions are extended by `pexpireat`."""

LOOKING = {"mget", "sadd", "smembers", "pubsub|numsub"}
"""What it asks now and then: for its sessions, and for the nodes beside it."""

WITHOUT_SESSION = [
    "/healthz",
    "/readyz",
    "/metrics",
    "/docs",
    "/docs/events",
    "/openapi.json",
    "/asyncapi.json",
    "/socket.io/socket.io.js",
    "/pages/page.js",
    "/no/such/page",
]


@pytest.mark.smoke
async def test_an_idle_socket_causes_no_store_write_on_any_transport(
    js: JsClients, any_store: StoreSettings
) -> None:
    settings: StoreSettings = {"session_reload_interval": 0.3, **any_store}
    async with (
        js.on(service(module=EXTENDED_APP, **settings)) as node,
        http_client(node.url) as observer,
    ):
        sockets = await (await js.browser(node.url)).connect_on_all()
        await sockets[0].emit("incr")
        before = await settled(lambda: store_calls(observer))
        reloaded = await reloads(observer)

        await stays(lambda: all(socket.connected for socket in sockets), during=1.5)

        assert await store_calls(observer) == before
        assert await reloads(observer) >= reloaded + 2


async def test_an_idle_socket_has_the_server_execute_reads_alone(
    js: JsClients, own_store_server: StoreServer
) -> None:
    settings: StoreSettings = {"session_reload_interval": 0.3}
    settings |= server_settings(own_store_server)
    async with js.on(service(module=EXTENDED_APP, **settings)) as node:
        sockets = await (await js.browser(node.url)).connect_on_all()
        await sockets[0].emit("incr")
        before = await settled(lambda: _calls(own_store_server, but=WAITING | LOOKING))

        await stays(lambda: all(socket.connected for socket in sockets), during=1.5)

        assert _calls(own_store_server, but=WAITING | LOOKING) == before


async def test_a_request_that_changes_nothing_sets_no_cookie_and_writes_nothing(
    any_store: StoreSettings,
) -> None:
    # A node of its own: on a shared one sessions that only a handshake used may still be discarded.
    async with service(**any_store) as node, http_client(node.url) as http:
        await http.post("/incr")
        before = await store_calls(http)

        answers = [await http.get(path) for path in ("/session", "/", "/session") * 3]

        assert not any(set_cookies(answer) for answer in answers)
        after = await store_calls(http)
        assert after.pop("load") == before.pop("load") + 9
        assert after == before


async def test_a_request_that_changes_nothing_leaves_the_record_as_it_is(
    shared_store_server: StoreServer,
) -> None:
    async with (
        service(**server_settings(shared_store_server)) as node,
        http_client(node.url) as client,
    ):
        await client.post("/incr")
        (record,) = shared_store_server.session_keys()
        before = shared_store_server.command("GET", record)
        assert before.startswith("R2 "), "the version after one write"

        for _ in range(5):
            await client.get("/session")

        assert shared_store_server.command("GET", record) == before


async def test_a_request_loads_its_session_and_extends_it_in_one_round_trip(
    shared_store_server: StoreServer,
) -> None:
    async with (
        service(**server_settings(shared_store_server)) as node,
        http_client(node.url) as client,
    ):
        for _ in range(2):  # the server knows the scripts of both after it
            await client.get("/")
        (record,) = shared_store_server.session_keys()
        shared_store_server.command("PEXPIRE", record, 1000)
        inside = {"get", "time", "pttl", "pexpireat"}
        before = await settled(lambda: _calls(shared_store_server, but=WAITING))

        await client.get("/")

        after = _calls(shared_store_server, but=WAITING)
        asked = {name for name in after if after[name] != before.get(name, 0)}
        assert asked == {"evalsha", *inside}
        assert after["evalsha"] == before["evalsha"] + 1
        assert shared_store_server.command("PTTL", record) > 1_000_000


async def test_each_request_that_uses_the_session_moves_its_deadline(
    http: httpx.AsyncClient,
) -> None:
    first = await _expires_at(http)

    async def later() -> bool:
        return await _expires_at(http) > first

    await eventually(later)


async def test_an_event_that_changes_nothing_writes_nothing(
    js: JsClients, quiet_extended: Service
) -> None:
    socket = await js.connect(quiet_extended.url)
    await socket.emit("incr")
    async with http_client(quiet_extended.url) as observer:
        before = await settled(lambda: store_calls(observer))

        assert await socket.emit("peek") == {"count": 1}

        after = await store_calls(observer)
    assert after.pop("load") == before.pop("load") + 1
    assert after == before


@pytest.mark.parametrize(("event", "verb"), [("incr", "commit"), ("peek", "load")])
async def test_an_event_extends_its_session_in_the_one_call_that_it_makes(
    js: JsClients, quiet_extended: Service, event: str, verb: str
) -> None:
    socket = await js.connect(quiet_extended.url)
    await socket.emit("incr")
    async with http_client(quiet_extended.url) as observer:
        before = await settled(lambda: store_calls(observer))

        await socket.emit(event)

        after = await store_calls(observer)
    assert after.pop(verb) == before.pop(verb) + 1
    assert after == before


async def test_what_needs_no_session_opens_and_loads_none(quiet_http: httpx.AsyncClient) -> None:
    await quiet_http.get("/session")
    before = await store_calls(quiet_http)
    async with http_client(str(quiet_http.base_url)) as stranger:
        for client in (quiet_http, stranger):
            for path in WITHOUT_SESSION:
                answer = await client.get(path)
                assert not set_cookies(answer), path
                assert "cookie" not in answer.headers.get("vary", "").lower(), path

    assert await store_calls(quiet_http) == before


def _calls(server: StoreServer, *, but: set[str]) -> dict[str, int]:
    return {name: n for name, n in server.calls().items() if name not in CONNECTING | but}


async def _expires_at(http: httpx.AsyncClient) -> datetime:
    return datetime.fromisoformat((await http.get("/session")).json()["expires_at"])
