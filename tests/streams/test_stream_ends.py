"""Streams that end before their time: with the session, the user, the source, its caller, its node."""

import asyncio
import time
from signal import SIGKILL

import pytest

from tests.streams.answers import Stream
from tests.support.browsers import JsBrowser, JsClients, Transport
from tests.support.eventually import eventually
from tests.support.js_client import JsClient
from tests.support.nodes import Pair
from tests.support.service import Service


async def begun(
    browser: JsBrowser, client: JsClient, url: str | None = None, **query: object
) -> Stream:
    """A stream that has sent its first item to a client."""
    stream = Stream(browser, url)
    await stream.begin(**query)
    await stream.feed(0)
    await stream.got(client, 0)
    return stream


@pytest.mark.parametrize("transport", [Transport.WEBSOCKET, Transport.POLLING])
async def test_a_logout_closes_the_source_within_a_second_and_nothing_more_is_sent(
    js: JsClients, pair: Pair, transport: Transport
) -> None:
    browser = await pair.browser(js)
    client = await browser.connect(transport, url=pair.there.url)
    stream = await begun(browser, client)
    began = time.monotonic()
    assert (await browser.fetch("POST", f"{pair.there.url}/logout")).status == 204
    await client.wait_for("disconnect", within=1.0)
    assert await stream.outcome(within=1.0) == "logout"
    assert time.monotonic() - began < 1.0
    assert (await stream.source())["closed"]
    await stream.feed(1)
    stranger = await browser.connect(transport, url=pair.there.url)
    assert await stranger.emit("incr") == 1
    assert stream.parts(stranger) == []
    assert stream.items(client) == [0]
    assert len(stream.parts(client)) == 1


async def test_the_end_of_a_user_ends_a_stream_to_the_user(js: JsClients, pair: Pair) -> None:
    user = Stream(await js.browser(pair.here.url)).id
    browsers = [await js.browser(node.url) for node in pair]
    for browser in browsers:
        await browser.fetch("POST", f"/sign-in/{user}")
    clients = [await browser.connect() for browser in browsers]
    stream = await begun(await js.browser(pair.here.url), clients[1], user=user)
    await browsers[0].fetch("POST", "/logout")
    await clients[0].wait_for("disconnect")
    await stream.feed(1)
    await stream.got(clients[1], 0, 1)
    began = time.monotonic()
    ended = await browsers[1].fetch("POST", f"{pair.there.url}/end/{user}")
    assert ended.json() == 1
    assert await stream.outcome(within=1.0) == "revoked"
    assert time.monotonic() - began < 1.0
    assert (await stream.source())["closed"]


async def test_a_stream_to_a_session_that_has_ended_reads_nothing(
    js: JsClients, streaming: Service
) -> None:
    stream = Stream(await js.browser(streaming.url))
    assert await stream.count_out(10, user="nobody-here") == "expired"
    assert await stream.source() == {"pulled": 0, "closed": False, "outcome": "expired"}


async def test_a_source_that_breaks_ends_the_stream_with_an_error(
    js: JsClients, streaming: Service
) -> None:
    browser = await js.browser(streaming.url)
    client = await browser.connect()
    stream = await begun(browser, client)
    await stream.feed(1, 2, "break")
    last = await stream.end(client)
    detail = "The error is in the server's log."
    assert last["error"] == {"type": "internal-error", "detail": detail}
    assert last["offset"] == 3
    assert stream.items(client) == [0, 1, 2]
    assert (await stream.outcome()).startswith("RuntimeError")


async def test_a_source_that_refuses_says_why(js: JsClients, streaming: Service) -> None:
    browser = await js.browser(streaming.url)
    client = await browser.connect()
    stream = await begun(browser, client)
    await stream.feed("refuse")
    last = await stream.end(client)
    assert last["error"] == {"type": "too-long", "detail": "the answer is too long", "limit": 3}


async def test_an_item_that_does_not_fit_ends_the_stream(js: JsClients, streaming: Service) -> None:
    browser = await js.browser(streaming.url)
    client = await browser.connect()
    stream = await begun(browser, client)
    await stream.feed(1, [2])
    assert (await stream.end(client))["error"]["type"] == "internal-error"
    assert (await stream.outcome()).startswith("ValidationError")
    assert stream.items(client) == [0, 1]
    assert (await stream.source())["closed"]


