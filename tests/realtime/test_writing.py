"""What a socket is sent arrives whole and in order, however its connection takes it."""

import asyncio
from unittest.mock import AsyncMock

from engineio import packet
from hypothesis import given, settings
from hypothesis import strategies as st

from app.realtime.engine import EngineServer
from app.realtime.engine_socket import EngineSocket
from tests.support.eventually import eventually
from tests.support.http import http_client
from tests.support.metrics import counted
from tests.support.raw import raw_websocket
from tests.support.service import Service

steadily = settings(derandomize=True, deadline=None, max_examples=200)

LENGTH, EVENTS = 15_000, 250


class Moody:
    """Frames of a connection that takes some at once, and has to be waited for with others."""

    def __init__(self, moods: list[bool]) -> None:
        self._moods = moods
        self._closed = asyncio.get_running_loop().create_future()
        self.sent: list[str | bytes] = []

    async def wait(self) -> str | bytes:
        await self._closed
        raise OSError("closed")

    def write(self, frame: str | bytes) -> bool:
        takes = self._moods.pop() if self._moods else True
        if takes:
            self.sent.append(frame)
        return takes

    async def send(self, frame: str | bytes) -> None:
        for _ in range(3):
            await asyncio.sleep(0)
        self.sent.append(frame)

    async def close(self) -> None:
        if not self._closed.done():
            self._closed.set_result(None)

    def cut(self) -> None:
        raise AssertionError("nothing is to be cut")


def new_socket() -> EngineSocket:
    """One whose handshake has been answered, and that has its first packet to send."""
    server = EngineServer(async_mode="asgi")
    server.on("message", AsyncMock())
    socket = server.sockets["sid"] = EngineSocket(server, "sid")
    socket.post(packet.Packet(packet.OPEN, "first"))
    return socket


@steadily
@given(st.lists(st.booleans()), st.lists(st.integers(0, 4), max_size=20))
def test_nothing_overtakes_what_waits(moods: list[bool], pauses: list[int]) -> None:
    async def write_all() -> None:
        socket, frames = new_socket(), Moody(moods)
        async with asyncio.timeout(10.0):
            serving = asyncio.create_task(socket._websocket_handler(frames))
            await asyncio.sleep(0)
            for number, pause in enumerate(pauses):
                socket.post(packet.Packet(packet.MESSAGE, str(number)))
                for _ in range(pause):
                    await asyncio.sleep(0)
            await socket.close()
            await serving
        assert frames.sent == ["0first", *(f"4{number}" for number in range(len(pauses)))]

    asyncio.run(write_all())


async def test_a_socket_that_is_closed_before_it_is_served_is_served_and_closed() -> None:
    socket, frames = new_socket(), Moody([])
    await socket.close()
    async with asyncio.timeout(10.0):
        await socket._websocket_handler(frames)
    assert frames.sent == ["0first", "1"]


async def test_a_client_that_reads_late_gets_all_in_order(workshop: Service) -> None:
    async with http_client(workshop.url) as http:
        await http.post("/write/key", params={"length": LENGTH})
        cookie = "; ".join(f"{each.name}={each.value}" for each in http.cookies.jar)
        async with raw_websocket(workshop.url, cookie=cookie) as socket:
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
