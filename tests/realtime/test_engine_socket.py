"""Packets arrive whole and in order, whether the connection takes them at once or not."""

import asyncio
from collections.abc import Callable
from unittest.mock import AsyncMock

from engineio import packet
from hypothesis import given, settings
from hypothesis import strategies as st

from app.realtime.engineio.payload import encode_payload
from app.realtime.engineio.server import EngineServer
from app.realtime.engineio.socket import EngineSocket
from tests.support.eventually import eventually
from tests.support.http import http_client
from tests.support.metrics import counted
from tests.support.raw import raw_websocket
from tests.support.service import Service

steadily = settings(derandomize=True, deadline=None, max_examples=200)

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


def new_socket() -> EngineSocket:
    """One whose handshake has been answered, and that has its first packet to send."""
    server = EngineServer()
    for event in ("message", "disconnect"):
        server.on(event, AsyncMock())
    socket = server.sockets["sid"] = EngineSocket(server, "sid")
    socket.send_nowait(packet.Packet(packet.OPEN, "first"))
    return socket


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
