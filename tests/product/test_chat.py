"""The chat, over two nodes, on each transport, with a worker beside them."""

from collections.abc import AsyncIterator, Iterator
from functools import partial

import pytest

from app import EVERYBODY, Emitter, to_socket
from tests.support.browsers import JsClient, JsClients, Transport
from tests.support.eventually import eventually, stays
from tests.support.nodes import Pair, pair_on
from tests.support.servers import store_server

APP = "tests.product.chat:app"

transports = pytest.mark.parametrize("transport", Transport)


@pytest.fixture(scope="session")
def _pair() -> Iterator[Pair]:
    with store_server("valkey") as server, pair_on(server, app=APP) as pair:
        yield pair


@pytest.fixture
def pair(_pair: Pair) -> Iterator[Pair]:
    """Two nodes with the chat. A traceback in their logs fails the test that caused it."""
    with _pair.here.watched(), _pair.there.watched():
        yield _pair


@pytest.fixture
async def worker(pair: Pair) -> AsyncIterator[Emitter]:
    """An emitter that is no node's."""
    async with Emitter.connect(pair.server.url) as emitter:
        yield emitter


async def chatter(js: JsClients, url: str, nick: str, transport: Transport) -> JsClient:
    """Somebody of their own session."""
    browser = await js.browser(url)
    client = await browser.connect(transport, url=url, options={"auth": {"nick": nick}})
    hello = await client.wait_for("said")
    assert hello.args[0]["text"] == f"hello, {nick}"
    assert hello.index > client.named("connect")[0].index
    return client


@transports
async def test_what_is_said_in_a_room_reaches_all_others_in_it(
    js: JsClients, pair: Pair, transport: Transport
) -> None:
    room = f"lobby {transport.value}"
    ann = await chatter(js, pair.here.url, "ann", transport)
    bob = await chatter(js, pair.there.url, "bob", transport)
    eve = await chatter(js, pair.there.url, "eve", transport)

    refused = await ann.emit("say", room, "too early")
    assert refused == {"error": {"type": "not-in-room", "detail": f"join {room} first"}}
    assert await ann.emit("join", room) == []
    assert await bob.emit("join", room) == []
    await eventually(partial(_counts, ann, room, 2))
    for text in ("one", "two"):
        await bob.emit("say", room, text)
    await ann.send("typing", room)

    await bob.wait_for("typing", where=lambda event: event.args == ("ann",))
    await eventually(lambda: _texts(ann) == ["one", "two"])
    assert [each["text"] for each in await eve.emit("join", room, 2)] == ["one", "two"]
    assert _texts(bob) == ["counted"] * len(_texts(bob))
    assert _texts(eve) == []


@transports
async def test_a_picture_comes_and_its_ack_has_bytes(
    js: JsClients, pair: Pair, transport: Transport
) -> None:
    ann = await chatter(js, pair.here.url, "ann", transport)
    photo = {"type": "Buffer", "data": [137, 80, 78, 71, 0, 255]}

    name, size, first = await ann.emit("upload", "me.png", photo)

    assert (name, size, first) == ("me.png", 6, {"type": "Buffer", "data": [137, 80, 78, 71]})
    refused = await ann.emit("upload", "me.png", "text")
    assert refused["error"]["type"] == "invalid-payload"


@transports
async def test_a_namespace_is_for_those_whom_its_router_lets_in(
    js: JsClients, pair: Pair, transport: Transport
) -> None:
    ann = await chatter(js, pair.there.url, "ann", transport)
    browser = await js.browser(pair.here.url)
    stranger = await browser.connect(transport, url=f"{pair.here.url}/admin", wait=False)
    error = await stranger.wait_for("connect_error")
    assert error.args[0] == "for admins"
    assert error.args[2] == {"type": "forbidden", "detail": "for admins"}
    assert not stranger.active

    await browser.fetch("POST", "/admin/open%20sesame")
    admin = await browser.connect(transport, url=f"{pair.here.url}/admin")
    assert await admin.emit("kick", ann.id) == ()
    left = await ann.wait_for("disconnect")
    assert left.args[0] == "io server disconnect"
    assert admin.connected

    await browser.fetch("POST", "/logout")
    assert (await admin.wait_for("disconnect")).args[0] == "io server disconnect"
    assert admin.values("session ended") == [{"reason": "logout"}]


