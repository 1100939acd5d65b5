"""P13: floods. What one client sends makes no other wait, no memory grow and no log fill.

`make siege` measures what others wait; here it is counted what is closed, held and written.
"""

import asyncio
import random
import socket as sockets
import struct
from collections.abc import Callable
from contextlib import AsyncExitStack

import pytest

from app.asgi.limits import EVENT_CONTAINERS, IDLE_PACKETS
from benchmarks.processes import memory_bytes
from benchmarks.siege.attacks import ATTACKS
from benchmarks.siege.wire import (
    BINARY,
    CONTINUATION,
    PING,
    PONG,
    TEXT,
    frame,
    new_session,
    websocket,
)
from tests.support.eventually import eventually
from tests.support.http import cookie_header, http_client
from tests.support.raw import RawPolling, raw_polling, raw_websocket
from tests.support.raw_frames import raw_frames
from tests.support.service import Service, service

TOO_MANY = IDLE_PACKETS + 100
CLOSED_1008 = b"\x03\xf0"
GROWN_BYTES = 60_000_000
"""A fifth of what it took without limits; how much the allocator keeps differs from run to run."""

QUIET_BYTES = 15_000_000
"""Less than half of what sockets that have sent a megabyte each would keep of it."""

FLOODS: dict[str, Callable[[], bytes]] = {
    "empty pings": lambda: frame(b"", PING) * TOO_MANY,
    "full pings": lambda: frame(b"x" * 125, PING) * TOO_MANY,
    "pongs": lambda: frame(b"", PONG) * TOO_MANY,
    "empty fragments": lambda: (
        frame(b"4", TEXT, fin=False) + frame(b"", CONTINUATION, fin=False) * TOO_MANY
    ),
    "fragments of a byte": lambda: (
        frame(b"4", TEXT, fin=False) + frame(b"x", CONTINUATION, fin=False) * TOO_MANY
    ),
    "noops": lambda: frame(b"6") * TOO_MANY,
    "pongs of the engine": lambda: frame(b"3") * TOO_MANY,
    "acks that nobody waits for": lambda: frame(b"431[]") * TOO_MANY,
    "leaving and joining": lambda: (frame(b"41") + frame(b"40")) * (TOO_MANY // 2),
}


@pytest.mark.parametrize("flood", FLOODS.values(), ids=FLOODS)
async def test_a_flood_of_what_means_nothing_is_closed(
    node: Service, flood: Callable[[], bytes]
) -> None:
    async with raw_frames(node.port) as client:
        await client.join()
        client.writer.write(flood())
        assert CLOSED_1008 in await client.until_closed()


async def test_a_flood_in_a_post_is_closed_and_fills_no_log(node: Service) -> None:
    before = node.log().count("Unknown callback")
    async with raw_polling(node.url, leave=False) as polling:
        await polling.join()
        await polling.post(*["431[]"] * 9_000)
        await eventually(lambda: _is_closed(polling))
    assert node.log().count("Unknown callback") == before


async def _is_closed(polling: RawPolling) -> bool:
    return (await polling.post("6")).status_code == 400


async def test_events_before_a_flood_are_handled(node: Service) -> None:
    """And random floods, seeded: whole and broken, in reads of any length."""
    chance = random.Random(12)
    async with http_client(node.url) as http:
        await http.get("/session")
        cookie = f"Cookie: {cookie_header(http)}\r\n"
        for _ in range(5):
            flood = b"".join(chance.choice(list(FLOODS.values()))()[:1_200] for _ in range(20))
            async with raw_frames(node.port, more=cookie) as client:
                await client.join()
                client.writer.write(frame(b'42["incr"]') + flood[: chance.randrange(len(flood))])
                client.writer.write_eof()
                await client.until_closed()
        assert (await http.get("/session")).json()["count"] == 5


async def test_sockets_that_have_sent_a_large_event_keep_none_of_it() -> None:
    large = frame(b'421["no such event","' + b"x" * 950_000 + b'"]')
    async with service() as node, AsyncExitStack() as stack:
        wires = [await stack.enter_async_context(websocket(node.port)) for _ in range(40)]
        before = memory_bytes(node.pid)
        for wire in wires:
            await wire.write(large)
            await wire.read_until(b"unknown-event")
        assert memory_bytes(node.pid) - before < QUIET_BYTES


async def test_small_attachments_do_not_wait_for_a_packet_that_finds_no_room() -> None:
    text = b'451-1["no such event",{"_placeholder":true,"num":0},"' + b"x" * 900_000 + b'"]'
    async with service() as node, http_client(node.url) as http, AsyncExitStack() as stack:
        wires = [await stack.enter_async_context(websocket(node.port)) for _ in range(5)]
        for wire in wires:
            await wire.write(frame(text))
            await http.get("/healthz")
        async with asyncio.timeout(8.0):  # a packet has ten seconds to become whole
            for wire in wires:
                await wire.write(frame(b"x", BINARY))
                await wire.read_until(b"unknown-event")


async def test_large_and_small_events_keep_their_order(node: Service) -> None:
    large = f'["no such event","{"x" * 300_000}"]'
    async with raw_websocket(node.url) as client:
        await client.join()
        for number in range(0, 12, 2):
            await client.send(f"42{number}{large}")
            await client.send(f'42{number + 1}["incr"]')
        answers = [await client.receive_until("43") for _ in range(12)]
    assert [answer.partition("[")[0] for answer in answers] == [f"43{n}" for n in range(12)]


async def test_a_packet_of_too_many_arrays_is_closed(node: Service) -> None:
    async with raw_websocket(node.url) as client:
        await client.join()
        await client.send('421["incr"' + ",[]" * EVENT_CONTAINERS + "]")
        await client.frames_until_closed()


async def test_large_binary_events_are_handled_and_a_wrong_place_is_closed(node: Service) -> None:
    places = ",".join(f'{{"_placeholder":true,"num":{number}}}' for number in range(10))
    async with raw_websocket(node.url) as client:
        await client.join()
        for number in range(3):
            await client.send(f'4510-{number}["no such event",{places},"{"x" * 100_000}"]')
            for _ in range(10):
                await client.send(b"x")
            assert "unknown-event" in await client.receive_until(f"43{number}")
        await client.send('451-3["incr",{"_placeholder":true,"num":7},"' + "x" * 100_000 + '"]')
        await client.send(b"x")
        await client.frames_until_closed()


async def test_handshakes_whose_bodies_come_late_open_no_more_sockets_than_may_be() -> None:
    async with service(session_max_sockets=5) as node:
        cookie = await new_session(node.port)
        head = (
            f"GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: a\r\nCookie: {cookie}\r\n"
        )
        opened = await asyncio.gather(*(_late(node.port, head) for _ in range(20)))
    assert sum(opened) == 5


async def _late(port: int, head: str) -> bool:
    """Whether a handshake is accepted whose body comes after all others have begun."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"{head}Content-Length: 3\r\n\r\n".encode())
    await asyncio.sleep(0.2)
    writer.write(b"abc")
    answer = await reader.read(12)
    writer.close()
    return answer.endswith(b"200")


async def test_connections_that_are_reset_leave_no_traceback() -> None:
    """Nor does anything of them: `service` reads the log."""
    async with service() as node:
        cookie = await new_session(node.port)
        request = f"GET /session HTTP/1.1\r\nHost: a\r\nCookie: {cookie}\r\n\r\n".encode()
        for _ in range(300):
            with sockets.create_connection(("127.0.0.1", node.port)) as client:
                client.setsockopt(sockets.SOL_SOCKET, sockets.SO_LINGER, struct.pack("ii", 1, 0))
                client.sendall(request * 3)


@pytest.mark.parametrize(
    "kind",
    [
        *("large-events", "posted-joins", "unread-responses"),
        pytest.param("attachments", marks=pytest.mark.thorough),
    ],
)
async def test_a_siege_of_a_second_leaves_memory_and_the_log_small(kind: str) -> None:
    async with service(log_level="info") as node:
        cookie = await new_session(node.port)
        before, lines = memory_bytes(node.pid), node.log().count("\n")
        attack = asyncio.ensure_future(ATTACKS[kind](node.port, cookie))
        most = 0
        for _ in range(20):
            await asyncio.sleep(0.05)
            most = max(most, memory_bytes(node.pid) - before)
        attack.cancel()
        await asyncio.gather(attack, return_exceptions=True)
        assert most < GROWN_BYTES
        assert node.log().count("\n") - lines < 300
        async with http_client(node.url) as http:
            assert (await http.post("/incr")).json() == 1
