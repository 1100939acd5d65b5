"""What is carried between nodes: the streams, and that a request is served once."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.types import Message, Receive

from app.asgi.errors import ServiceUnavailableError
from app.realtime.bus.base import BusUnavailableError
from app.realtime.carry import holder, owner
from app.realtime.carry.carrier import Client, RequestCarrier
from app.realtime.carry.messages import About, Answer, Ask, CallOff, Fault, Parcel, Release, parse
from app.realtime.carry.owner import LOST, CarriedOwner
from app.realtime.carry.redis import RedisCarryStreams
from app.realtime.engineio.asgi import EngineApp
from app.realtime.engineio.owner import Owner
from app.realtime.engineio.server import EngineServer, digest_of
from app.realtime.redis_keys import RedisKeys
from app.redis.url import connect
from tests.support.cluster import redis_cluster
from tests.support.eventually import eventually, stays
from tests.support.servers import StoreServer

ABOUT = About("there", 7)
ASK = Ask(ABOUT, "digest", True, ("key",), None)
MESSAGES = [
    ASK,
    replace(ASK, polls=False, keys=(), presented="print", body=b"\x00\xff"),
    replace(ASK, polls=False, fault=Fault.SLOW, reason="slow"),
    CallOff(ABOUT),
    Release(ABOUT),
    Answer(ABOUT, "unknown-socket"),
    Answer(ABOUT, "", "text/plain", b"\xf0\x9f"),
]

NewStreams = Callable[[str], RedisCarryStreams]


@pytest.mark.parametrize("message", MESSAGES, ids=lambda each: type(each).__name__)
def test_a_message_arrives_as_it_was_sent(message: Ask | CallOff | Release | Answer) -> None:
    assert parse(message.parcel()) == message


@given(st.binary(), st.binary())
def test_what_is_no_message_is_passed_over(head: bytes, body: bytes) -> None:
    assert parse(Parcel(head, body)) is None


@pytest.mark.parametrize(
    "head",
    [
        b'["a kind of a later version","there",7,1]',
        b'["ask","there",7]',
        b'["ask","there",7,"digest",true,["key"],null,"a new fault",""]',
        b'["answer","there",7]',
        b'["off","there",null]',
        b"[[],[],[]]",
        b"{}",
    ],
)
def test_what_another_version_has_sent_is_passed_over(head: bytes) -> None:
    assert parse(Parcel(head)) is None


def test_a_later_version_may_add_fields() -> None:
    head = b'["answer","there",7,"","text/plain","something new"]'
    assert parse(Parcel(head, b"body")) == Answer(ABOUT, "", "text/plain", b"body")


def _streams(
    server: StoreServer, *, subscribed: bool = True
) -> AbstractAsyncContextManager[NewStreams]:
    return _streams_at(server.url, subscribed=subscribed)


@asynccontextmanager
async def _streams_at(url: str, *, subscribed: bool = True) -> AsyncIterator[NewStreams]:
    made: list[RedisCarryStreams] = []
    clients = []

    async def is_alive(_node: str) -> bool:
        return subscribed

    def new(node: str) -> RedisCarryStreams:
        client = connect(url, timeout=0.9)
        clients.append(client)
        made.append(RedisCarryStreams(client, connect(url, timeout=1.9), is_alive, node=node))
        return made[-1]

    try:
        yield new
    finally:
        for each in made:
            await each.aclose()
        for client in clients:
            await client.aclose()


async def test_what_is_sent_is_read_in_order_and_nothing_of_it_is_kept(
    shared_store_server: StoreServer,
) -> None:
    async with _streams(shared_store_server) as new:
        here, there = new("here"), new("there")
        assert await there.read() == []
        sent = [Parcel(b"%d" % number, b"x" * number) for number in range(200)]
        assert all(await asyncio.gather(*(here.send("there", each) for each in sent)))

        read: list[Parcel] = []
        while len(read) < len(sent):
            read += await there.read()
        assert read == sent
        await eventually(lambda: _length(shared_store_server, "there") == 1)


def _length(server: StoreServer, node: str) -> int:
    return int(server.command("XLEN", f"mooring:{{mooring:bus}}:carried:{node}"))


async def test_to_a_node_that_is_not_there_nothing_is_sent(
    shared_store_server: StoreServer,
) -> None:
    async with _streams(shared_store_server) as new:
        here, there = new("here"), new("there")
        assert not await here.send("there", Parcel(b"early"))
        assert await here.generation("there") is None
        await there.read()
        assert await here.send("there", Parcel(b"now"))
        assert await here.generation("there") is not None
        await there.aclose()
        assert not await here.send("there", Parcel(b"late"))
        assert await here.generation("there") is None
        assert shared_store_server.command("KEYS", "*carried*") == []


async def test_a_node_whose_stream_was_lost_makes_another_one_and_all_can_see_that(
    shared_store_server: StoreServer,
) -> None:
    async with _streams(shared_store_server) as new:
        here, there = new("here"), new("there")
        await there.read()
        before = await here.generation("there")
        assert await there.renew()
        assert await here.generation("there") == before

        shared_store_server.flush()
        assert not await there.renew()
        assert await here.generation("there") not in (None, before)
        assert await here.send("there", Parcel(b"again"))
        assert await eventually(there.read) == [Parcel(b"again")]


async def test_a_stream_that_was_lost_while_its_node_waited_for_something_is_made_whole(
    shared_store_server: StoreServer,
) -> None:
    async with _streams(shared_store_server) as new:
        here, there = new("here"), new("there")
        await there.read()
        reading = asyncio.create_task(there.read())
        await eventually(lambda: _is_blocked(shared_store_server))
        shared_store_server.flush()
        assert not await there.renew()
        assert await reading == []

        assert await here.send("there", Parcel(b"again"))
        assert await there.read() == [Parcel(b"again")]
        await eventually(lambda: _length(shared_store_server, "there") == 1)
        assert await here.generation("there") is not None


def _is_blocked(server: StoreServer) -> bool:
    info: dict[str, int] = server.command("INFO", "clients")
    return info["blocked_clients"] == 1


async def test_a_node_that_was_killed_is_known_to_be_gone_before_its_stream_is(
    shared_store_server: StoreServer,
) -> None:
    async with _streams(shared_store_server, subscribed=False) as new:
        here, there = new("here"), new("there")
        await there.read()
        assert await here.generation("there") is not None

        await eventually(lambda: _is_gone(here, "there"))
        assert _length(shared_store_server, "there") == 1


async def test_a_node_that_stands_still_is_gone_after_some_seconds(
    shared_store_server: StoreServer,
) -> None:
    async with _streams(shared_store_server) as new:
        here, there = new("here"), new("there")
        await there.read()
        await stays(lambda: _is_there(here, "there"), during=2.0)

        await eventually(lambda: _is_gone(here, "there"), within=5.0)


async def _is_gone(here: RedisCarryStreams, node: str) -> bool:
    return await here.generation(node) is None


async def _is_there(here: RedisCarryStreams, node: str) -> bool:
    return await here.generation(node) is not None


async def test_on_a_server_whose_memory_is_full_requests_are_carried_on(
    own_store_server: StoreServer,
) -> None:
    async with _streams(own_store_server) as new:
        here, there = new("here"), new("there")
        await there.read()
        own_store_server.command("CONFIG", "SET", "maxmemory-policy", "noeviction")
        own_store_server.command("CONFIG", "SET", "maxmemory", 1)

        assert await here.send("there", Parcel(b"though it is full"))
        assert not await here.send("nowhere", Parcel(b""))
        assert await there.read() == [Parcel(b"though it is full")]
        assert await there.renew()
        own_store_server.command("CONFIG", "SET", "maxmemory", 0)


@pytest.mark.slow
async def test_on_a_cluster_too(cluster_url: str) -> None:
    async with _streams_at(cluster_url) as new:
        here, there = new("here"), new("there")
        await there.read()
        assert all([await here.send("there", Parcel(b"%d" % each)) for each in range(3)])
        read: list[Parcel] = []
        while len(read) < 3:
            read += await there.read()
        assert [each.head for each in read] == [b"0", b"1", b"2"]
        assert await there.renew()
        assert await here.generation("there") is not None
        assert await here.generation("nowhere") is None


@pytest.fixture
def cluster_url() -> Iterator[str]:
    """Three masters."""
    with redis_cluster() as cluster:
        yield cluster.url


async def test_a_node_holds_so_many_requests_and_no_more(
    shared_store_server: StoreServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(holder, "CARRIED_REQUESTS", 2)
    async with _streams(shared_store_server) as new:
        here, there = new("here"), new("there")
        await there.read()
        held = holder.CarriedHolder("here", here, seconds=0.2)
        waiting = [
            asyncio.create_task(
                held.ask(holder.Held("there", replace(ASK, about=held.new_request())))
            )
            for _ in range(2)
        ]
        await asyncio.sleep(0)
        with pytest.raises(ServiceUnavailableError):
            held.new_request()

        for each in waiting:
            with pytest.raises(ServiceUnavailableError):  # nobody has answered in time
                await each
        assert len(held) == 0
        assert held.new_request().number == 2


async def test_posts_that_are_held_are_bounded_in_bytes(
    shared_store_server: StoreServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(holder, "CARRIED_BYTES", 1_000)
    async with _streams(shared_store_server) as new:
        here, there = new("here"), new("there")
        await there.read()
        held = holder.CarriedHolder("here", here, seconds=5.0)
        asks = [
            Ask(held.new_request(), "digest", False, (), None, body=b"x" * 600) for _ in range(3)
        ]
        tasks = [asyncio.create_task(held.ask(holder.Held("there", each))) for each in asks]
        for ask in asks:
            [parcel] = await eventually(there.read)
            assert parse(parcel) == ask
            assert len(held) == 1
            held.receive(Answer(ask.about, ""))
        await asyncio.gather(*tasks)


async def test_without_a_server_everything_says_so(own_store_server: StoreServer) -> None:
    async with _streams(own_store_server) as new:
        here = new("here")
        await here.read()
        own_store_server.stop()
        for call in (
            here.read,
            here.renew,
            lambda: here.send("there", Parcel(b"")),
            lambda: here.generation("there"),
        ):
            with pytest.raises(BusUnavailableError):
                await call()
        own_store_server.start()


class World:
    """A node with a socket, and another one that asks."""

    def __init__(
        self, here: CarriedOwner, there: RedisCarryStreams, engine: EngineServer, sid: str
    ) -> None:
        self.owner = here
        self.engine = engine
        self._there = there
        self.sid = sid
        self.messages: list[str] = []

    def ask(self, number: int, *, polls: bool = False, body: bytes = b"") -> Ask:
        """A request of the socket's client."""
        return Ask(About("there", number), digest_of(self.sid), polls, (), None, body=body)

    async def answers(self, count: int) -> list[Answer]:
        """So many answers, in the order in which they come."""
        found: list[Answer] = []
        while len(found) < count:
            for parcel in await self._there.read():
                message = parse(parcel)
                assert isinstance(message, Answer)
                found.append(message)
        return found


