"""The Engine.IO protocol, case by case, on a node that sends back each message."""

import pytest

from tests.protocol.engine_cases import (  # noqa: F401 - pytest collects them from here
    CLOSE,
    TestClose,
    TestHandshakeByPolling,
    TestHandshakeByWebSocket,
    TestHeartbeat,
    TestUpgrade,
    upgrade,
)
from tests.protocol.peer import Peer
from tests.support.eventually import eventually
from tests.support.http import problem
from tests.support.service import Service


@pytest.fixture
def node_under_test(echo: Service) -> Service:
    """A node that sends back each message."""
    return echo


@pytest.mark.parametrize(
    "packets", [["4hello"], ["4test1", "4test2", "4test3"], ["4hello", "bAQIDBA=="]]
)
async def test_a_payload_is_sent_back(peer: Peer, packets: list[str]) -> None:
    sid = (await peer.open())["sid"]
    posted = await peer.post(sid, *packets)
    assert (posted.status_code, posted.text) == (200, "ok")
    polled = await peer.poll(sid)
    assert (polled.status_code, polled.text.split("\x1e")) == (200, packets)


async def test_what_is_no_packet_closes_a_polling_socket(peer: Peer) -> None:
    sid = (await peer.open())["sid"]
    assert problem(await peer.post(sid, "abc")) == (400, "bad-payload")
    assert problem(await peer.poll(sid)) == (400, "unknown-socket")


async def test_what_came_before_what_is_no_packet_is_handled(peer: Peer) -> None:
    sid = (await peer.open())["sid"]
    poll = await peer.waiting_poll(sid)
    assert (await peer.post(sid, "4first", "abc", "4last")).status_code == 400
    assert (await poll).text == "4first"


async def test_two_polls_at_once_close_the_socket(peer: Peer) -> None:
    sid = (await peer.open())["sid"]
    first = await peer.waiting_poll(sid)
    assert problem(await peer.poll(sid)) == (400, "overlapping-polls")
    assert (await first).text == CLOSE
    assert problem(await peer.poll(sid)) == (400, "unknown-socket")


async def test_a_poll_that_is_called_off_closes_the_socket(peer: Peer) -> None:
    sid = (await peer.open())["sid"]
    poll = await peer.waiting_poll(sid)
    poll.cancel()

    async def unknown() -> bool:
        return (await peer.post(sid, "3")).status_code == 400

    await eventually(unknown)
    assert problem(await peer.poll(sid)) == (400, "unknown-socket")


@pytest.mark.parametrize("frame", ["4hello", bytes([1, 2, 3, 4])], ids=["text", "binary"])
async def test_a_frame_is_sent_back(peer: Peer, frame: str | bytes) -> None:
    async with peer.websocket() as websocket:
        await websocket.open()
        await websocket.send(frame)
        assert await websocket.receive() == frame


async def test_what_is_no_packet_closes_a_websocket(peer: Peer) -> None:
    async with peer.websocket() as websocket:
        await websocket.open()
        await websocket.send("abc")
        await websocket.closed()


async def test_messages_go_by_the_websocket_after_an_upgrade(peer: Peer) -> None:
    sid = (await peer.open())["sid"]
    async with peer.websocket(sid=sid) as websocket:
        await upgrade(websocket)
        await websocket.send("4hello")
        assert await websocket.receive() == "4hello"
