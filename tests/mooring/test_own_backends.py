"""A product's own backend that lacks a part which its nodes are to share: what does not work is said."""

import logging
from typing import cast

import pytest

from app import EventRouter
from app.backends import Backend
from app.realtime.bus.base import Batch, Bus, MemoryBus, Offset
from app.realtime.carry.streams import CarryStreams
from tests.realtime.in_process import new_service

SHARED = MemoryBus()


class OwnBus(Bus):
    """One that other processes read, too."""

    async def publish(self, node_id: str, sequence: int, payload: bytes) -> None:
        await SHARED.publish(node_id, sequence, payload)

    async def tail(self) -> Offset:
        return await SHARED.tail()

    async def read(self, after: Offset) -> Batch:
        return await SHARED.read(after)


def streaming() -> EventRouter:
    router = EventRouter()
    router.sends("tokens", int, stream=True)
    return router


@pytest.mark.parametrize(
    ("router", "bus", "warned"),
    [
        (streaming(), OwnBus(), True),
        (streaming(), MemoryBus(), False),
        (EventRouter(), OwnBus(), False),
    ],
    ids=["own bus", "memory", "no streams"],
)
def test_streams_that_other_nodes_cannot_read_are_warned_of(
    router: EventRouter, bus: Bus, warned: bool, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        new_service(router, bus=bus)
    assert ("streams are kept in this process" in caplog.text) == warned


@pytest.mark.parametrize("node_id", ["", "web.1", "a b", "é", "a&b", "x" * 65, "a\n"])
def test_a_node_whose_name_cannot_stand_in_ids_of_sockets_is_refused(node_id: str) -> None:
    carry = cast(CarryStreams, object())
    with pytest.raises(ValueError, match="node_id: "):
        Backend(node_id=node_id, carry_streams=carry)
    assert Backend(node_id=node_id).node_id == node_id, "nothing is carried"
    assert Backend(carry_streams=carry).node_id
