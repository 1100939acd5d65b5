"""P19: a client comes back to a node that gets messages later than the one it was on before."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.realtime.recovering import Nodes, RecoveringClient, recovering
from tests.realtime.test_recovery import gone
from tests.realtime.test_recovery_faults import events
from tests.support.eventually import eventually
from tests.support.servers import StoreServer


@pytest.fixture
async def nodes(valkey: StoreServer) -> AsyncIterator[Nodes]:
    async with recovering(events, valkey, "a", "b", "c") as made:
        yield made


class LateNode:
    """A node that reads what the bus has for it, and applies it when it may.

    Args:
        nodes: of which it is the second.
        monkeypatch: takes it back in the end.
    """

    def __init__(self, nodes: Nodes, monkeypatch: pytest.MonkeyPatch) -> None:
        self.may_go_on = asyncio.Event()
        self.may_go_on.set()
        bus: Any = nodes.nodes[1].relay._bus
        read = bus.read_addressed

        async def read_late(*args: Any) -> Any:
            batch = await read(*args)
            await self.may_go_on.wait()
            return batch

        monkeypatch.setattr(bus, "read_addressed", read_late)


@pytest.mark.parametrize("sender", [0, 2])
async def test_what_it_had_there_already_does_not_come_again(
    nodes: Nodes, monkeypatch: pytest.MonkeyPatch, sender: int
) -> None:
    late, emitter = LateNode(nodes, monkeypatch), nodes.nodes[sender].emitter
    me, other = RecoveringClient(), RecoveringClient()
    async with nodes.client(1) as second, nodes.client(1) as third:
        await other.connect(second)
        await second.emit("enter", "lobby")
        async with nodes.client(0) as first:
            await me.connect(first)
            await first.emit("enter", "lobby")
            await emitter.emit("said", 0, to="lobby")
            assert await other.take(1) == await me.take(1) == [0]
            late.may_go_on.clear()
            for number in (1, 2):
                await emitter.emit("said", number, to="lobby")
            assert await me.take(2) == [1, 2]
        await gone(nodes, 0)
        await emitter.emit("said", 3, to="lobby")

        coming_back = asyncio.create_task(me.connect(third))
        messenger: Any = nodes.nodes[1].messenger
        await eventually(lambda: messenger.coming_back)
        late.may_go_on.set()
        await coming_back

        assert me.recovered
        assert await other.take(3) == [1, 2, 3]
        assert await me.take(1) == [3]
        await me.nothing()