async def test_a_stream_that_is_called_off_is_ended(js: JsClients, pair: Pair) -> None:
    browser = await pair.browser(js)
    client = await browser.connect(url=pair.there.url)
    stream = await begun(browser, client)
    await stream.call_off()
    assert (await stream.end(client))["error"]["type"] == "cancelled"
    assert (await stream.outcome()).startswith("CancelledError")
    assert (await stream.source())["closed"]


async def test_readers_are_told_when_the_node_of_the_source_was_killed(
    js: JsClients, own_pair: Pair
) -> None:
    browser = await own_pair.browser(js)
    client = await browser.connect(url=own_pair.there.url)
    stream = await begun(browser, client)
    own_pair.here.signal(SIGKILL)
    last = await stream.end(client, within=10.0)
    assert last["error"]["type"] == "producer-gone"
    late = await browser.connect(Transport.POLLING, url=own_pair.there.url)
    assert (await stream.end(late)) == last
    assert stream.items(late) == [0]


async def test_a_node_that_was_stopped_for_too_long_finds_its_stream_ended(
    js: JsClients, own_pair: Pair
) -> None:
    browser = await own_pair.browser(js)
    client = await browser.connect(url=own_pair.there.url)
    stream = await begun(browser, client)
    own_pair.here.pause()
    assert (await stream.end(client, within=10.0))["error"]["type"] == "producer-gone"
    own_pair.here.resume()
    assert "abandoned" in await stream.outcome()
    assert (await stream.source())["closed"]
    assert stream.items(client) == [0]


async def test_a_stream_goes_on_after_the_server_was_away_for_a_while(
    js: JsClients, own_pair: Pair
) -> None:
    browser = await own_pair.browser(js)
    client = await browser.connect(url=own_pair.there.url)
    stream = await begun(browser, client)
    own_pair.server.pause()
    began = time.monotonic()
    await stream.feed(1, 2)
    await asyncio.sleep(6.0)  # longer than the lease of its producer
    own_pair.server.resume_or_start()
    await stream.got(client, 0, 1, 2)
    assert time.monotonic() - began > 5.0
    await stream.feed(3, "end")
    assert (await stream.end(client))["done"]
    assert stream.items(client) == [0, 1, 2, 3]


async def test_a_server_that_has_lost_the_stream_ends_it_for_both_sides(
    js: JsClients, own_pair: Pair
) -> None:
    browser = await own_pair.browser(js)
    client = await browser.connect(url=own_pair.there.url)
    stream = await begun(browser, client)
    own_pair.server.command("EVAL", DELETE_STREAMS, "0")
    assert (await stream.end(client))["error"]["type"] == "stream-lost"
    assert "gone" in await stream.outcome()
    assert (await stream.source())["closed"]


async def test_the_source_is_closed_when_the_server_stays_away(
    js: JsClients, own_pair: Pair
) -> None:
    browser = await own_pair.browser(js)
    client = await browser.connect(url=own_pair.there.url)
    stream = await begun(browser, client)
    own_pair.server.pause()
    await stream.feed(1)

    async def closed() -> bool:
        return bool((await stream.source())["closed"])

    await eventually(closed, within=14.0)
    assert (await stream.outcome()).startswith("BusUnavailableError")
    own_pair.server.resume_or_start()
    assert (await stream.end(client, within=12.0))["error"]["type"] == "producer-gone"


DELETE_STREAMS = """
for _, key in ipairs(redis.call('KEYS', 'mooring:streams:*')) do redis.call('DEL', key) end
"""


async def test_readers_elsewhere_are_told_when_the_node_of_the_source_shuts_down(
    js: JsClients, own_pair: Pair
) -> None:
    browser = await own_pair.browser(js)
    client = await browser.connect(url=own_pair.there.url)
    stream = await begun(browser, client)
    waiting = asyncio.create_task(Stream(browser).count_out(1000, pause=1.0))
    began = time.monotonic()
    own_pair.here.terminate()
    assert (await stream.end(client))["error"]["type"] == "producer-gone"
    assert await waiting == "shutdown"
    await eventually(lambda: not own_pair.here.alive, within=10.0)
    assert time.monotonic() - began < 10.0


async def test_more_streams_than_may_be_are_refused(js: JsClients, streaming: Service) -> None:
    browser = await js.browser(streaming.url)
    await browser.fetch("GET", "/key")
    for _ in range(100):
        await Stream(browser).count_out(0)
    answer = await browser.post_json(f"/count-out/{Stream(browser).id}?count=0", [])
    assert answer.status == 429
    assert answer.json()["type"] == "too-many-streams"
    assert answer.header("retry-after") == "60"
