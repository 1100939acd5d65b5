"""P19 beside what else happens to a socket and its session while its client comes back."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from app import EventRouter, SocketDep
from app.sessions import EndReason
from tests.realtime.recovering import Nodes, RecoveringClient, recovering
from tests.realtime.test_recovery import away, there
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


@pytest.fixture
async def nodes(store_name: str, request: pytest.FixtureRequest) -> AsyncIterator[Nodes]:
    """A node on memory, or three on a server."""
    gates.clear()
    server = None
    names = ["a"]
    if store_name != "memory":
        server = request.getfixturevalue("valkey" if store_name == "valkey" else "redis_server")
        names = ["a", "b", "c"]
    async with recovering(events, server, *names) as made:
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
