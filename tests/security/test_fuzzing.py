"""P13: packets as no client sends them, by the thousand. Nothing stops, nothing breaks, nothing is left.

`FUZZ_PACKETS` is how many there are, over both transports and two stores; `make fuzz` sends more.
"""

import asyncio
import os
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from websockets.exceptions import ConnectionClosed

from tests.support.eventually import PATIENCE
from tests.support.leftovers import INSPECTION_APP, nothing_is_left_over
from tests.support.packets import Frame, bodies, frames
from tests.support.raw import SEPARATOR, RawPolling, RawWebSocket, raw_polling, raw_websocket
from tests.support.samples import times
from tests.support.servers import StoreServer, store_server
from tests.support.service import Service, service
from tests.support.stores import memory_settings, server_settings

pytestmark = pytest.mark.proof

PACKETS = int(os.environ.get("FUZZ_PACKETS") or times(600, of=6000))
AT_ONCE = 25
"""Packets in one example, about."""
POSTS_AT_ONCE = 12
"""Posts in one, each of one to four packets."""
PROBE = 424242
ANSWER = f"43{PROBE}["
WITHIN = PATIENCE
"""Seconds in which a socket must answer or be closed, on a machine that has other work, too."""
METHODS = ["GET", "POST", "PUT", "DELETE", "HEAD", "PATCH"]
PARAMETERS = ["EIO", "transport", "sid", "j", "t", "b64", "EIO+", ""]
VALUES = ["4", "3", "polling", "websocket", "0", "-1", "", "%00", "%ff", "%", "4" * 3000]

Play = Callable[[Service, Any], Coroutine[Any, Any, None]]


def fuzzing(examples: int) -> settings:
    """Settings for examples that a live server is asked."""
    return settings(
        max_examples=examples,
        deadline=None,
        # To make a failing example smaller costs more here than to read it.
        phases=[Phase.explicit, Phase.reuse, Phase.generate],
        suppress_health_check=[HealthCheck.data_too_large, HealthCheck.too_slow],
    )


@pytest.fixture
def valkey() -> Iterator[StoreServer]:
    """A server of this test alone: nodes that tests share leave their numbers of sockets on another."""
    with store_server("valkey") as server:
        yield server


async def play_websocket(node: Service, packets: list[Frame]) -> None:
    """Send packets one by one, each to a socket that is in the namespace."""
    waiting = iter(packets)
    packet = next(waiting, None)
    while packet is not None:
        async with raw_websocket(node.url) as socket:
            await socket.join()
            while packet is not None and await _survives(socket, packet):
                packet = next(waiting, None)
        packet = next(waiting, None)


async def _survives(socket: RawWebSocket, frame: Frame) -> bool:
    """Send a packet; whether the socket still answers. Fails if it neither answers nor is closed."""
    try:
        await socket.send(frame.data, text=frame.text)
        await socket.emit("?", ack=PROBE)
        await socket.receive_until(ANSWER, within=WITHIN)
    except ConnectionClosed:
        return False
    except TimeoutError:
        raise AssertionError(f"no answer to {frame}") from None
    return True


async def play_polling(node: Service, posts: list[bytes]) -> None:
    """Post packets, each post to a connection that is in the namespace."""
    waiting = iter(posts)
    body = next(waiting, None)
    while body is not None:
        async with raw_polling(node.url) as polling:
            await polling.join()
            while body is not None and await _is_still_served(polling, body):
                body = next(waiting, None)
        body = next(waiting, None)


async def _is_still_served(polling: RawPolling, body: bytes) -> bool:
    posted = await polling.client.post(polling.address, content=body)
    assert posted.status_code in (200, 400), body
    probed = await polling.post(f'42{PROBE}["?"]')
    try:
        async with asyncio.timeout(WITHIN):
            return probed.status_code == 200 and await _answers(polling)
    except TimeoutError:
        raise AssertionError(f"no answer to {body!r}") from None


async def _answers(polling: RawPolling) -> bool:
    """Poll until the answer to the probe is there, or the connection is closed."""
    while (answer := await polling.poll()).status_code == 200:
        packets = answer.text.split(SEPARATOR)
        if any(packet.startswith(ANSWER) for packet in packets):
            return True
        if "2" in packets:
            await polling.post("3")
    return False


@contextmanager
def unharmed(runner: asyncio.Runner, node: Service, server: StoreServer | None) -> Iterator[None]:
    """Fail unless the node runs on, and has nothing left over."""
    watch = nothing_is_left_over(node, server, within=15.0)
    runner.run(watch.__aenter__())
    yield
    runner.run(watch.__aexit__(None, None, None))


@pytest.mark.parametrize("store", ["memory", "valkey"])
@pytest.mark.parametrize(
    ("play", "chosen", "number"),
    [(play_websocket, frames(), AT_ONCE), (play_polling, bodies(), POSTS_AT_ONCE)],
    ids=["websocket", "polling"],
)
def test_mutated_packets_stop_and_break_nothing_and_nothing_is_left(
    valkey: StoreServer, store: str, play: Play, chosen: st.SearchStrategy[Any], number: int
) -> None:
    server = valkey if store == "valkey" else None
    options = server_settings(server) if server else memory_settings()
    sent = 0
    with service(module=INSPECTION_APP, **options) as node, asyncio.Runner() as runner:

        @fuzzing(PACKETS // (4 * AT_ONCE))
        @given(st.lists(chosen, min_size=number, max_size=number))
        def send(packets: list[Any]) -> None:
            nonlocal sent
            sent += sum(map(_packets_in, packets))
            with node.watched():
                runner.run(play(node, packets))

        with unharmed(runner, node, server):
            send()
    assert sent >= PACKETS // 6


def test_made_up_parameters_of_the_engine_are_answered_and_leave_nothing() -> None:
    with service(module=INSPECTION_APP) as node, asyncio.Runner() as runner:

        @fuzzing(times(100, of=300))
        @given(st.sampled_from(METHODS), _queries())
        def ask(method: str, query: str) -> None:
            with node.watched():
                assert 400 <= _status(node, method, f"/socket.io/?{query}") < 500

        with unharmed(runner, node, None):
            ask()


def _packets_in(chosen: Frame | bytes) -> int:
    return 1 if isinstance(chosen, Frame) else chosen.count(SEPARATOR.encode()) + 1


def _queries() -> st.SearchStrategy[str]:
    """Query strings that are no handshake: these have no `EIO=4` alone, or a wrong transport."""
    words = st.sampled_from(VALUES) | st.text(st.characters(min_codepoint=33, max_codepoint=126))
    pairs = st.tuples(st.sampled_from(PARAMETERS), words).map("=".join)
    return st.lists(pairs, max_size=6).map("&".join).filter(lambda query: "EIO=4" not in query)


def _status(node: Service, method: str, target: str) -> int:
    connection = HTTPConnection(node.host, node.port, timeout=WITHIN)
    connection.putrequest(method, target.replace("#", ""))
    connection.putheader("Content-Length", "0")
    connection.endheaders()
    status = connection.getresponse().status
    connection.close()
    return status
