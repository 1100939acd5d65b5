"""P12: events of one socket in order; a slow handler holds up nobody else."""

import asyncio

import pytest

from tests.support.browsers import JsClients, Transport
from tests.support.eventually import stays
from tests.support.extended_app import PING_INTERVAL, PING_TIMEOUT
from tests.support.gates import gate_of
from tests.support.raw import raw_polling
from tests.support.service import Service

EVENTS = 100
PROMPT = 1.0
"""Seconds in which a socket is answered that nothing holds up."""


@pytest.mark.every_transport
@pytest.mark.smoke
async def test_events_of_one_socket_are_handled_and_acknowledged_in_the_order_they_were_sent(
    js: JsClients, extended: Service, transport: Transport
) -> None:
    browser = await js.browser(extended.url)
    socket = await browser.connect(transport)

    acks = await socket.burst(*[("note", number) for number in range(EVENTS)])

    assert acks == [(number, number) for number in range(EVENTS)]
    assert (await browser.fetch("GET", "/data")).json() == {"notes": list(range(EVENTS))}


async def test_two_sockets_of_a_session_keep_an_order_each_and_lose_none(
    js: JsClients, extended: Service
) -> None:
    browser = await js.browser(extended.url)
    await browser.fetch("GET", "/session")
    sockets = await browser.connect_on_all()

    bursts = await asyncio.gather(*(socket.burst(*[("incr",)] * 30) for socket in sockets))

    for burst in bursts:
        counts = [count for _index, count in burst]
        assert [index for index, _count in burst] == list(range(30))
        assert counts == sorted(counts)
    assert sorted(count for burst in bursts for _, count in burst) == list(range(1, 91))


async def test_events_behind_a_slow_one_wait_and_then_follow_in_order(
    js: JsClients, extended: Service, transport: Transport
) -> None:
    socket = await js.connect(extended.url, transport)
    async with gate_of(extended) as gate:
        burst = asyncio.create_task(
            socket.burst(("wait", gate.name), ("incr",), ("peek",), ("no such event",), ("incr",))
        )
        await gate.reached_by(1)
        await stays(lambda: not burst.done(), during=0.2)
        assert socket.values("current count") == []
        await gate.open()

        acks = await burst

    assert [index for index, _answer in acks] == [0, 1, 2, 3, 4]
    answers = [answer for _index, answer in acks]
    assert answers[:3] == [gate.name, 1, {"count": 1}]
    assert answers[3]["error"]["type"] == "unknown-event"
    assert answers[4] == 2


async def test_a_slow_handler_delays_neither_other_sockets_nor_requests(
    js: JsClients, extended: Service, transport: Transport
) -> None:
    browser = await js.browser(extended.url)
    slow = await browser.connect(transport)
    beside = await browser.connect_on_all()
    stranger = await js.connect(extended.url)
    async with gate_of(extended) as gate:
        await slow.send("wait", gate.name)
        await gate.reached_by(1)

        for number, socket in enumerate(beside, start=1):
            assert await socket.emit("incr", within=PROMPT) == number
        assert await stranger.emit("incr", within=PROMPT) == 1
        async with asyncio.timeout(PROMPT):
            assert (await browser.fetch("POST", "/incr")).json() == 4
        heard = await slow.wait_for("current count", where=lambda event: event.args == (4,))
        assert heard.args == (4,)


async def test_a_slow_handler_breaks_no_heartbeat(js: JsClients, extended: Service) -> None:
    sockets = await (await js.browser(extended.url)).connect_on_all()
    async with gate_of(extended) as gate:
        for socket in sockets:
            await socket.send("wait", gate.name)
        await gate.reached_by(len(sockets))

        await stays(
            lambda: not any(socket.named("disconnect") for socket in sockets),
            during=PING_INTERVAL + PING_TIMEOUT + 0.5,
        )

    assert sorted([await socket.emit("incr") for socket in sockets]) == [1, 2, 3]


async def test_a_hundred_events_in_one_post_are_handled_in_order(node: Service) -> None:
    async with raw_polling(node.url) as polling:
        await polling.join()

        await polling.post(*(f'42{ack}["incr"]' for ack in range(1, EVENTS + 1)))

        acks = [await polling.receive_until("43") for _ in range(EVENTS)]
    assert acks == [f"43{n}[{n}]" for n in range(1, EVENTS + 1)]
