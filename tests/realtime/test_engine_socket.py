"""Packets arrive whole and in order, whether the connection takes them at once or not."""

import asyncio
from collections.abc import Callable
from typing import Any
from unittest.mock import AsyncMock

import pytest
from engineio import packet
from hypothesis import given, settings
from hypothesis import strategies as st

from app.realtime.engineio.owner import Owner
from app.realtime.engineio.payload import encode_payload
from app.realtime.engineio.server import EngineServer, digest_of
from app.realtime.engineio.socket import POLL_CLOSE_TIMEOUT_SECONDS, EngineSocket
from tests.support.eventually import eventually
from tests.support.http import http_client
from tests.support.metrics import counted
from tests.support.raw import raw_websocket
from tests.support.samples import PROOF, times
from tests.support.service import Service

steadily = settings(derandomize=not PROOF, deadline=None, max_examples=times(75, of=200))

LENGTH, EVENTS = 15_000, 250


class FakeWebSocket:
    """A WebSocket that takes some frames at once, and has to be awaited with others."""

    def __init__(self, takes_at_once: list[bool]) -> None:
        self._takes_at_once = takes_at_once
        self._closed = asyncio.get_running_loop().create_future()
        self.sent: list[str | bytes] = []

    async def wait(self) -> str | bytes:
        await self._closed
        raise OSError("closed")

    def offer(self, take: Callable[[str], bool] | None) -> None:
        pass  # what comes, `wait` returns

    def send_nowait(self, frame: str | bytes) -> bool:
        takes = self._takes_at_once.pop() if self._takes_at_once else True
        if takes:
            self.sent.append(frame)
        return takes

    async def send(self, frame: str | bytes) -> None:
        for _ in range(3):
            await asyncio.sleep(0)
        self.sent.append(frame)

    async def close(self, _code: int) -> None:
        if not self._closed.done():
            self._closed.set_result(None)

    def abort(self) -> None:
        raise AssertionError("nothing is to be aborted")


class UpgradingWebSocket(FakeWebSocket):
    """One that replaces polling."""

    def __init__(self, takes_at_once: list[bool]) -> None:
        super().__init__(takes_at_once)
        self._says = ["5", "2probe"]

    async def wait(self) -> str | bytes:
        return self._says.pop() if self._says else await super().wait()


def new_socket() -> EngineSocket:
    """One whose handshake has been answered, and that has its first packet to send."""
    server = EngineServer()
    for event in ("message", "disconnect"):
        server.on(event, AsyncMock())
    socket = server.sockets["sid"] = EngineSocket(server, "sid")
    socket.send_nowait(packet.Packet(packet.OPEN, "first"))
    return socket


@pytest.mark.proof
@steadily
@given(st.lists(st.booleans()), st.lists(st.integers(0, 4), max_size=20))
def test_no_packet_overtakes_a_queued_one(takes_at_once: list[bool], pauses: list[int]) -> None:
    async def write_all() -> None:
        socket, websocket = new_socket(), FakeWebSocket(takes_at_once)
        async with asyncio.timeout(10.0):
            serving = asyncio.create_task(socket.serve_websocket(websocket))
            await asyncio.sleep(0)
            for number, pause in enumerate(pauses):
                socket.send_nowait(packet.Packet(packet.MESSAGE, str(number)))
                for _ in range(pause):
                    await asyncio.sleep(0)
            await socket.close()
            await serving
        assert websocket.sent == ["0first", *(f"4{number}" for number in range(len(pauses)))]

    asyncio.run(write_all())


async def test_a_socket_that_is_closed_before_it_is_served_is_served_and_closed() -> None:
    socket, websocket = new_socket(), FakeWebSocket([])
    await socket.close()
    async with asyncio.timeout(10.0):
        await socket.serve_websocket(websocket)
    assert websocket.sent == ["0first", "1"]


async def test_a_binary_packet_is_encoded_for_each_transport() -> None:
    shared = packet.Packet(packet.MESSAGE, b"\x00")
    upgraded, polling, websocket = new_socket(), new_socket(), FakeWebSocket([])
    serving = asyncio.create_task(upgraded.serve_websocket(websocket))
    await asyncio.sleep(0)

    for socket in (upgraded, polling):
        socket.send_nowait(shared)

    assert encode_payload(await polling.first_packets()) == b"0first\x1ebAA=="
    assert websocket.sent == ["0first", b"\x00"]
    await upgraded.close()
    await serving


