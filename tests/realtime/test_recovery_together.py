"""P19 beside what else happens to a socket and its session while its client comes back."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from app import EventRouter, SocketDep, to_session
from app.realtime.streams.memory import MemoryStreamLog
from app.sessions import EndReason
from tests.realtime.recovering import Nodes, RecoveringClient, recovering
from tests.realtime.test_recovery import away, gone, there
from tests.realtime.two_nodes import Client
from tests.support.eventually import eventually

events = EventRouter(recovery=True)
gates: dict[str, asyncio.Event] = {}


@events.on_connect
async def connect() -> None:
    if "open" in gates:
        gates["reached"].set()
        await gates["open"].wait()


@events.on("enter")
async def enter(room: str, socket: SocketDep) -> None:
    await socket.join(room)


@events.on("ping me")
async def ping_me() -> str:
    return "pong"


stated = EventRouter("/stated", recovery=True)
stated.sends("state", dict[str, int], state=lambda data: {"count": data.get("count", 0)})
stated.on_connect(connect)
stated.on("ping me")(ping_me)
router = EventRouter()
for each in (events, stated):
    router.include_router(each)


@pytest.fixture
async def nodes(store_name: str, request: pytest.FixtureRequest) -> AsyncIterator[Nodes]:
    """A node on memory, or three on a server."""
    gates.clear()
    server = None
    names = ["a"]
    if store_name != "memory":
        server = request.getfixturevalue("valkey" if store_name == "valkey" else "redis_server")
        names = ["a", "b", "c"]
    async with recovering(router, server, *names) as made:
        yield made


@pytest.mark.parametrize("reason", [EndReason.LOGOUT, EndReason.REVOKED, EndReason.ROTATED])
async def test_a_session_that_ends_while_connect_handlers_run_is_given_nothing_back(
    nodes: Nodes, reason: EndReason
) -> None:
    me = RecoveringClient()
    key = await away(nodes, me, "lobby")
    pid = me.pid
    await nodes.nodes[-1].emitter.emit("said", 1, to="lobby")
    gates.update(reached=asyncio.Event(), open=asyncio.Event())
    async with nodes.client(there(nodes)) as second:
        connecting = asyncio.create_task(me.connect(second))
        await gates["reached"].wait()
        node = nodes.nodes[there(nodes)]
        await node.reconciler.disconnect_all(key, reason)
        gates["open"].set()
        answer = await connecting
        await eventually(lambda: len(node.registry) == 0)
        frames = second.frames + await second.poll()
        assert not any("said" in each for each in frames), frames
        assert str(pid) not in answer, "it must not be told that it was recovered"


@pytest.mark.parametrize("text", ["\\ud800", "\\u0000", "\\u0663.\\u0663", "{}", "a\\r\\nb"])
async def test_a_private_id_of_any_characters_is_unknown(nodes: Nodes, text: str) -> None:
    me = RecoveringClient()
    await away(nodes, me, "lobby")
    async with nodes.client(there(nodes)) as second:
        await second.post(f'40{{"pid":"{text}","offset":"{text}"}}')
        answer = await second.next(lambda frame: frame.startswith("4"))
        assert '"pid"' in answer, answer


@pytest.mark.parametrize("newest", ["a record", "a message"])
async def test_no_older_state_follows_a_newer_one_while_a_client_comes_back(
    nodes: Nodes, newest: str
) -> None:
    """One value is published, and of the next one only the message, or only the record, is known."""
    me = RecoveringClient("/stated")
    async with nodes.client(0) as first:
        await me.connect(first)
        session = await nodes.session(0)
    await gone(nodes, 0)
    node = nodes.nodes[there(nodes)]
    gates.update(reached=asyncio.Event(), open=asyncio.Event())
    async with nodes.client(there(nodes)) as second:
        connecting = asyncio.create_task(me.connect(second))
        await gates["reached"].wait()
        for count in (1, 2):
            session["count"] = count
            await session.save()
            if newest == "a message" or count == 1:
                await node.emitter.publish("state", {"count": count}, session=session)
        if newest == "a record":
            sockets = node.registry.session_sockets(session.key)
            assert sockets is not None
            await node.reconciler.load(sockets)
            found = await nodes.managers[0].load_live(session.key)
            sockets.refresh(found)
        gates["open"].set()
        await connecting
        assert me.recovered
        counts = [(await me.next())[1]["count"]]
        while counts[-1] < 2:
            counts.append((await me.next())[1]["count"])
        await second.emit("ping me", namespace="/stated")
        later = [each for each in second.frames if each.startswith("42")]
        assert not any('"count":1' in each for each in later), (counts, later)
        assert counts == sorted(counts)


answering = EventRouter(recovery=True)
answering.sends("tokens", int, stream=True)
answering.on("ping me")(ping_me)


class Reader(RecoveringClient):
    """A client that says where it was in each stream, as a page does."""

    def __init__(self) -> None:
        super().__init__()
        self.items: list[int] = []
        self.numbers: list[int] = []
        self.ended = False

    async def come(self, client: Client) -> None:
        """Connect; a page that has read nothing of a stream says nothing of it."""
        said = {"answer": len(self.items)} if self.items else {}
        await self.connect(client, streams=said)

    async def read(self, items: int, numbers: int) -> None:
        """Read until so many items of the stream, and so many numbers, are there."""
        while len(self.items) < items or len(self.numbers) < numbers:
            name, argument = await self.next()
            if name == "said":
                self.numbers.append(argument)
            elif "items" in argument:
                assert argument["offset"] == len(self.items), "nothing twice, and nothing missed"
                self.items += argument["items"]


@pytest.mark.parametrize("reads_before", [False, True])
async def test_a_reader_of_a_stream_is_recovered_and_goes_on_in_the_stream(
    store_name: str, request: pytest.FixtureRequest, reads_before: bool
) -> None:
    names = ["a"] if store_name == "memory" else ["a", "b"]
    server = None
    if store_name != "memory":
        server = request.getfixturevalue("valkey" if store_name == "valkey" else "redis_server")
    feed: asyncio.Queue[int] = asyncio.Queue()

    async def fed() -> AsyncIterator[int]:
        while (item := await feed.get()) >= 0:
            yield item

    async with recovering(answering, server, *names, streams=MemoryStreamLog()) as nodes:
        me, first_node, last_node = Reader(), nodes.nodes[0], nodes.nodes[-1]
        async with nodes.client(0) as first:
            await me.come(first)
            session = await nodes.session(0)
            to = to_session(session.key)
            stream = first_node.emitter.stream("tokens", fed(), to=to, id="answer")
            sending = asyncio.create_task(stream)
            if reads_before:
                for number in range(3):
                    feed.put_nowait(number)
                await last_node.emitter.emit("said", 0, to=to)
                await me.read(3, 1)
        await gone(nodes, 0)
        for turn in range(1, 4):
            for number in range(3 * turn, 3 * turn + 3):
                feed.put_nowait(number)
                await nodes.nodes[number % len(names)].emitter.emit("said", number, to=to)
            async with nodes.client(turn % len(names)) as later:
                await me.come(later)
                assert me.recovered
                await me.read(3 * turn + (3 if reads_before else 0), 3 * turn + int(reads_before))
            await gone(nodes, turn % len(names))
        feed.put_nowait(-1)
        assert await sending is None
        assert sorted(me.numbers) == [0] * reads_before + list(range(3, 12))
        assert me.items == list(range(0 if reads_before else 3, 12))
        async with nodes.client(0) as last:
            await me.come(last)
            assert me.recovered
            [_, end] = await me.next()
            assert end["done"]
            await me.nothing()
