"""`session.destroy()` in an event: the ack comes first, and all sockets go within a second."""

import time

from tests.support.browsers import JsClients, Transport
from tests.support.eventually import eventually
from tests.support.gates import gate_of
from tests.support.raw import raw_websocket
from tests.support.service import Service


async def test_the_event_is_acknowledged_before_its_socket_is_disconnected(
    js: JsClients, extended: Service, transport: Transport
) -> None:
    browser = await js.browser(extended.url)
    mine, other = await browser.connect(transport), await browser.connect()
    await mine.emit("incr")

    assert await mine.emit("destroy") == "bye"

    for socket in (mine, other):
        event = await socket.wait_for("disconnect", within=1.0)
        assert event.args[0] == "io server disconnect"
        assert socket.values("session ended") == [{"reason": "logout"}]
    assert (await browser.fetch("GET", "/session")).json() != 1


async def test_events_behind_it_are_not_handled(extended: Service) -> None:
    async with raw_websocket(extended.url) as socket:
        await socket.join()
        await socket.emit("incr", ack=1)
        await socket.emit("destroy", ack=2)
        await socket.emit("incr", ack=3)
        await socket.emit("peek", ack=4)

        frames = await socket.frames_until_closed()

    assert '432["bye"]' in frames
    answered = [frame for frame in frames if frame.startswith(("433", "434"))]
    assert all("session-ended" in frame for frame in answered)
    ended = '42["session ended",{"reason":"logout"}]'
    assert frames.index('432["bye"]') < frames.index(ended) < frames.index("41")


async def test_a_handler_that_goes_on_delays_no_socket_by_more_than_a_second(
    js: JsClients, extended: Service
) -> None:
    browser = await js.browser(extended.url)
    mine, other = await browser.connect(), await browser.connect()
    async with gate_of(extended) as gate:
        sent = time.monotonic()
        await mine.send("destroy", gate.name)
        for socket in (other, mine):
            event = await socket.wait_for("disconnect", within=2.0)
            assert event.at <= sent + 1.0
        await gate.reached_by(1)


async def test_a_logout_from_elsewhere_does_not_wait_for_a_handler(
    js: JsClients, extended: Service
) -> None:
    browser = await js.browser(extended.url)
    socket = await browser.connect()
    async with gate_of(extended) as gate:
        await socket.send("wait", gate.name)
        await gate.reached_by(1)
        sent = time.monotonic()
        await browser.fetch("POST", "/logout")
        event = await socket.wait_for("disconnect", within=2.0)
        assert event.at <= sent + 1.0


async def test_data_that_json_would_change_are_an_error_ack_and_one_line_in_the_log(
    js: JsClients, extended: Service
) -> None:
    line = "the handler of event 'write bytes' failed: cart.items[1].at: a bytes is no JSON value"
    before = extended.log().count(line)
    socket = await js.connect(extended.url)

    ack = await socket.emit("write bytes")

    assert ack["error"]["type"] == "internal-error"
    assert await socket.emit("peek") == {}
    await eventually(lambda: extended.log().count(line) == before + 1)
    assert await socket.emit("incr") == 1