@asynccontextmanager
async def _world(server: StoreServer) -> AsyncIterator[World]:
    async with _streams(server) as new:
        here, there = new("here"), new("there")
        await there.read()
        engine = EngineServer(node="here")
        engine.by_digest = {}
        serving = CarriedOwner(engine, EngineApp(engine), here)

        async def nothing(*_arguments: object) -> None:
            return

        async def note(_sid: str, data: str) -> None:
            world.messages.append(data)

        engine.on("connect", nothing)
        engine.on("disconnect", nothing)
        engine.on("message", note)
        socket = await engine.open({"type": "http"}, upgrades=["websocket"])
        socket.connected = True
        await socket.first_packets()
        world = World(serving, there, engine, socket.sid)
        yield world
        serving.close()


async def test_a_post_that_comes_twice_is_handled_once(valkey: StoreServer) -> None:
    async with _world(valkey) as world:
        for number in range(3):
            world.owner.receive(world.ask(number, body=b"4%d" % number))
            world.owner.receive(world.ask(number, body=b"4%d" % number))
            assert [each.body for each in await world.answers(1)] == [b"ok"]

        world.owner.receive(world.ask(1, body=b"41"))
        assert [each.problem for each in await world.answers(1)] == [LOST]
        assert world.messages == ["0", "1", "2"]


