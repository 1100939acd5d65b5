"""P12: events of one socket in order; a slow one delays nobody else."""

from pathlib import Path

import pytest

from tests.support.browsers import JsBrowser, JsClients, Transport
from tests.support.eventually import eventually, stays
from tests.support.service import service
from tests.support.stores import StoreSettings


async def test_events_of_one_socket_are_answered_in_the_order_in_which_they_were_sent(
    browser: JsBrowser, transport: Transport
) -> None:
    socket = await browser.connect(transport)

    answers = await socket.burst(*[("incr",)] * 150)

    assert answers == [(index, index + 1) for index in range(150)]
    await eventually(lambda: socket.values("current count") == list(range(1, 151)))


async def test_a_slow_handler_delays_no_other_socket_and_breaks_no_heartbeat(
    js: JsClients, any_store: StoreSettings, transport: Transport, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    async with service(module="tests.support.slow_app", gate=gate, **any_store) as node:
        browser = await js.browser(node.url)
        slow, quick = [await browser.connect(transport) for _ in range(2)]
        await slow.send("wait")
        await slow.send("incr")

        assert await quick.emit("incr") == 1
        # Pings go out every 0.3 s here, and a pong that is late by as much closes the socket.
        await stays(lambda: slow.connected and quick.connected, during=1.5)
        assert slow.values("current count") == [1]

        gate.touch()
        await eventually(lambda: slow.values("current count") == [1, 2])


@pytest.mark.parametrize("number", [20, 500])
async def test_a_polling_client_may_send_many_events_in_one_post(
    browser: JsBrowser, number: int
) -> None:
    socket = await browser.connect(Transport.POLLING)

    answers = await socket.burst(*[("incr",)] * number)

    assert [ack for _index, ack in answers] == list(range(1, number + 1))
