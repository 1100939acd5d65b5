"""What 0.1 left behind is served: cookies, records, tombstones, numbers of sockets, messages."""

import json
from collections.abc import AsyncIterator, Iterator

import httpx
import pytest
import redis

from app.realtime.bus.messages import parse, write
from tests.conftest import Nodes, Servers
from tests.support.browsers import JsClients
from tests.support.eventually import eventually
from tests.support.http import http_client, problem, the_set_cookie
from tests.support.servers import STORE_SERVERS, StoreServer
from tests.support.service import Service
from tests.support.stores import StoreSettings
from tests.upgrade.stored import COOKIES, keys, messages, put_back


@pytest.fixture(params=STORE_SERVERS)
def store_name(request: pytest.FixtureRequest) -> str:
    """Each store that outlives a process."""
    name: str = request.param
    return name


@pytest.fixture
def node(store_name: str, any_store: StoreSettings, _nodes: Nodes) -> Iterator[Service]:
    """A running node with the reload interval of the release, by which tombstones are kept."""
    settings: StoreSettings = {**any_store, "session_reload_interval": 30}
    with _nodes("app", store_name, settings).watched() as shared:
        yield shared


@pytest.fixture
def server(node: Service, store_name: str, _servers: Servers) -> StoreServer:
    """The server of `node`, with what the release left there."""
    server = _servers(store_name, of_nodes=True)
    put_back(server)
    return server


@pytest.fixture
async def visitor(node: Service, server: StoreServer) -> AsyncIterator[httpx.AsyncClient]:
    """A client of `node` with an empty jar: a test says which cookie it sends."""
    async with http_client(node.url) as client:
        yield client


async def _get(client: httpx.AsyncClient, cookie: str) -> httpx.Response:
    return await client.get("/session", headers={"cookie": COOKIES[cookie]})


@pytest.mark.parametrize(("cookie", "count"), [("counted", 3), ("rotated", 5), ("connected", 2)])
async def test_a_session_goes_on_under_its_cookie(
    visitor: httpx.AsyncClient, cookie: str, count: int
) -> None:
    before = await _get(visitor, cookie)
    counted = await visitor.post("/incr", headers={"cookie": COOKIES[cookie]})
    after = await _get(visitor, cookie)

    assert (before.json()["count"], counted.json(), after.json()["count"]) == (
        count,
        count + 1,
        count + 1,
    )
    assert before.json()["created_at"] == after.json()["created_at"]
    for answer in (before, counted, after):
        assert "set-cookie" not in answer.headers


@pytest.mark.parametrize(
    ("cookie", "reason"), [("before rotation", "rotated"), ("logged out", "logout")]
)
async def test_an_ended_session_stays_ended(
    visitor: httpx.AsyncClient, cookie: str, reason: str
) -> None:
    answer = await _get(visitor, cookie)

    assert problem(answer) == (409, "session-ended")
    assert answer.json()["reason"] == reason
    assert "set-cookie" not in answer.headers


async def test_a_cookie_from_before_a_rotation_logs_out_the_session_that_came_of_it(
    visitor: httpx.AsyncClient,
) -> None:
    header = {"cookie": COOKIES["before rotation"]}
    assert (await visitor.post("/logout", headers=header)).status_code == 204

    assert problem(await _get(visitor, "rotated")) == (409, "session-ended")


async def test_a_session_is_rotated_and_logged_out(visitor: httpx.AsyncClient) -> None:
    header = {"cookie": COOKIES["counted"]}
    new = the_set_cookie(await visitor.post("/session/rotate", headers=header))
    visitor.cookies.clear()
    header = {"cookie": new.pair}
    assert (await visitor.get("/session", headers=header)).json()["count"] == 3

    assert (await visitor.post("/logout", headers=header)).status_code == 204

    assert problem(await visitor.get("/session", headers=header)) == (409, "session-ended")


async def test_a_cookie_with_another_signature_names_no_session(visitor: httpx.AsyncClient) -> None:
    value, _, signature = COOKIES["counted"].rpartition(".")
    other = f"{value}.{signature[::-1]}"
    answer = await visitor.get("/session", headers={"cookie": other})

    assert answer.json()["count"] == 0
    assert the_set_cookie(answer).pair.partition(".")[0] != value


async def test_sockets_on_nodes_that_live_are_counted_and_others_are_not(
    visitor: httpx.AsyncClient, server: StoreServer
) -> None:
    [numbers] = keys("hash").values()
    assert (await _get(visitor, "connected")).json()["sockets"] == 0

    with redis.Redis.from_url(server.url).pubsub() as nodes:  # type: ignore[no-untyped-call] # not typed by redis-py
        nodes.subscribe(*(f"mooring:node:{name}" for name in numbers))

        async def both_are_counted() -> bool:
            return bool((await _get(visitor, "connected")).json()["sockets"] == 2)

        await eventually(both_are_counted)


async def test_sockets_receive_messages_as_the_release_writes_them(
    js: JsClients, node: Service, server: StoreServer
) -> None:
    browser = await js.browser(node.url, cookie=COOKIES["counted"])
    socket = await browser.connect()
    [key] = [name for name, value in keys("string").items() if value.endswith('{"count":3}')]
    digest = key.partition("{")[2].rstrip("}")
    sender, sent = next(each for each in messages() if digest.encode() in each[1])
    newer = json.loads(sent) | {"version": 9, "value": 44}

    entry = ("XADD", "mooring:bus", "*", "o", sender, "n", 101, "m", json.dumps(newer))
    server.command(*entry)

    await socket.wait_for("current count", where=lambda event: event.args == (44,))
    mark = socket.mark
    server.command("SET", key, "Trevoked -", "PX", 60_000)
    ended = json.dumps({"kind": "ended", "key": digest})
    server.command("XADD", "mooring:bus", "*", "o", sender, "n", 102, "m", ended)
    await socket.wait_for("disconnect", after=mark)
    assert socket.values("session ended", after=mark) == [{"reason": "revoked"}]


@pytest.mark.parametrize("kind", ["hello", "tell", "ended"])
def test_messages_are_written_as_the_release_writes_them(kind: str) -> None:
    found = [text for _node, text in messages() if json.loads(text)["kind"] == kind]

    assert found
    for text in found:
        assert write(parse(text)) == text