async def test_a_connect_that_is_refused_says_why(js: JsClients, pair: Pair) -> None:
    browser = await js.browser(pair.here.url)
    for auth, message, data in [
        ({"nick": "mallory"}, "You are not welcome.", {"type": "banned", "until": "never"}),
        ({"nick": 1}, "auth.nick: Input should be a valid string", {"type": "invalid-payload"}),
    ]:
        client = await browser.connect(options={"auth": auth}, wait=False)
        error = await client.wait_for("connect_error")
        assert error.args[0] == message
        assert data.items() <= error.args[2].items()
        assert client.named("said") == []


async def test_a_namespace_that_is_not_there_is_refused(js: JsClients, pair: Pair) -> None:
    browser = await js.browser(pair.here.url)
    client = await browser.connect(url=f"{pair.here.url}/nowhere", wait=False)
    assert (await client.wait_for("connect_error")).args[0] == "Invalid namespace"


async def test_a_worker_reaches_rooms_sessions_and_sockets(
    js: JsClients, pair: Pair, worker: Emitter
) -> None:
    ann = await chatter(js, pair.here.url, "ann", Transport.WEBSOCKET)
    bob = await chatter(js, pair.there.url, "bob", Transport.POLLING)
    assert (ann.id, bob.id) != (None, None)
    ann_is, bob_is = to_socket(ann.id or ""), to_socket(bob.id or "")

    await worker.join(ann_is, "cellar")
    await worker.join(bob_is, "cellar")
    await eventually(partial(_count_is, worker, "cellar", 2))
    await worker.emit("news", 1, b"\x00\xff", to="cellar")
    for client in (ann, bob):
        event = await client.wait_for("news")
        assert event.args == (1, {"type": "Buffer", "data": [0, 255]})
    await worker.leave(bob_is, "cellar")
    await eventually(partial(_count_is, worker, "cellar", 1))

    assert await worker.call("which", 7, to=bob_is) == 7
    assert await worker.call("several", 7, [8], to=ann_is) == (7, [8])
    assert await worker.call("none", to=ann_is) is None
    with pytest.raises(TimeoutError):
        await worker.call("silence", to=ann_is, timeout=0.2)
    assert await worker.count(EVERYBODY) >= 2
    assert await worker.count(ann_is) == 1
    assert await worker.count(to_socket("nobody")) == 0

    await worker.disconnect(bob_is, reconnect=True)
    await bob.wait_for("reconnect")
    await worker.disconnect("cellar")
    assert (await ann.wait_for("disconnect")).args[0] == "io server disconnect"
    assert await worker.count(ann_is) == 0


async def test_no_room_is_a_session_or_a_socket(js: JsClients, pair: Pair, worker: Emitter) -> None:
    browser = await js.browser(pair.here.url)
    ann = await browser.connect()
    eve = await chatter(js, pair.here.url, "eve", Transport.WEBSOCKET)
    for name in (ann.id, f"session:{ann.id}", "all", "socket", "", "\x00", "é" * 300):
        assert await eve.emit("join", name) == []

    await worker.emit("private", to=to_socket(ann.id or ""))
    await ann.wait_for("private")
    await stays(lambda: not eve.named("private"), during=0.1)


async def _counts(client: JsClient, room: str, number: int) -> bool:
    return bool(await client.emit("say", room, "counted") == number)


async def _count_is(emitter: Emitter, room: str, number: int) -> bool:
    return await emitter.count(room) == number


def _texts(client: JsClient) -> list[str]:
    return [each["text"] for each in client.values("said") if each["nick"] != "host"]