async def test_a_poll_that_comes_twice_waits_once(valkey: StoreServer) -> None:
    async with _world(valkey) as world:
        world.owner.receive(world.ask(1, polls=True))
        await asyncio.sleep(0)
        world.owner.receive(world.ask(1, polls=True))
        await asyncio.sleep(0)
        world.owner.receive(Release(About("there", 1)))

        [answer] = await world.answers(1)
        assert (answer.problem, answer.body) == ("", b"6")


async def test_numbers_older_than_all_that_are_remembered_are_not_served_again(
    valkey: StoreServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(owner, "_KNOWN_NUMBERS", 10)
    async with _world(valkey) as world:
        for number in range(1, 20):
            world.owner.receive(world.ask(number, body=b"3"))
            await world.answers(1)
        world.owner.receive(world.ask(0, body=b"4late"))

        assert [each.problem for each in await world.answers(1)] == [LOST]
        assert world.messages == []


async def test_what_a_node_held_that_has_gone_is_called_off(valkey: StoreServer) -> None:
    async with _world(valkey) as world:
        world.owner.receive(world.ask(1, polls=True))
        await asyncio.sleep(0)
        assert world.owner.nodes == {"there"}
        world.owner.call_off("there")

        await eventually(lambda: world.owner.nodes == set())
        world.owner.receive(world.ask(2, polls=True))
        assert [each.problem for each in await world.answers(1)] == ["unknown-socket"]


async def test_a_post_whose_body_was_long_on_its_way_is_handled(
    valkey: StoreServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Meanwhile its node has carried more requests than the other one remembers."""
    monkeypatch.setattr(owner, "_KNOWN_NUMBERS", 10)
    last = asyncio.Event()
    scope = {"type": "http", "method": "POST", "headers": [], "client": ("127.0.0.1", 1)}

    async def at_once() -> Message:
        return {"type": "http.request", "body": b"4quick"}

    async def slowly() -> Message:
        await last.wait()
        return {"type": "http.request", "body": b"4slow"}

    async with _world(valkey) as world, _streams(valkey) as new:
        engine = EngineServer(node="third")
        carrier = RequestCarrier(new("third"), engine, EngineApp(engine), node="third")
        serving = RequestCarrier(
            new("fourth"), world.engine, EngineApp(world.engine), node="fourth"
        )
        world.engine.by_digest = {digest_of(world.sid): world.sid}
        for each in (carrier, serving):
            each.start()
        client = Client((), None)

        async def post(receive: Receive) -> bytes:
            return (await carrier.respond("fourth", world.sid, client, scope, receive)).body

        slow = asyncio.create_task(post(slowly))
        await eventually(lambda: valkey.command("EXISTS", RedisKeys().carried("fourth")))
        for _ in range(20):
            assert await post(at_once) == b"ok"
        last.set()
        assert await slow == b"ok"
        assert world.messages[-1] == "slow"
        for each in (carrier, serving):
            await each.aclose()


async def test_a_request_with_another_cookie_is_refused_by_the_node_that_has_the_socket(
    valkey: StoreServer,
) -> None:
    """P14: nothing is handled, and no packet taken."""
    async with _world(valkey) as world:
        world.engine.sockets[world.sid].owner = Owner("its key", "its cookie", had_cookie=True)
        ask = world.ask(1, body=b"4mine")
        for number, keys in ((1, ("another",)), (2, ()), (3, ("its key", "another"))):
            world.owner.receive(replace(ask, about=About("there", number), keys=keys))
        answers = await world.answers(3)
        assert {each.about.number: each.problem for each in answers} == {
            1: "not-your-socket",
            2: "not-your-socket",
            3: "",
        }
        assert world.messages == ["mine"]
