"""P19 where a client is back elsewhere, and the node that it was on has not noticed that its link is lost."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest

from app import EventRouter, SocketDep, to_socket
from tests.realtime.recovering import Nodes, RecoveringClient, recovering
from tests.realtime.two_nodes import Client
from tests.support.eventually import eventually
from tests.support.servers import StoreServer

router = EventRouter(recovery=True)


@router.on("ping me")
async def ping_me() -> str:
    return "pong"


@router.on("rooms")
async def rooms(socket: SocketDep) -> list[str]:
    return sorted(socket.rooms)


@pytest.fixture
async def nodes(valkey: StoreServer) -> AsyncIterator[Nodes]:
    async with recovering(router, valkey, "a", "b", "c") as made:
        yield made


@pytest.fixture
def unnoticed(nodes: Nodes, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What tells the first node of it is on its way for as long as the test takes."""
    _hold_notices(nodes, monkeypatch)
    yield
    assert len(nodes.nodes[0].registry) == 1, "the first node has noticed"


def _hold_notices(nodes: Nodes, monkeypatch: pytest.MonkeyPatch) -> None:
    for each in nodes.nodes:
        monkeypatch.setattr(each.messenger, "close_elsewhere", lambda _member: None)


@asynccontextmanager
async def back(nodes: Nodes, me: RecoveringClient) -> AsyncIterator[Client]:
    """Connect to the first node, stop polling it without a word, and come back to the second."""
    async with nodes.client(0) as first:
        await me.connect(first)
        await nodes.nodes[0].emitter.emit("said", 0, to=to_socket(str(me.sid)))
        assert await me.take(1) == [0]
    async with nodes.client(1) as second:
        await me.connect(second)
        assert me.recovered
        yield second


@pytest.mark.usefixtures("unnoticed")
async def test_what_every_node_sends_to_a_socket_reaches_it_once_and_in_order(nodes: Nodes) -> None:
    me = RecoveringClient()
    async with back(nodes, me):
        for node in nodes.nodes:
            for number in range(1, 4):
                await node.emitter.emit("said", number, to=to_socket(str(me.sid)))
            assert await me.take(3) == [1, 2, 3]
        await me.nothing()


@pytest.mark.usefixtures("unnoticed")
async def test_what_it_was_sent_before_and_after_its_return_comes_once_when_it_moves_on(
    nodes: Nodes,
) -> None:
    me, here = RecoveringClient(), nodes.nodes[0].emitter
    async with back(nodes, me):
        await here.emit("said", 1, to=to_socket(str(me.sid)))
        assert await me.take(1) == [1]
    await here.emit("said", 2, to=to_socket(str(me.sid)))
    async with nodes.client(2) as third:
        await me.connect(third)
        assert me.recovered
        await here.emit("said", 3, to=to_socket(str(me.sid)))
        assert await me.take(2) == [2, 3]
        await me.nothing()


@pytest.mark.usefixtures("unnoticed")
async def test_the_first_node_has_it_join_and_leave_rooms(nodes: Nodes) -> None:
    me, here = RecoveringClient(), nodes.nodes[0].emitter
    async with back(nodes, me) as client:
        await here.join(to_socket(str(me.sid)), "lobby")
        await here.emit("said", 1, to="lobby")
        assert await me.take(1) == [1]
        assert await client.emit("rooms") == ["lobby"]
        await here.leave(to_socket(str(me.sid)), "lobby")
        await here.emit("said", 2, to=to_socket(str(me.sid)))
        assert await me.take(1) == [2]
        assert await client.emit("rooms") == []


async def test_the_first_node_disconnects_it(nodes: Nodes, monkeypatch: pytest.MonkeyPatch) -> None:
    _hold_notices(nodes, monkeypatch)
    me = RecoveringClient()
    async with back(nodes, me) as client:
        await nodes.nodes[0].emitter.disconnect(to_socket(str(me.sid)))
        assert await client.next(lambda frame: frame.startswith("41")) == "41"


async def test_the_first_node_is_told_and_closes_what_it_has(nodes: Nodes) -> None:
    me = RecoveringClient()
    async with back(nodes, me) as client:
        await eventually(lambda: len(nodes.nodes[0].registry) == 0)
        calling = asyncio.create_task(
            nodes.nodes[0].emitter.call("asked", 1, to=to_socket(str(me.sid)), timeout=5)
        )
        asked = await client.next(lambda frame: frame.startswith("42"))
        await client.post(f'43{asked[2:].partition("[")[0]}["yes"]')
        assert await calling == "yes"
        assert len(nodes.nodes[1].registry) == 1