async def test_what_a_client_has_fetched_counts_no_longer() -> None:
    """P13: who fetches five megabytes in pieces leaves none of them unread."""
    socket, limit = new_socket(), EngineServer().max_buffered_bytes
    await socket.first_packets()
    piece = packet.Packet(packet.MESSAGE, "x" * (limit // 3))
    for _ in range(12):
        socket.send_nowait(piece)
        assert socket.unsent_bytes > limit // 4
        assert await socket.first_packets() == [piece]
        assert socket.unsent_bytes == 0
    assert not socket.closing


@pytest.mark.parametrize("takes", [[], [False] * 12], ids=["at once", "each late"])
async def test_what_was_written_counts_no_longer(takes: list[bool]) -> None:
    socket, websocket, limit = new_socket(), FakeWebSocket(takes), EngineServer().max_buffered_bytes
    serving = asyncio.create_task(socket.serve_websocket(websocket))
    for _ in range(12):
        socket.send_nowait(packet.Packet(packet.MESSAGE, "x" * (limit // 3)))
        await eventually(lambda: socket.unsent_bytes == 0)
    assert not socket.closing
    await socket.close()
    await serving


async def test_what_is_left_unread_is_the_end_of_the_socket() -> None:
    socket, limit = new_socket(), EngineServer().max_buffered_bytes
    await socket.first_packets()
    for _ in range(4):
        socket.send_nowait(packet.Packet(packet.MESSAGE, "x" * (limit // 3)))
    await eventually(lambda: socket.closing)


async def test_a_polling_client_that_fetches_no_close_is_forgotten_in_the_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    loop = asyncio.get_running_loop()
    alarms: dict[float, Any] = {}
    monkeypatch.setattr(loop, "call_later", alarms.setdefault)
    socket = new_socket()
    sockets = socket._server.sockets
    await socket.close()
    assert socket.sid in sockets, "the client has time to fetch its CLOSE"
    [(after, call)] = alarms.items()
    assert after == POLL_CLOSE_TIMEOUT_SECONDS
    socket._close_timer = None
    call()
    assert socket.sid not in sockets


@pytest.mark.parametrize("closing", [False, True])
@pytest.mark.parametrize("polls", [False, True])
async def test_with_another_cookie_a_socket_is_served_its_last_poll_alone(
    closing: bool, polls: bool
) -> None:
    """P14: a post to a socket that is closing is refused as well."""
    socket = new_socket()
    socket.owner = Owner("its key", "its cookie", had_cookie=True)
    if closing:
        await socket.close()
    server = socket._server
    assert isinstance(server, EngineServer)

    def may(key: str) -> bool:
        return server.may_use(socket, key.__eq__, lambda: "its cookie", polls=polls)

    assert may("its key")
    assert may("another") is (closing and polls)


async def test_a_socket_is_found_by_its_digest_while_it_polls_and_no_longer() -> None:
    """P22: by that other nodes name the socket of a request that arrived there."""
    server = EngineServer(node="here")
    for event in ("connect", "message", "disconnect"):
        server.on(event, AsyncMock())
    server.by_digest = {}
    polling, upgraded = [
        await server.open({"type": "http"}, upgrades=["websocket"]) for _ in range(2)
    ]
    never_polls = await server.open({"type": "websocket"}, upgrades=[])
    for socket in (polling, upgraded):
        digest = digest_of(socket.sid)
        assert (server.find_by_digest(digest), len(digest)) == (socket, 64)
        assert socket.sid not in digest
        socket.connected = True
    assert server.find_by_digest(digest_of(never_polls.sid)) is None
    assert server.find_by_digest(polling.sid) is None

    serving = asyncio.create_task(upgraded.serve_websocket(UpgradingWebSocket([])))
    await eventually(lambda: upgraded.upgraded)
    assert server.find_by_digest(digest_of(upgraded.sid)) is None
    await polling.close(abort=True)
    assert server.find_by_digest(digest_of(polling.sid)) is None
    await upgraded.close()
    await serving
    assert server.by_digest == {}


@pytest.mark.parametrize("error", [OSError, RuntimeError])
async def test_an_upgrade_whose_client_goes_amid_it_leaves_polling(error: type[Exception]) -> None:
    """Servers differ in what they raise when something is sent to who has gone."""

    class GoneWebSocket(UpgradingWebSocket):
        async def send(self, frame: str | bytes) -> None:
            raise error("it has gone")

    socket = new_socket()
    socket.connected = True
    async with asyncio.timeout(10.0):
        await socket.serve_websocket(GoneWebSocket([]))
    assert (socket.upgraded, socket.closing) == (False, False)
    assert encode_payload(await socket.first_packets()) == b"0first"
    await socket.close(abort=True)


async def test_a_client_that_reads_late_gets_all_in_order(extended: Service) -> None:
    async with http_client(extended.url) as http:
        await http.post("/write/key", params={"length": LENGTH})
        cookie = "; ".join(f"{each.name}={each.value}" for each in http.cookies.jar)
        async with raw_websocket(extended.url, cookie=cookie) as socket:
            await socket.join()
            socket.stop_reading()
            before = await counted(http, "mooring_events_total", event="peek")
            for number in range(EVENTS):
                await socket.emit("peek", ack=number)

            async def all_are_handled() -> bool:
                return await counted(http, "mooring_events_total", event="peek") == before + EVENTS

            await eventually(all_are_handled)
            socket.read_on()
            for number in range(EVENTS):
                answer = await socket.receive_until("43")
                assert answer.startswith(f"43{number}[")
                assert len(answer) > LENGTH
