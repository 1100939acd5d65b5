"""The cases of Engine.IO 4 that need nothing of what is above it.

From https://socket.io/docs/v4/engine-io-protocol/: both suites have them, on different nodes.
"""

import asyncio

from tests.protocol.peer import Peer, PeerWebSocket
from tests.support.http import problem
from tests.support.protocol_app import PING_INTERVAL, PING_TIMEOUT

NOOP = "6"
CLOSE = "1"
OPENED = {"sid", "upgrades", "pingInterval", "pingTimeout", "maxPayload"}
PINGS = 2
LATE = 1.0
"""By so many seconds a busy node may be late."""


async def upgrade(websocket: PeerWebSocket) -> None:
    """Complete an upgrade."""
    await websocket.send("2probe")
    assert await websocket.receive() == "3probe"
    await websocket.send("5")


class TestHandshakeByPolling:
    """HTTP long-polling, from nothing."""

    async def test_opens_a_socket(self, peer: Peer) -> None:
        opened = await peer.open()
        assert set(opened) == OPENED
        assert isinstance(opened["sid"], str)
        assert opened["upgrades"] == ["websocket"]
        assert opened["pingInterval"] == PING_INTERVAL * 1000
        assert opened["pingTimeout"] == PING_TIMEOUT * 1000
        assert opened["maxPayload"] == 1_000_000

    async def test_needs_the_version(self, peer: Peer) -> None:
        for version in (None, "abc", "3", ""):
            answer = await peer.request(EIO=version)
            assert problem(answer) == (400, "unsupported-protocol-version")

    async def test_needs_the_transport(self, peer: Peer) -> None:
        for transport in (None, "abc", ""):
            assert problem(await peer.request(transport=transport)) == (400, "unknown-transport")
        assert problem(await peer.request(transport="websocket")) == (400, "bad-upgrade")

    async def test_is_a_get(self, peer: Peer) -> None:
        for method in ("POST", "PUT", "DELETE", "PATCH", "OPTIONS"):
            assert problem(await peer.request(method)) == (400, "bad-method")
        assert (await peer.request("HEAD")).status_code == 400


class TestHandshakeByWebSocket:
    """WebSocket, from nothing."""

    async def test_opens_a_socket(self, peer: Peer) -> None:
        async with peer.websocket() as websocket:
            opened = await websocket.open()
        assert set(opened) == OPENED
        assert opened["upgrades"] == []
        assert opened["maxPayload"] == 1_000_000

    async def test_needs_the_version(self, peer: Peer) -> None:
        for version in (None, "abc", "3", ""):
            assert await peer.is_refused(EIO=version)

    async def test_needs_the_transport(self, peer: Peer) -> None:
        for transport in (None, "abc", "", "polling"):
            assert await peer.is_refused(transport=transport)


class TestHeartbeat:
    """The server pings, and the client answers in time."""

    async def test_pings_polls_again_and_again(self, peer: Peer) -> None:
        sid = (await peer.open())["sid"]
        for _ in range(PINGS):
            assert (await peer.poll(sid)).text == "2"
            assert (await peer.post(sid, "3")).status_code == 200

    async def test_a_polling_client_that_answers_no_ping_is_unknown_after_the_timeout(
        self, peer: Peer
    ) -> None:
        sid = (await peer.open())["sid"]
        await asyncio.sleep(PING_INTERVAL + PING_TIMEOUT + LATE)  # the case is about this time
        assert problem(await peer.poll(sid)) == (400, "unknown-socket")

    async def test_a_poll_that_waits_for_the_timeout_is_told_of_it(self, peer: Peer) -> None:
        sid = (await peer.open())["sid"]
        assert (await peer.poll(sid)).text == "2"
        assert (await peer.poll(sid)).text == CLOSE
        assert (await peer.poll(sid)).status_code == 400

    async def test_pings_a_websocket_again_and_again(self, peer: Peer) -> None:
        async with peer.websocket() as websocket:
            await websocket.open()
            for _ in range(PINGS):
                assert await websocket.receive() == "2"
                await websocket.send("3")

    async def test_a_websocket_that_answers_no_ping_is_closed(self, peer: Peer) -> None:
        async with peer.websocket() as websocket:
            await websocket.open()
            assert await websocket.receive() == "2"
            await websocket.closed()


class TestClose:
    """The client says that it goes."""

    async def test_a_poll_that_waits_gets_a_noop(self, peer: Peer) -> None:
        sid = (await peer.open())["sid"]
        poll = await peer.waiting_poll(sid)
        assert (await peer.post(sid, CLOSE)).text == "ok"
        assert (await poll).text == NOOP
        assert problem(await peer.poll(sid)) == (400, "unknown-socket")

    async def test_a_websocket_is_closed(self, peer: Peer) -> None:
        async with peer.websocket() as websocket:
            await websocket.open()
            await websocket.send(CLOSE)
            await websocket.closed()


class TestUpgrade:
    """From polling to WebSocket."""

    async def test_the_websocket_takes_over_without_a_left_over_noop(self, peer: Peer) -> None:
        sid = (await peer.open())["sid"]
        async with peer.websocket(sid=sid) as websocket:
            await websocket.send("2probe")
            assert await websocket.receive() == "3probe"
            assert (await peer.poll(sid)).text == NOOP
            await websocket.send("5")
            assert await websocket.receive() == "2"

    async def test_a_poll_that_waits_is_released_by_a_noop(self, peer: Peer) -> None:
        sid = (await peer.open())["sid"]
        async with peer.websocket(sid=sid) as websocket:
            poll = await peer.waiting_poll(sid)
            await websocket.send("2probe", "5")
            assert (await poll).text == NOOP
            assert await websocket.receive() == "3probe"
            assert await websocket.receive() == "2"

    async def test_polls_and_posts_are_refused_afterwards(self, peer: Peer) -> None:
        sid = (await peer.open())["sid"]
        async with peer.websocket(sid=sid) as websocket:
            await upgrade(websocket)
            assert await websocket.receive() == "2"
            assert problem(await peer.poll(sid)) == (400, "unknown-socket")
            assert problem(await peer.post(sid, "4hello")) == (400, "unknown-socket")
            await websocket.send("3")
            assert await websocket.receive() == "2"

    async def test_a_second_websocket_is_refused_afterwards(self, peer: Peer) -> None:
        sid = (await peer.open())["sid"]
        async with peer.websocket(sid=sid) as websocket:
            await upgrade(websocket)
            assert await websocket.receive() == "2"
            assert await peer.is_refused(sid=sid)
            await websocket.send("3")
            assert await websocket.receive() == "2"
