"""Where nodes recover their own clients, as on a Cluster: what arrives while one comes back."""

import asyncio

from app.realtime.recovery.position import Position
from app.realtime.recovery.store import MemoryRecoveryStore
from tests.realtime.recovering import RecoveringClient, recovering
from tests.realtime.test_recovery import away, router
from tests.support.eventually import eventually


class HeldStore(MemoryRecoveryStore):
    """Holds the look at the ends of the logs until it is released."""

    def __init__(self) -> None:
        super().__init__()
        self.reading = asyncio.Event()
        self.released = asyncio.Event()

    async def snapshot(self, theirs: str, ours: str) -> tuple[Position, Position]:
        self.reading.set()
        await self.released.wait()
        return await super().snapshot(theirs, ours)


async def test_a_message_of_another_node_that_arrives_amid_a_replay_is_received_once() -> None:
    store = HeldStore()
    async with recovering(router, None, "a", recovery=store) as nodes:
        other = nodes.add("b")
        other.start()
        me = RecoveringClient()
        await away(nodes, me, "lobby")
        async with nodes.client() as second:
            connecting = asyncio.create_task(me.connect(second))
            await store.reading.wait()
            logged = store._log.last
            await other.emitter.emit("said", 1, to="lobby")
            await eventually(lambda: store._log.last > logged)
            await nodes.nodes[0].emitter.emit("said", 2, to="lobby")
            store.released.set()
            await connecting
            assert me.recovered
            assert await me.take(2) == [1, 2]
            await me.nothing()
        await other.aclose()
